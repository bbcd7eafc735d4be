"""SqueezeBERT in PyTorch, as Hugging Face models that transformers' Auto classes find."""

from squeezebert.errors import MissingExtraError

try:
    from squeezebert.model import auto
except ModuleNotFoundError as error:
    raise MissingExtraError("squeezebert.model", "train", str(error.name)) from error

from squeezebert.model.config import SqueezeBertConfig, SqueezeBertSeparableConfig
from squeezebert.model.encoder import SqueezeBertModel, SqueezeBertPreTrainedModel
from squeezebert.model.heads import (
    SqueezeBertForMultipleChoice,
    SqueezeBertForQuestionAnswering,
    SqueezeBertForSequenceClassification,
    SqueezeBertForTokenClassification,
)
from squeezebert.model.pretraining import SqueezeBertForMaskedLM, SqueezeBertForPreTraining

__all__ = [
    "SqueezeBertConfig",
    "SqueezeBertForMaskedLM",
    "SqueezeBertForMultipleChoice",
    "SqueezeBertForPreTraining",
    "SqueezeBertForQuestionAnswering",
    "SqueezeBertForSequenceClassification",
    "SqueezeBertForTokenClassification",
    "SqueezeBertModel",
    "SqueezeBertPreTrainedModel",
    "SqueezeBertSeparableConfig",
]

auto.register()
