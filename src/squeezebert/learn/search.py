"""Which features, and how much penalty: by what is right on rows held out in turn."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats
from squeezebert.evaluation.baselines.linear import Block, Doubles, Loss, fit, zeros
from squeezebert.evaluation.calibration import fit_temperature, log_loss
from squeezebert.learn.gram import factor

FOLDS = 5
ALWAYS_TAUGHT = -1
"""The fold of rows that are never held out."""
NO_CLASS = -1
"""The class of a text out of scope: held out in its turn, and never learnt from."""

_RATIOS = ((1.0, 0.1), (1.0, 0.0), (1.0, 0.2), (0.5, 0.2), (0.0, 0.2))
_PENALTIES: dict[Loss, tuple[float, ...]] = {
    "softmax": (0.1, 0.03, 0.3, 0.01, 1.0, 3.0),
    "sigmoid": (0.1, 0.03, 0.3, 0.01, 1.0, 3.0),
    "squares": (1.0, 3.0, 0.3, 10.0, 0.1, 30.0),
}
_ROUGH = 1e-2  # how exact a fit is that only ranks settings


@dataclass(frozen=True, slots=True)
class Setting:
    """What is searched for: weights of vectors and n-grams, and the penalty."""

    vectors: float
    ngrams: float
    penalty: float


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What a setting was worth.

    Attributes:
        setting: that was tried.
        outputs: of each row of the sample while it was held out, ``[rows, outputs]``; of rows that
            never are, zero.
        loss: mean loss of the rows held out, at the temperature that suits them best.
    """

    setting: Setting
    outputs: Floats
    loss: float


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows to search with.

    Attributes:
        loss: which one.
        vectors, ngrams: products of each two rows, ``[rows, rows]``.
        targets: classes ``[rows]``, labels given ``[rows, labels]``, or values ``[rows, 1]``.
        outputs: how many outputs there are.
        counts: how much each row counts.
        folds: when each row is held out.
    """

    loss: Loss
    vectors: Doubles
    ngrams: Doubles
    targets: npt.NDArray[Any]
    outputs: int
    counts: Floats
    folds: npt.NDArray[np.int64]

    def part(self, rows: npt.NDArray[Any]) -> "Sample":
        """Some of the rows."""
        return replace(
            self,
            vectors=self.vectors[np.ix_(rows, rows)],
            ngrams=self.ngrams[np.ix_(rows, rows)],
            targets=self.targets[rows],
            counts=self.counts[rows],
            folds=self.folds[rows],
        )


def fold_of(targets: npt.NDArray[Any], seed: int = 0) -> npt.NDArray[np.int64]:
    """A fold for each row, so that each has about as many of every class."""
    order = np.random.default_rng(seed).permutation(len(targets))
    if targets.ndim == 1:
        order = order[np.argsort(targets[order], kind="stable")]
    folds = np.empty(len(targets), np.int64)
    folds[order] = np.arange(len(targets)) % FOLDS
    return folds


def search(
    sample: Sample, *, may_leave_out: bool, advance: Callable[[], object] = lambda: None
) -> Trial:
    """The best of a few settings: first the weights of the features, then the penalty.

    Args:
        sample: to search with.
        may_leave_out: whether vectors may be left out.
        advance: called after each trial.
    """
    penalties = _PENALTIES[sample.loss]

    def tried(setting: Setting) -> Trial:
        trial = cross_validate(sample, setting)
        advance()
        return trial

    best = min(
        (
            tried(Setting(vectors, ngrams, penalties[0]))
            for vectors, ngrams in _RATIOS
            if vectors or may_leave_out
        ),
        key=lambda trial: trial.loss,
    )
    return _better_penalty(best, penalties, tried)


def search_ngrams(sample: Sample, advance: Callable[[], object] = lambda: None) -> Trial:
    """The best penalty of n-grams alone."""
    penalties = _PENALTIES[sample.loss]

    def tried(setting: Setting) -> Trial:
        trial = cross_validate(sample, setting)
        advance()
        return trial

    return _better_penalty(tried(Setting(0.0, 0.2, penalties[0])), penalties, tried)


def _better_penalty(
    best: Trial, penalties: Sequence[float], tried: Callable[[Setting], Trial]
) -> Trial:
    """Goes on in each direction as long as that helps."""
    ordered = sorted(penalties)
    middle = ordered.index(best.setting.penalty)
    for side in (ordered[:middle][::-1], ordered[middle + 1 :]):
        for penalty in side:
            trial = tried(replace(best.setting, penalty=penalty))
            if trial.loss >= best.loss:
                break
            best = trial
    return best


def cross_validate(sample: Sample, setting: Setting) -> Trial:
    """Learns without each fold and answers it."""
    matrix = setting.vectors**2 * sample.vectors + setting.ngrams**2 * sample.ngrams
    rows = factor(matrix)
    outputs = np.zeros((len(rows), sample.outputs), np.float32)

    def answer(fold: int) -> None:
        held_out = sample.folds == fold
        taught = ~held_out
        if sample.targets.ndim == 1:
            taught &= sample.targets != NO_CLASS
        block = Block(rows[taught], None, sample.targets[taught], sample.counts[taught])
        start = zeros(rows.shape[1], 0, sample.outputs)
        scales = np.ones(rows.shape[1], np.float32), np.ones(0, np.float32)
        weights = fit([block], sample.loss, setting.penalty, start, scales, tolerance=_ROUGH)
        outputs[held_out] = weights(rows[held_out], None)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(answer, np.unique(sample.folds[sample.folds != ALWAYS_TAUGHT]).tolist()))
    return Trial(setting, outputs, held_out_loss(sample, outputs))


def held_out_loss(sample: Sample, outputs: Floats) -> float:
    """Mean loss of the rows that were held out and have a class."""
    answered = sample.folds != ALWAYS_TAUGHT
    if sample.loss == "softmax":
        answered &= sample.targets != NO_CLASS
    found, true = outputs[answered].astype(np.float64), sample.targets[answered]
    if sample.loss == "softmax":
        return log_loss(found, true, fit_temperature(found, true))
    if sample.loss == "sigmoid":
        return float((np.logaddexp(0, found) - true * found).mean())
    return float(((found - true) ** 2).mean())
