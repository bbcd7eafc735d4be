"""What a user calls: text in, typed predictions out."""

from squeezebert.pipelines.classification import Classification, Classifier
from squeezebert.pipelines.loading import load
from squeezebert.pipelines.tasks import Pipeline

__all__ = ["Classification", "Classifier", "Pipeline", "load"]
