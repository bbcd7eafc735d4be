"""Quantisation to int8 by rows."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from squeezebert.bundle.quantise import quantise_rows

_WEIGHTS = arrays(
    np.float32,
    array_shapes(min_dims=1, max_dims=3, max_side=9),
    elements=st.floats(-50, 50, width=32),
)


@given(_WEIGHTS)
def test_every_weight_is_within_about_half_a_step(weights: npt.NDArray[np.float32]) -> None:
    quantised = quantise_rows(weights)
    assert quantised.values.dtype == np.int8
    assert quantised.scale.dtype == np.float16
    assert quantised.values.min() >= -127
    step = quantised.scale.astype(np.float32).reshape(-1, *[1] * (weights.ndim - 1))
    # The scale of a row is a float16 near peak / 127: for one rounded down, the peak is clipped.
    slack = 127 * step * 2**-11 + 127 * 2**-25
    assert (np.abs(quantised.dequantise() - weights) <= 0.5 * step + slack).all()


def test_integers_and_scales_of_a_known_matrix() -> None:
    weights = np.array([[127, -127, 63.4], [0.5, 0.25, -0.127], [0, 0, 0]], np.float32)
    quantised = quantise_rows(weights)
    np.testing.assert_array_equal(quantised.values[0], [127, -127, 63])
    assert quantised.scale[0] == 1
    assert quantised.scale[1] == np.float16(0.5 / 127)
    np.testing.assert_array_equal(quantised.values[2], [0, 0, 0])


def test_rows_do_not_disturb_each_other() -> None:
    weights = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    weights[3] *= 1000
    whole = quantise_rows(weights)
    for row in range(6):
        alone = quantise_rows(weights[row : row + 1])
        np.testing.assert_array_equal(alone.values[0], whole.values[row])
        assert alone.scale[0] == whole.scale[row]


def test_what_was_quantised_stays_as_it_is() -> None:
    weights = np.random.default_rng(0).normal(size=(6, 8, 1)).astype(np.float32)
    once = quantise_rows(weights)
    twice = quantise_rows(once.dequantise())
    np.testing.assert_array_equal(once.values, twice.values)
    np.testing.assert_array_equal(once.scale, twice.scale)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2e5])
def test_weights_that_no_training_makes_are_refused(bad: float) -> None:
    weights = np.ones((2, 3), np.float32)
    weights[1, 2] = bad
    with pytest.raises(ValueError, match="not finite or beyond"):
        quantise_rows(weights)
