"""Elementwise functions against their definitions."""

import math

import numpy as np

from squeezebert.runtime.activations import gelu, softmax


def test_gelu_is_exact_to_a_millionth() -> None:
    x = np.linspace(-12, 12, 100_001, dtype=np.float32)  # several blocks and a rest
    exact = np.array([v * 0.5 * math.erfc(-v / math.sqrt(2)) for v in x.tolist()])
    gelu(x)
    assert np.abs(x - exact).max() <= 1e-6


def test_gelu_of_huge_values_neither_overflows_nor_warns() -> None:
    x = np.array([-3e38, -1e19, 0, 1e19, 3e38], np.float32)
    gelu(x)
    np.testing.assert_array_equal(x, np.array([0, 0, 0, 1e19, 3e38], np.float32))


def test_gelu_of_nothing() -> None:
    gelu(np.empty((0, 4), np.float32))


def test_softmax_of_huge_values_does_not_overflow() -> None:
    x = np.array([[1e30, 1e30, -1e30], [0, np.log(2), np.log(3)]], np.float32)
    softmax(x)
    np.testing.assert_allclose(x, [[1 / 2, 1 / 2, 0], [1 / 6, 2 / 6, 3 / 6]], rtol=1e-6)
