"""How far a score could be off by the choice of examples: intervals by the bootstrap."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

_RESAMPLES = 1000
_OUTSIDE = (0.025, 0.975)  # 95 % of the resamples lie between

Weights = npt.NDArray[np.int64]
"""How often each example counts, ``[n]``."""


Resampled = dict[str, npt.NDArray[np.float64]]
"""What each metric is in every resample."""


def resampled(metrics: Callable[[Weights], Mapping[str, float]], examples: int) -> Resampled:
    """Each metric over 1000 resamples of the examples, NaN where it is undefined.

    A resample draws as many examples as there are, with replacement (Efron and Tibshirani 1993,
    "An introduction to the bootstrap", section 6.2). Of so many examples the resamples are always
    the same, so models that were scored on the same examples can be compared in each.

    Args:
        metrics: of the examples, each counted as often as it was drawn.
        examples: how many there are.
    """
    random = np.random.default_rng(0)
    drawn = [
        metrics(np.bincount(random.integers(examples, size=examples), minlength=examples))
        for _ in range(_RESAMPLES)
    ]
    return {name: np.array([resample[name] for resample in drawn]) for name in drawn[0]}


def intervals(values: Resampled, metrics: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """The 95 % percentile interval of each metric (section 13.3 there), its own value in it.

    Drawing with replacement makes ties, which alter correlations of ranks, so the value may lie
    outside; then the interval reaches to it. Resamples in which a metric is undefined don't count;
    a metric that is so in all of them has no interval.

    Args:
        values: each metric in every resample.
        metrics: of the examples themselves.
    """
    found = {}
    for name, each in values.items():
        if not np.isnan(each).all():
            low, high = np.nanquantile(each, _OUTSIDE)
            value = metrics.get(name, low)
            found[name] = (float(np.fmin(low, value)), float(np.fmax(high, value)))
    return found
