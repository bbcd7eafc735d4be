"""Scoring anything that predicts."""

from squeezebert.errors import MissingExtraError

try:
    from squeezebert.evaluation.evaluate import Evaluation, evaluate
    from squeezebert.evaluation.metrics import ClassScores
except ModuleNotFoundError as error:
    raise MissingExtraError("Evaluation", "train", str(error.name)) from error
from squeezebert.evaluation.predictor import load_predictor

__all__ = ["ClassScores", "Evaluation", "evaluate", "load_predictor"]
