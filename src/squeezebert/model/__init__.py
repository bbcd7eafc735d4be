"""SqueezeBERT in PyTorch, as Hugging Face models."""

from squeezebert.model.config import SqueezeBertConfig, SqueezeBertSeparableConfig
from squeezebert.model.encoder import SqueezeBertModel, SqueezeBertPreTrainedModel

__all__ = [
    "SqueezeBertConfig",
    "SqueezeBertModel",
    "SqueezeBertPreTrainedModel",
    "SqueezeBertSeparableConfig",
]
