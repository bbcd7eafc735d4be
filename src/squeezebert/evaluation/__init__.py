"""Scoring anything that predicts."""

from squeezebert.evaluation.evaluate import Evaluation, evaluate
from squeezebert.evaluation.metrics import ClassScores
from squeezebert.evaluation.predictor import load_predictor

__all__ = ["ClassScores", "Evaluation", "evaluate", "load_predictor"]
