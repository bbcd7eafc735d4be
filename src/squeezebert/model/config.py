"""The shape of a SqueezeBERT."""

from typing import Any, Self

from huggingface_hub.dataclasses import strict
from transformers import SqueezeBertConfig as HuggingFaceSqueezeBertConfig

from squeezebert.errors import CheckpointError


@strict
class SqueezeBertConfig(HuggingFaceSqueezeBertConfig):
    """Configuration of a SqueezeBERT whose position-wise layers are grouped 1x1 convolutions.

    The fields are those of transformers, the defaults those of
    [squeezebert/squeezebert-uncased](https://huggingface.co/squeezebert/squeezebert-uncased) but
    for its vocabulary, padded there to 30,528 words. ``embedding_size`` follows ``hidden_size``
    when it is not given, and the group counts must divide the widths of the layers they split.

    Attributes:
        embedding_size: width of the embeddings; the same as ``hidden_size``.

    Raises:
        ValueError: the sizes don't fit together.
    """

    embedding_size: int | None = None  # type: ignore[assignment]  # an int there

    def __post_init__(self, **kwargs: object) -> None:
        if self.embedding_size is None:
            self.embedding_size = self.hidden_size
        super().__post_init__(**kwargs)
        self._check_sizes()

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Self:
        """Reads a configuration of this model type, or of a subclass that ``model_type`` names.

        Args:
            config_dict: the contents of a ``config.json``.
            kwargs: values that replace those of ``config_dict``.

        Raises:
            CheckpointError: it is of another model.
        """
        model_type = config_dict.get("model_type", cls.model_type)
        for kind in (cls, *cls.__subclasses__()):
            if kind.model_type == model_type:
                if kind is not cls:
                    return kind.from_dict(config_dict, **kwargs)
                return super().from_dict(config_dict, **kwargs)
        raise CheckpointError(
            f"A checkpoint of model type {model_type!r} is not one of {cls.model_type!r}. "
            "Load it with transformers' Auto classes, or squeeze it first."
        )

    def _check_sizes(self) -> None:
        if self.embedding_size != self.hidden_size:
            raise ValueError(
                f"embedding_size {self.embedding_size} must equal hidden_size {self.hidden_size}"
            )
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of "
                f"num_attention_heads {self.num_attention_heads}"
            )
        hidden, intermediate = self.hidden_size, self.intermediate_size
        for field, widths in {
            "q_groups": (hidden,),
            "k_groups": (hidden,),
            "v_groups": (hidden,),
            "post_attention_groups": (hidden,),
            "intermediate_groups": (hidden, intermediate),
            "output_groups": (intermediate, hidden),
        }.items():
            groups = getattr(self, field)
            if groups < 1 or any(width % groups for width in widths):
                sizes = " and ".join(map(str, widths))
                raise ValueError(f"{field} {groups} does not divide {sizes}")


@strict
class SqueezeBertSeparableConfig(SqueezeBertConfig):
    """Configuration of a SqueezeBERT whose position-wise layers are depthwise separable.

    Each is a depthwise convolution over the sequence, with one filter of ``kernel_size`` taps per
    channel, followed by the grouped 1x1 convolution. The model type is another than SqueezeBERT's,
    so that a library that knows only the grouped kind refuses such a checkpoint.

    Attributes:
        kernel_size: taps of each filter; odd.
    """

    model_type = "squeezebert-separable"

    kernel_size: int = 3

    def _check_sizes(self) -> None:
        super()._check_sizes()
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size {self.kernel_size} is not a positive odd number")
