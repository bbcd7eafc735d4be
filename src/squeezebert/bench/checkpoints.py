"""The encoder of a checkpoint as a bundle's tensors."""

from pathlib import Path

from squeezebert.bundle import Architecture, Tensor
from squeezebert.errors import CheckpointError
from squeezebert.export.convert import architecture_of, quantised_tensors
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
    return architecture, quantised_tensors(model, architecture)
