"""Scoring anything that predicts."""

from squeezebert.evaluation.evaluate import evaluate
from squeezebert.evaluation.scores import ClassScores, Evaluation

__all__ = ["ClassScores", "Evaluation", "evaluate"]
