"""From a user's examples to a model, without torch."""

from squeezebert.learn.few_shot import FewShotClassifier

__all__ = ["FewShotClassifier"]
