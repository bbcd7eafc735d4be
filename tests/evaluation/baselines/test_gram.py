"""Products of all pairs of texts."""

import numpy as np
import pytest

from squeezebert.evaluation.baselines.gram import factor


@pytest.mark.parametrize("below", [0.0, 3e-6, 3e-5, 3e-4])
def test_products_that_rounding_left_below_zero_have_rows_all_the_same(below: float) -> None:
    apart = np.array([1.0, -1.0, 0.0]) / np.sqrt(2)
    matrix = np.ones((3, 3)) - below * np.outer(apart, apart)
    rows = factor(matrix)
    assert np.allclose(rows @ rows.T, 1, atol=10 * max(below, 1e-6))
