"""The engine over PyTorch: the model's results on packed batches, and the NumPy engine's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from squeezebert.errors import InputError
from squeezebert.export.convert import architecture_of
from squeezebert.model import SqueezeBertModel
from squeezebert.model.engine import TorchEngine, pad
from squeezebert.runtime import Engine, NumpyEngine, PackedBatch

ModelMaker = Callable[..., Any]

GROUPS = {"q": 4, "k": 2, "v": 8, "post_attention": 1, "intermediate": 4, "output": 2}
LENGTHS = (7, 40, 1, 7, 2, 33)

mixers = pytest.mark.parametrize(
    "kernel_size", [None, 3, 5], ids=["grouped", "separable", "wide separable"]
)


def in_groups(kernel_size: int | None) -> dict[str, int]:
    settings = {f"{kind}_groups": count for kind, count in GROUPS.items()}
    return settings if kernel_size is None else settings | {"kernel_size": kernel_size}


def packed(*lengths: int) -> PackedBatch:
    random = np.random.default_rng(0)
    return PackedBatch.from_encodings(
        (random.integers(60, size=n).tolist(), random.integers(2, size=n).tolist()) for n in lengths
    )


@mixers
def test_ragged_batches_agree_with_the_model(
    make_model: ModelMaker, kernel_size: int | None
) -> None:
    model = make_model(**in_groups(kernel_size))
    batch = packed(*LENGTHS)
    engine: Engine = TorchEngine(model)
    found = engine.encode(batch)
    assert found.dtype == np.float32
    assert found.shape == (sum(LENGTHS), engine.hidden_size)
    for start, stop in zip(batch.cu_seqlens, batch.cu_seqlens[1:], strict=False):
        with torch.no_grad():
            alone = model(
                torch.from_numpy(batch.input_ids[None, start:stop]),
                token_type_ids=torch.from_numpy(batch.token_type_ids[None, start:stop]),
            ).last_hidden_state[0]
        np.testing.assert_allclose(found[start:stop], alone.numpy(), rtol=0, atol=1e-5)


@mixers
def test_ragged_batches_agree_with_the_numpy_engine(
    make_model: ModelMaker, kernel_size: int | None
) -> None:
    model: SqueezeBertModel = make_model(**in_groups(kernel_size), layer_norm_eps=1e-3)
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    batch = packed(*LENGTHS)
    found = TorchEngine(model).encode(batch)
    expected = NumpyEngine(architecture_of(model.config), weights).encode(batch)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_a_model_in_training_is_put_into_evaluation(make_model: ModelMaker) -> None:
    model = make_model().train()
    engine = TorchEngine(model)
    assert not model.training
    np.testing.assert_array_equal(engine.encode(packed(5, 3)), engine.encode(packed(5, 3)))


def test_an_empty_batch(make_model: ModelMaker) -> None:
    assert TorchEngine(make_model()).encode(packed()).shape == (0, 32)


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        (([], []), "Sequence 1 has 0 tokens"),
        (([1] * 41, [0] * 41), "Sequence 1 has 41 tokens; 1 to 40"),
        (([1, 60], [0, 0]), r"token id is outside 0\.\.59"),
        (([1, -1], [0, 0]), r"token id is outside 0\.\.59"),
        (([1, 1], [0, 2]), r"token type id is outside 0\.\.1"),
    ],
)
def test_what_the_encoder_has_no_weights_for_is_refused(
    make_model: ModelMaker, sequence: tuple[list[int], list[int]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        TorchEngine(make_model()).encode(PackedBatch.from_encodings([([1], [0]), sequence]))


def test_padding_a_packed_batch() -> None:
    batch = PackedBatch.from_encodings([([5, 6, 7], [0, 0, 1]), ([8], [1])])
    ids, types, mask = pad(batch, 9)
    assert ids.tolist() == [[5, 6, 7], [8, 9, 9]]
    assert types.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
