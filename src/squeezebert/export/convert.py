"""A checkpoint's weights as a bundle's tensors."""

from transformers import PreTrainedModel

from squeezebert.bundle import Architecture, TaskSpec, Tensor
from squeezebert.bundle.architecture import WORDS, Mixer
from squeezebert.bundle.checks import ManifestError
from squeezebert.bundle.quantise import WordBits, quantise_rows, quantise_table
from squeezebert.bundle.tensors import stays_float
from squeezebert.errors import CheckpointError
from squeezebert.model import SqueezeBertConfig, SqueezeBertSeparableConfig
from squeezebert.pipelines.tasks import HEADS


def architecture_of(config: SqueezeBertConfig) -> Architecture:
    """The encoder's shape as a bundle states it.

    Raises:
        CheckpointError: bundles can't hold such an encoder, for example another activation.
    """
    separable = isinstance(config, SqueezeBertSeparableConfig)
    try:
        return Architecture(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            num_hidden_layers=config.num_hidden_layers,
            num_attention_heads=config.num_attention_heads,
            intermediate_size=config.intermediate_size,
            max_position_embeddings=config.max_position_embeddings,
            type_vocab_size=config.type_vocab_size,
            groups={
                "q": config.q_groups,
                "k": config.k_groups,
                "v": config.v_groups,
                "post_attention": config.post_attention_groups,
                "intermediate": config.intermediate_groups,
                "output": config.output_groups,
            },
            layer_norm_eps=config.layer_norm_eps,
            hidden_act=str(config.hidden_act),
            mixer=Mixer.SEPARABLE if separable else Mixer.GROUPED,
            kernel_size=config.kernel_size if separable else 1,
        )
    except ManifestError as error:
        raise CheckpointError(f"This checkpoint can't become a bundle: {error}.") from error


def quantised_tensors(
    model: PreTrainedModel,
    architecture: Architecture,
    spec: TaskSpec | None = None,
    word_bits: WordBits | None = None,
) -> dict[str, Tensor]:
    """The tensors of the encoder, and of a task's head, under the names they have in a bundle.

    Matrices and tables become int8 with a scale for each output channel or row, word embeddings
    also 4-bit integers with one for each block; biases, layer norms, token types and depthwise
    filters stay float32.

    Args:
        model: an encoder, or a model with one inside.
        architecture: the encoder's shape.
        spec: what the head is for; None leaves it out.
        word_bits: of a value of the word embeddings; see `quantise_table`.

    Raises:
        CheckpointError: a weight is not a finite number, as after a training that diverged.
    """
    wanted = set(architecture.shapes())
    if spec is not None:
        wanted |= HEADS[spec.task].shapes(architecture, len(spec.labels)).keys()
    tensors: dict[str, Tensor] = {}
    for full_name, parameter in model.state_dict().items():
        name = bundle_name(full_name)
        if name not in wanted:  # such as the pooler, where the head has no use for it
            continue
        array = parameter.float().numpy(force=True)
        try:
            if name == WORDS:
                tensors[name] = quantise_table(array, word_bits)
            else:
                tensors[name] = array if stays_float(name, array.shape) else quantise_rows(array)
        except ValueError as error:
            raise CheckpointError(
                f"Tensor {name} can't be quantised: {error}. Train the checkpoint again."
            ) from error
    return tensors


def bundle_name(name: str) -> str:
    """A parameter's name without the prefix of the encoder inside a model with a head."""
    return name.removeprefix("transformer.")
