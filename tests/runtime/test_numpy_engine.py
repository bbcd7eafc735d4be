"""The NumPy engine against transformers, our own model, and itself."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from squeezebert.bundle import Architecture, Quantised, Tensor
from squeezebert.bundle.architecture import Mixer
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.model import SqueezeBertModel, SqueezeBertSeparableConfig
from squeezebert.runtime import NumpyEngine, PackedBatch

VOCABULARY = 50
GROUPS = [(4, 4, 4, 1, 4, 4), (1, 1, 1, 1, 1, 1), (2, 4, 8, 2, 8, 1)]


def architecture(
    groups: tuple[int, ...], mixer: Mixer = Mixer.GROUPED, kernel: int = 1
) -> Architecture:
    kinds = ("q", "k", "v", "post_attention", "intermediate", "output")
    return Architecture(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=20,
        type_vocab_size=2,
        groups=dict(zip(kinds, groups, strict=True)),
        mixer=mixer,
        kernel_size=kernel,
    )


def model_of(shape: Architecture, seed: int = 0) -> torch.nn.Module:
    """A torch model of the same shape, its random weights large enough to show any difference."""
    sizes: dict[str, Any] = {
        name: getattr(shape, name)
        for name in (
            "vocab_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "max_position_embeddings",
        )
    }
    sizes |= {f"{kind}_groups": groups for kind, groups in shape.groups.items()}
    sizes["embedding_size"] = shape.hidden_size
    torch.manual_seed(seed)
    model: torch.nn.Module
    if shape.mixer == Mixer.GROUPED:
        model = transformers.SqueezeBertModel(transformers.SqueezeBertConfig(**sizes))
    else:
        config = SqueezeBertSeparableConfig(**sizes, kernel_size=shape.kernel_size)
        model = SqueezeBertModel(config)
    for parameter in model.parameters():
        parameter.data += 0.15 * torch.randn_like(parameter)
    model.train(False)
    return model


def weights_of(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def random_batch(lengths: list[int], seed: int = 0) -> PackedBatch:
    random = np.random.default_rng(seed)
    return PackedBatch.from_encodings(
        (random.integers(VOCABULARY, size=n).tolist(), random.integers(2, size=n).tolist())
        for n in lengths
    )


def sequences(batch: PackedBatch, hidden: Floats) -> list[Floats]:
    return np.split(hidden, batch.cu_seqlens[1:-1])


def torch_hidden(model: torch.nn.Module, batch: PackedBatch) -> list[npt.NDArray[Any]]:
    results = []
    for start, stop in zip(batch.cu_seqlens, batch.cu_seqlens[1:], strict=False):
        ids, types = batch.input_ids[None, start:stop], batch.token_type_ids[None, start:stop]
        with torch.no_grad():
            output = model(torch.from_numpy(ids), token_type_ids=torch.from_numpy(types))
        results.append(output.last_hidden_state[0].numpy())
    return results


def assert_agrees_with_torch(shape: Architecture) -> None:
    model = model_of(shape)
    batch = random_batch([7, 20, 1, 7, 2, 3])
    found = sequences(batch, NumpyEngine(shape, weights_of(model)).encode(batch))
    for ours, theirs in zip(found, torch_hidden(model, batch), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5)


@pytest.mark.parametrize("groups", GROUPS)
def test_grouped_layers_agree_with_transformers(groups: tuple[int, ...]) -> None:
    assert_agrees_with_torch(architecture(groups))


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_separable_layers_agree_with_our_model(kernel: int) -> None:
    assert_agrees_with_torch(architecture(GROUPS[0], Mixer.SEPARABLE, kernel))


ENGINES = [
    NumpyEngine(shape, weights_of(model_of(shape)))
    for shape in (
        architecture(GROUPS[0]),
        architecture(GROUPS[0], Mixer.SEPARABLE, 5),
    )
]


@pytest.mark.parametrize("engine", ENGINES)
@given(lengths=st.lists(st.integers(1, 20), min_size=1, max_size=8), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_sequence_does_not_depend_on_its_batch(
    engine: NumpyEngine, lengths: list[int], seed: int
) -> None:
    batch = random_batch(lengths, seed)
    for index, packed in enumerate(sequences(batch, engine.encode(batch))):
        here = slice(*batch.cu_seqlens[index : index + 2])
        alone = PackedBatch.from_encodings(
            [(batch.input_ids[here].tolist(), batch.token_type_ids[here].tolist())]
        )
        np.testing.assert_allclose(packed, engine.encode(alone), rtol=0, atol=2e-5)


def test_integer_weights_give_exactly_what_their_floats_give() -> None:
    shape = architecture(GROUPS[0])
    random = np.random.default_rng(0)
    floats = weights_of(model_of(shape))
    integers: dict[str, Tensor] = {
        name: Quantised(
            random.integers(-127, 128, tensor.shape, dtype=np.int8),
            random.uniform(1e-3, 3e-3, len(cast(Floats, tensor))).astype(np.float16),
        )
        if len(tensor.shape) > 1
        else tensor
        for name, tensor in floats.items()
    }
    expected = {
        name: tensor.dequantise() if isinstance(tensor, Quantised) else tensor
        for name, tensor in integers.items()
    }
    batch = random_batch([5, 9])
    np.testing.assert_array_equal(
        NumpyEngine(shape, integers).encode(batch), NumpyEngine(shape, expected).encode(batch)
    )


def test_hidden_states_are_float32_whatever_the_stored_precision() -> None:
    shape = architecture(GROUPS[0])
    half = {
        name: cast(Floats, t).astype(np.float16) for name, t in weights_of(model_of(shape)).items()
    }
    hidden = NumpyEngine(shape, half).encode(random_batch([4]))
    assert hidden.dtype == np.float32
    assert hidden.shape == (4, 32)


def test_an_empty_batch() -> None:
    assert ENGINES[0].encode(PackedBatch.from_encodings([])).shape == (0, 32)


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        (([], []), "no tokens"),
        (([1] * 21, [0] * 21), "20 positions"),
        (([1, VOCABULARY], [0, 0]), r"0\.\.49"),
        (([1, -1], [0, 0]), "-1"),
        (([1, 1], [0, 2]), r"0\.\.1"),
    ],
)
def test_what_the_encoder_has_no_weights_for_is_refused(
    sequence: tuple[list[int], list[int]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ENGINES[0].encode(PackedBatch.from_encodings([([1, 2], [0, 0]), sequence]))
