"""Which features, and how much penalty: by what is right on rows held out in turn."""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats
from squeezebert.data.twins import Places
from squeezebert.evaluation.baselines.gram import factor
from squeezebert.evaluation.baselines.linear import (
    Block,
    Doubles,
    Loss,
    Weights,
    fit,
    slopes,
    zeros,
)
from squeezebert.evaluation.calibration import fit_temperature, log_losses
from squeezebert.runtime.processors import processors

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
_EXACT = 3e-3  # and one that is kept


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
        losses: of each row that was held out and has a class, at the temperature that suits them
            best.
        models: of each fold, learnt without it.
    """

    setting: Setting
    outputs: Floats
    losses: Doubles
    models: list["Duals"]

    def beats(self, other: "Trial") -> bool:
        """Whether its loss is lower by more than chance: two standard errors of the difference.

        Three where it leaves out vectors that the other has, which is hardly ever right. Of a dozen
        settings one has the lowest loss by chance where rows are few, so another than the first
        has to prove itself (as in Breiman et al. 1984, section 3.4.3).
        """
        gains = other.losses - self.losses
        errors = 3 if other.setting.vectors and not self.setting.vectors else 2
        return float(gains.mean()) > errors * float(gains.std()) / math.sqrt(len(gains))

    def mean(self) -> "Duals":
        """About what is learnt from all rows: each row as in the folds that learnt from it."""
        rows = np.stack([model.rows for model in self.models])
        taught = rows.any(2, keepdims=True).sum(0)
        return Duals(
            rows.sum(0) / np.maximum(taught, 1).astype(np.float32),
            np.mean([model.bias for model in self.models], 0),
        )


class Duals(NamedTuple):
    """A linear model as what each row adds to its weights, whatever the features of the row.

    So it can be carried over to other weights of the features, as a place to start from.

    Attributes:
        rows: times the row's features, float32 ``[rows, outputs]``.
        bias: float32 ``[outputs]``.
    """

    rows: Floats
    bias: Floats


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

    def products(self, setting: Setting) -> Doubles:
        """The product of each two rows' features, as far as a setting counts them."""
        return setting.vectors**2 * self.vectors + setting.ngrams**2 * self.ngrams

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


def fold_of(targets: npt.NDArray[Any], twins: Places, seed: int = 0) -> npt.NDArray[np.int64]:
    """A fold for each row, so that each has about as many of every class, and twins are in one.

    Args:
        targets: of the rows.
        twins: of each row, the first like it. Where fewer than `FOLDS` differ, all count as unlike.
        seed: the same seed gives the same folds.
    """
    own = np.arange(len(targets))
    unlike = np.flatnonzero(twins == own)
    if len(unlike) < FOLDS:
        twins = unlike = own
    order = unlike[np.random.default_rng(seed).permutation(len(unlike))]
    if targets.ndim == 1:
        order = order[np.argsort(targets[order], kind="stable")]
    folds = np.empty(len(targets), np.int64)
    folds[order] = np.arange(len(order)) % FOLDS
    return folds[twins]


def first_setting(loss: Loss) -> Setting:
    """Where the search begins: what is best most often."""
    return Setting(*_RATIOS[0], _PENALTIES[loss][0])


def search(
    sample: Sample, *, may_leave_out: bool, advance: Callable[[], object] = lambda: None
) -> Trial:
    """The best of a few settings: first the weights of the features, then the penalty.

    Args:
        sample: to search with.
        may_leave_out: whether vectors may be left out.
        advance: called after each trial.
    """
    first = first_setting(sample.loss)
    best: Trial | None = None
    for vectors, ngrams in _RATIOS:
        if vectors or may_leave_out:
            trial = cross_validate(sample, Setting(vectors, ngrams, first.penalty), best)
            advance()
            best = trial if best is None or trial.beats(best) else best
    assert best is not None
    return _better_penalty(sample, best, advance)


