"""Do probabilities mean what they say? Calibration error, temperature, and a threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_BINS = 15  # as in Guo et al.
_LOWEST, _HIGHEST = 0.25, 8.0  # temperatures; data that is all right would ask for 0
_PRECISION = 1e-4  # of its logarithm
_INSIDE_PER_OUTSIDE = 4  # at most, in the fit of a threshold


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Examples of about the same confidence.

    Attributes:
        confidence: the mean probability of the most probable label.
        accuracy: the part of them for which that label is right.
        examples: how many they are.
    """

    confidence: float
    accuracy: float
    examples: int


def reliability(confidences: Any, right: Any) -> tuple[ReliabilityBin, ...]:
    """Sorts predictions into 15 bins of equal width; empty bins are left out.

    Args:
        confidences: probability of the most probable label ``[n]``.
        right: whether it is the right one ``[n]``.
    """
    confidences, right = np.asarray(confidences, np.float64), np.asarray(right, bool)
    bins = np.minimum((confidences * _BINS).astype(int), _BINS - 1)
    return tuple(
        ReliabilityBin(
            float(confidences[bins == bin_].mean()),
            float(right[bins == bin_].mean()),
            int((bins == bin_).sum()),
        )
        for bin_ in np.unique(bins)
    )


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Mean distance of accuracy and confidence over the examples (Guo et al. 2017, section 2)."""
    examples = sum(bin_.examples for bin_ in bins)
    return sum(bin_.examples * abs(bin_.accuracy - bin_.confidence) for bin_ in bins) / examples


def fit_temperature(log_probabilities: Any, true: Any) -> float:
    """The temperature in 0.25..8 that makes the right labels most likely.

    Guo et al. 2017, arXiv 1706.04599, section 4.2.

    Args:
        log_probabilities: or logits ``[n, labels]``.
        true: class indices ``[n]``.
    """

    def loss(log_temperature: float) -> float:
        return float(log_losses(log_probabilities, true, float(np.exp(log_temperature))).mean())

    low, high = np.log(_LOWEST), np.log(_HIGHEST)
    while high - low > _PRECISION:  # the loss has one minimum: it is convex in 1 / temperature
        third = (high - low) / 3
        if loss(low + third) < loss(high - third):
            high -= third
        else:
            low += third
    return float(np.exp((low + high) / 2))


def log_losses(log_probabilities: Any, true: Any, temperature: float) -> Any:
    """Minus the logarithm of the right label's probability ``[n]``.

    Args:
        log_probabilities: or logits ``[n, labels]``.
        true: class indices ``[n]``.
        temperature: that logits are divided by.
    """
    likelihoods = _log_softmax(log_probabilities, temperature)
    return -np.take_along_axis(likelihoods, true[:, None], 1)[:, 0]


def at_temperature(log_probabilities: Any, temperature: float) -> Any:
    """The probability of the most probable label ``[n]`` when logits are divided by this."""
    return np.exp(_log_softmax(log_probabilities, temperature).max(1))


def fit_threshold(inside: Any, right: Any, outside: Any) -> float:
    """The probability below which to reject, for the best accuracy over all examples.

    Out of scope counts as one more label (Larson et al. 2019, arXiv 1909.02027), as often as it
    occurs, but no less than as one example in five: people collect few such examples and meet many.

    Args:
        inside: probability of the most probable label for examples in scope ``[n]``.
        right: whether it is the right one ``[n]``.
        outside: the probability for examples out of scope ``[m]``.
    """
    candidates = np.unique(np.concatenate([inside, outside]))
    answered = np.sort(inside[right])
    kept = len(answered) - np.searchsorted(answered, candidates)
    rejected = np.searchsorted(np.sort(outside), candidates)
    weight = max(1.0, len(inside) / (len(outside) * _INSIDE_PER_OUTSIDE))
    return float(candidates[np.argmax(kept + weight * rejected)])


def _log_softmax(logits: Any, temperature: float) -> Any:
    scaled = np.asarray(logits, np.float64) / temperature
    scaled -= scaled.max(1, keepdims=True)
    return scaled - np.log(np.exp(scaled).sum(1, keepdims=True))
