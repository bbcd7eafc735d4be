"""Whether time is linear in tokens, but for attention."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Fit:
    """milliseconds = fixed + per_token * tokens + per_pair * tokens², for one sequence.

    Attributes:
        r2: share of the variance of the times that this explains.
        largest_error: of a fitted time, relative to the measured one.
    """

    fixed: float
    per_token: float
    per_pair: float
    r2: float
    largest_error: float


def fit_time(lengths: Sequence[int], milliseconds: Sequence[float]) -> Fit:
    """Least squares of the relative errors, so that short sequences count as much as long ones."""
    tokens, times = np.array(lengths, float), np.array(milliseconds, float)
    terms = np.stack([np.ones_like(tokens), tokens, tokens**2], axis=1)
    coefficients, *_ = np.linalg.lstsq(terms / times[:, None], np.ones_like(times))
    residuals = terms @ coefficients - times
    r2 = 1 - float(residuals @ residuals) / float(np.square(times - times.mean()).sum())
    fixed, per_token, per_pair = map(float, coefficients)
    return Fit(fixed, per_token, per_pair, r2, float(np.abs(residuals / times).max()))