def search_ngrams(
    sample: Sample, start: Trial, advance: Callable[[], object] = lambda: None
) -> Trial:
    """The best penalty of n-grams alone.

    Args:
        sample: to search with.
        start: a trial to start from.
        advance: called after each trial.
    """
    setting = Setting(0.0, 0.2, _PENALTIES[sample.loss][0])
    first = cross_validate(sample, setting, start)
    advance()
    return _better_penalty(sample, first, advance)


def _better_penalty(sample: Sample, best: Trial, advance: Callable[[], object]) -> Trial:
    """Goes on in the direction that helps as long as it does."""
    ordered = sorted(_PENALTIES[sample.loss])
    first = best
    middle = ordered.index(first.setting.penalty)
    for side in (ordered[:middle][::-1], ordered[middle + 1 :]):
        for penalty in side:
            trial = cross_validate(sample, replace(best.setting, penalty=penalty), best)
            advance()
            if not trial.beats(best):
                break
            best = trial
        if best is not first:
            break
    return best


def cross_validate(sample: Sample, setting: Setting, start: Trial | None = None) -> Trial:
    """Learns without each fold and answers it.

    Args:
        sample: with the folds.
        setting: to try.
        start: another trial, to start from; behind its rows the sample may have more.
    """
    rows = factor(sample.products(setting))
    outputs = np.zeros((len(rows), sample.outputs), np.float32)

    def learn_without(fold: int) -> Duals:
        held_out = sample.folds == fold
        begin = None if start is None else start.models[fold]
        taught, weights = _fit(sample, setting, rows, ~held_out, begin)
        outputs[held_out] = weights(rows[held_out])
        found = weights(rows[taught])
        slopes(sample.loss, found, sample.targets[taught], sample.counts[taught])
        duals = np.zeros_like(outputs)
        duals[taught] = found / np.float32(-setting.penalty)
        return Duals(duals, weights.bias)

    folds = np.unique(sample.folds[sample.folds != ALWAYS_TAUGHT]).tolist()
    with ThreadPoolExecutor(processors()) as pool:
        models = list(pool.map(learn_without, folds))
    return Trial(setting, outputs, held_out_losses(sample, outputs), models)


def fit_all(sample: Sample, trial: Trial) -> Duals:
    """What is learnt from all rows with the setting of a trial."""
    rows = factor(sample.products(trial.setting))
    _, weights = _fit(sample, trial.setting, rows, np.ones(len(rows), bool), trial.mean(), _EXACT)
    duals = np.linalg.solve(rows.T.astype(np.float64), weights.dense)
    return Duals(duals.astype(np.float32), weights.bias)


def _fit(
    sample: Sample,
    setting: Setting,
    rows: Floats,
    among: npt.NDArray[np.bool_],
    start: Duals | None,
    tolerance: float = _ROUGH,
) -> tuple[npt.NDArray[np.bool_], Weights]:
    """Which rows are learnt from, and what is."""
    taught = among & (sample.targets != NO_CLASS) if sample.targets.ndim == 1 else among
    block = Block(rows[taught], sample.targets[taught], sample.counts[taught])
    at = zeros(rows.shape[1], 0, sample.outputs)
    if start is not None:
        at = Weights(rows[: len(start.rows)].T @ start.rows, at.ngrams, start.bias)
    scales = np.ones(rows.shape[1], np.float32), np.ones(0, np.float32)
    return taught, fit([block], sample.loss, setting.penalty, at, scales, tolerance=tolerance)


def held_out_losses(sample: Sample, outputs: Floats) -> Doubles:
    """The loss of each row that was held out and has a class."""
    answered = sample.folds != ALWAYS_TAUGHT
    if sample.loss == "softmax":
        answered &= sample.targets != NO_CLASS
    found, true = outputs[answered].astype(np.float64), sample.targets[answered]
    losses: Doubles
    if sample.loss == "softmax":
        losses = log_losses(found, true, fit_temperature(found, true))
    elif sample.loss == "sigmoid":
        losses = (np.logaddexp(0, found) - true * found).mean(1)
    else:
        losses = ((found - true) ** 2).mean(1)
    return losses
