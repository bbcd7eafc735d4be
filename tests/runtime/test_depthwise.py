"""Depthwise convolutions and their gradients by every instruction set, against plain sums."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from squeezebert.bundle.tensors import Floats
from squeezebert.runtime import depthwise, native_engine
from squeezebert.runtime.native_engine import ISA_VARIABLE

pytestmark = pytest.mark.skipif(
    not native_engine.available(), reason="the native engine was not built"
)


@pytest.fixture(params=native_engine.instruction_sets())
def instructions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    monkeypatch.setenv(ISA_VARIABLE, name)
    return name


def convolved(x: Floats, taps: Floats, mask: Floats | None, threads: int = 2) -> Floats:
    y = np.empty_like(x)
    depthwise.convolve(x, taps, mask, y, threads=threads)
    return y


def gradients(
    x: Floats, taps: Floats, mask: Floats | None, dy: Floats, threads: int = 2
) -> tuple[Floats, Floats]:
    dx, dtaps = np.empty_like(x), np.empty_like(taps)
    depthwise.convolve_backward(x, taps, mask, dy, dx, dtaps, threads=threads)
    return dx, dtaps


def arrays(channels: int, taps: int, tokens: int) -> tuple[Floats, Floats, Floats, Floats]:
    random = np.random.default_rng(0)
    x, dy = random.standard_normal((2, 3, tokens, channels), np.float32)
    is_token = (random.random((3, tokens)) < 0.7).astype(np.float32)
    return x, random.standard_normal((taps, channels), np.float32), is_token, dy


def shifted(values: Floats, by: int) -> Floats:
    """Each token's neighbour ``by`` places on, zeros where there is none."""
    moved = np.zeros_like(values)
    length = values.shape[1]
    for token in range(max(0, -by), min(length, length - by)):
        moved[:, token] = values[:, token + by]
    return moved


@pytest.mark.parametrize("channels", [16, 240, 384])
@pytest.mark.parametrize("taps", [1, 5])
@pytest.mark.parametrize("tokens", [1, 19])
def test_texts_are_convolved_forwards_and_backwards(
    instructions: str, channels: int, taps: int, tokens: int
) -> None:
    x, weights, is_token, dy = arrays(channels, taps, tokens)
    for mask in (None, is_token):
        seen = x if mask is None else x * mask[..., None]
        places = range(-(taps // 2), taps // 2 + 1)
        wanted = sum(shifted(seen, by) * tap for by, tap in zip(places, weights, strict=True))
        found = convolved(x, weights, mask)
        np.testing.assert_allclose(found, wanted, atol=1e-5)
        dx, dtaps = gradients(x, weights, mask, dy)
        wanted = sum(shifted(dy, -by) * tap for by, tap in zip(places, weights, strict=True))
        np.testing.assert_allclose(
            dx, wanted if mask is None else wanted * mask[..., None], atol=1e-5
        )
        wanted = np.stack([(dy * shifted(seen, by)).sum((0, 1)) for by in places])
        np.testing.assert_allclose(dtaps, wanted, atol=1e-4)


def test_threads_change_nothing(instructions: str) -> None:
    x, weights, is_token, dy = arrays(144, 3, 40)
    alone, together = (
        (
            convolved(x, weights, is_token, threads),
            *gradients(x, weights, is_token, dy, threads),
        )
        for threads in (1, 4)
    )
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_what_is_needed_is_computed() -> None:
    x, weights, is_token, dy = arrays(32, 3, 4)
    dx, dtaps = gradients(x, weights, is_token, dy)
    dx_alone, dtaps_alone = np.empty_like(x), np.empty_like(weights)
    depthwise.convolve_backward(x, weights, is_token, dy, dx_alone, None, threads=1)
    depthwise.convolve_backward(x, weights, is_token, dy, None, dtaps_alone, threads=1)
    np.testing.assert_array_equal(dx_alone, dx)
    np.testing.assert_array_equal(dtaps_alone, dtaps)


def test_what_is_not_a_number_in_padding_goes_nowhere(instructions: str) -> None:
    x, weights, is_token, dy = arrays(32, 3, 9)
    clean = convolved(x, weights, is_token), *gradients(x, weights, is_token, dy)
    x[is_token == 0] = np.nan
    found = convolved(x, weights, is_token), *gradients(x, weights, is_token, dy)
    for one, other in zip(clean, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_several_threads_may_call_at_once() -> None:
    x, weights, is_token, dy = arrays(384, 5, 64)
    wanted = gradients(x, weights, is_token, dy)
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: gradients(x, weights, is_token, dy), range(64)):
            np.testing.assert_equal(found, wanted)


def test_nothing_is_convolved_to_nothing() -> None:
    for shape in ((0, 4, 32), (2, 0, 32)):
        empty = np.empty(shape, np.float32)
        taps = np.ones((3, 32), np.float32)
        assert convolved(empty, taps, None).shape == shape
        dx, dtaps = gradients(empty, taps, None, empty)
        assert dx.shape == shape
        assert not dtaps.any()


def test_results_of_another_type_are_refused() -> None:
    x, weights, _, _ = arrays(32, 3, 4)
    with pytest.raises(TypeError):
        depthwise.convolve(x, weights, None, np.empty(x.shape), threads=1)  # type: ignore[arg-type]  # of float64


@pytest.mark.parametrize(
    ("x", "taps", "is_token"),
    [
        ((2, 4, 24), (3, 24), None),
        ((2, 4, 32), (3, 16), None),
        ((2, 4, 32), (2, 32), None),
        ((2, 4, 32), (3, 32), (2, 5)),
        ((2, 4, 32), (3, 32), (1, 4)),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(
    x: tuple[int, ...], taps: tuple[int, ...], is_token: tuple[int, ...] | None
) -> None:
    mask = None if is_token is None else np.ones(is_token, np.float32)
    with pytest.raises(ValueError, match="fit together"):
        convolved(np.ones(x, np.float32), np.ones(taps, np.float32), mask)


def test_channels_that_vectors_divide_are_convolved() -> None:
    assert depthwise.convolves(240)
    assert not depthwise.convolves(24)


def test_nothing_is_convolved_without_the_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_engine, "_extension", lambda: None)
    assert not depthwise.convolves(32)
