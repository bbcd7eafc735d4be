"""What runs a head that was learnt on top of a finished encoder."""

from squeezebert.pipelines.learnt.classifier import LearntClassifier, LearntHead

__all__ = ["LearntClassifier", "LearntHead"]
