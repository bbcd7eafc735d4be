"""The encoder of a checkpoint as a bundle's tensors."""

from pathlib import Path

from squeezebert.bundle import Architecture, Tensor
from squeezebert.bundle.quantise import quantise_rows
from squeezebert.bundle.tensors import stays_float
from squeezebert.errors import CheckpointError
from squeezebert.export.convert import architecture_of
from squeezebert.model import SqueezeBertModel
from squeezebert.model.compact import find_checkpoint


def encoder_of(checkpoint: str | Path) -> tuple[Architecture, dict[str, Tensor]]:
    """Reads a SqueezeBERT checkpoint of any head.

    Raises:
        CheckpointError: it is damaged or of another kind.
    """
    try:
        model = SqueezeBertModel.from_pretrained(find_checkpoint(checkpoint))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{checkpoint} can't be read as a SqueezeBERT: {error}") from error
    architecture = architecture_of(model.config)
    parameters = model.state_dict()
    arrays = {name: parameters[name].float().numpy() for name in architecture.shapes()}
    return architecture, {
        name: array if stays_float(name, array.shape) else quantise_rows(array)
        for name, array in arrays.items()
    }
