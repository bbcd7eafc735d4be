"""From a user's examples to a model, without torch: ``squeezebert.learn(examples)``."""

import sys
from types import ModuleType
from typing import Any

from squeezebert.learn.classifier import (
    FewShotClassifier,
    LearntModel,
    NothingLearntError,
    learn,
)

__all__ = ["FewShotClassifier", "LearntModel", "NothingLearntError", "learn"]


class _Room(ModuleType):
    """The room that has the name of what it does: to call it is to call its function."""

    def __call__(self, *arguments: Any, **options: Any) -> LearntModel:
        """What `learn` returns."""
        return learn(*arguments, **options)


sys.modules[__name__].__class__ = _Room
