"""Does a bundle compute what its weights say?"""

import copy
from collections.abc import Sequence

import numpy as np
import torch

from squeezebert.bundle import Bundle
from squeezebert.bundle.tensors import as_floats
from squeezebert.errors import SqueezeBertError
from squeezebert.export.convert import bundle_name
from squeezebert.model import SqueezeBertForSequenceClassification
from squeezebert.pipelines.classification import Head
from squeezebert.runtime import NumpyEngine, PackedBatch
from squeezebert.tokenizer import Item, Tokenizer

TOLERANCE = 1e-4


def verify(
    model: SqueezeBertForSequenceClassification, bundle: Bundle, items: Sequence[Item]
) -> float:
    """Runs items through the bundle's engine and through torch with the bundle's own weights.

    Args:
        model: of the checkpoint that the bundle was made from, in evaluation mode; stays as it is.
        items: at least one.

    Returns:
        The largest absolute difference of a hidden state or a logit.

    Raises:
        SqueezeBertError: it exceeds 1e-4: the engine and the model disagree, a fault of this
            package or of the machine's arithmetic.
    """
    reference = copy.deepcopy(model)
    reference.load_state_dict(
        {
            name: torch.tensor(as_floats(bundle.tensors[bundle_name(name)]))
            for name in reference.state_dict()
        }
    )
    manifest = bundle.manifest
    engine = NumpyEngine(manifest.architecture, bundle.tensors)
    tokenizer = Tokenizer.from_json(bundle.tokenizer_json)
    encodings = [
        (encoding.ids, encoding.type_ids)
        for encoding in tokenizer.encode_batch(items, manifest.max_length)
    ]
    batch = PackedBatch.from_encodings(encodings)
    expected_hidden, expected_logits = zip(
        *(_run(reference, ids, type_ids) for ids, type_ids in encodings), strict=True
    )
    difference = max(
        float(np.abs(engine.encode(batch) - np.concatenate(expected_hidden)).max()),
        float(np.abs(Head(engine, bundle.tensors)(batch) - np.concatenate(expected_logits)).max()),
    )
    if not difference <= TOLERANCE:
        raise SqueezeBertError(
            f"The engine's results differ by {difference:.1e} from PyTorch's with the same "
            f"weights, more than {TOLERANCE:.0e}. Nothing was written; please report this."
        )
    return difference


@torch.inference_mode()
def _run(
    model: SqueezeBertForSequenceClassification, ids: list[int], type_ids: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Last hidden states [tokens, hidden] and logits [1, labels] of one sequence."""
    output = model(
        input_ids=torch.tensor([ids]),
        token_type_ids=torch.tensor([type_ids]),
        output_hidden_states=True,
    )
    return output.hidden_states[-1][0].numpy(), output.logits.numpy()
