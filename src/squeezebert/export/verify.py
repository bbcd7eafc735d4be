"""Does a bundle compute what its weights say?"""

import copy
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch

from squeezebert.bundle import Architecture, TaskSpec, Tensor
from squeezebert.bundle.tensors import as_floats
from squeezebert.errors import SqueezeBertError
from squeezebert.export.convert import bundle_name
from squeezebert.export.outliers import outlying
from squeezebert.model import SqueezeBertModel, SqueezeBertPreTrainedModel
from squeezebert.model.checkpoint import TorchHead
from squeezebert.model.engine import TorchEngine
from squeezebert.pipelines.tasks import HEADS
from squeezebert.runtime import NumpyEngine, PackedBatch
from squeezebert.tokenizer import Item, Tokenizer
from squeezebert.tokens.items import HIDDEN

TOLERANCE = 1e-4


def verify(
    model: SqueezeBertPreTrainedModel,
    architecture: Architecture,
    tensors: Mapping[str, Tensor],
    tokenizer: Tokenizer,
    spec: TaskSpec,
    items: Sequence[Item],
) -> float:
    """Runs items through a bundle's engine and through torch with the bundle's own weights.

    Args:
        model: of the checkpoint that the bundle is made from, in evaluation mode; stays as it is.
        architecture, tensors, tokenizer, spec: of the bundle.
        items: at least one.

    Returns:
        The largest absolute difference of a hidden state or an output.

    Raises:
        SqueezeBertError: it exceeds 1e-4: the engine and the model disagree, a fault of this
            package or of the machine's arithmetic.
    """
    reference = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in reference.named_parameters():
            if (stored := tensors.get(bundle_name(name))) is not None:
                parameter.copy_(torch.tensor(as_floats(stored)))
    encoder = cast(SqueezeBertModel, reference.base_model)
    engine = NumpyEngine(architecture, tensors)
    if spec.mask is not None:  # read as the pipeline does
        mark = tokenizer.token(spec.mask)
        items = [item.replace(HIDDEN, mark) for item in items if isinstance(item, str)]
    encodings = [
        (encoding.ids, encoding.type_ids)
        for encoding in tokenizer.encode_batch(items, spec.max_length)
    ]
    # Each alone in torch, all together in the engine.
    together = PackedBatch.from_encodings(encodings)
    alone = [PackedBatch.from_encodings([encoding]) for encoding in encodings]
    difference = max(
        float(
            np.abs(ours(together) - np.concatenate([torchs(one) for one in alone])).max(
                initial=0.0  # a long text may hide its word beyond what is read at once
            )
        )
        for ours, torchs in (
            (engine.encode, TorchEngine(encoder).encode),
            (
                HEADS[spec.task](engine, tensors, architecture, spec),
                TorchHead(reference, spec),
            ),
        )
    )
    if not difference <= TOLERANCE:
        raise SqueezeBertError(
            f"The engine's results differ by {difference:.1e} from PyTorch's with the same "
            f"weights, more than {TOLERANCE:.0e}. {outlying(tensors)} Nothing was written."
        )
    return difference
