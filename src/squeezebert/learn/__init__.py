"""From a user's examples to a model, without torch."""

from squeezebert.learn.classifier import (
    FewShotClassifier,
    LearntModel,
    NothingLearntError,
    learn,
)

__all__ = ["FewShotClassifier", "LearntModel", "NothingLearntError", "learn"]
