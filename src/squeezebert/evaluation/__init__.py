"""Scoring anything that predicts."""

from squeezebert.errors import MissingExtraError

try:
    from squeezebert.evaluation.evaluate import evaluate
except ModuleNotFoundError as error:
    raise MissingExtraError("Evaluation", "train", str(error.name)) from error
from squeezebert.evaluation.scores import ClassScores, Evaluation

__all__ = ["ClassScores", "Evaluation", "evaluate"]
