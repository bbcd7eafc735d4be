"""Dense layers: right, and the same bits alone as beside other rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squeezebert.runtime import Linear, native_engine
from squeezebert.runtime.native_engine import ISA_VARIABLE

needs_native = pytest.mark.skipif(
    not native_engine.available(), reason="the native engine was not built"
)


@pytest.fixture(params=[*native_engine.instruction_sets(), "numpy"])
def products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every way to compute a product: the instruction sets of this machine, and NumPy."""
    name: str = request.param
    if name == "numpy":
        monkeypatch.setattr(native_engine, "_extension", lambda: None)
    else:
        monkeypatch.setenv(ISA_VARIABLE, name)
    return name


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (16, 2), (37, 9), (384, 151)])
def test_rows_are_multiplied_and_give_the_same_bits_alone(
    products: str, inputs: int, outputs: int
) -> None:
    random = np.random.default_rng(0)
    weight = random.standard_normal((outputs, inputs), np.float32)
    bias = random.standard_normal(outputs, np.float32)
    rows = random.standard_normal((23, inputs), np.float32)
    layer = Linear(weight, bias)
    together = layer(rows)
    wanted = rows.astype(np.float64) @ weight.T + bias
    np.testing.assert_allclose(together, wanted, rtol=0, atol=1e-6 * inputs + 1e-6)
    for row, found in zip(rows, together, strict=True):
        np.testing.assert_array_equal(layer(row[None])[0], found)
    assert layer(rows[:0]).shape == (0, outputs)


def test_no_bias_is_zero(products: str) -> None:
    weight = np.array([[1.0, 2.0]], np.float32)
    assert Linear(weight)(np.array([[3.0, 4.0]], np.float32)).tolist() == [[11.0]]


@needs_native
@given(count=st.integers(1, 40), first=st.integers(0, 39), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_a_row_does_not_depend_on_its_place(count: int, first: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.standard_normal((40, 33), np.float32)
    layer = Linear(random.standard_normal((20, 33), np.float32))
    part = rows[first : first + count]
    np.testing.assert_array_equal(layer(part), layer(rows)[first : first + count])
