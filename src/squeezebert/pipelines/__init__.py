"""What a user calls: text in, typed predictions out."""

from squeezebert.pipelines.classification import Classification, Classifier
from squeezebert.pipelines.loading import load

__all__ = ["Classification", "Classifier", "load"]
