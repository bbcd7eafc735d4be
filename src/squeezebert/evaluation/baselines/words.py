"""What words and letters alone say: TF-IDF with a linear model, within bounded time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats
from squeezebert.evaluation.baselines.linear import Block, Loss, Weights, fit, zeros
from squeezebert.evaluation.baselines.sparse import by_text
from squeezebert.evaluation.metrics import Correlations
from squeezebert.pipelines.learnt.ngrams import NGrams, ngrams, pairs_of_ngrams
from squeezebert.tokenizer import Item

_BUCKETS = 1 << 15
_SCALE = 0.2  # of n-grams, and the penalties that suit it: what `learn` finds most often
_PENALTIES: dict[Loss, float] = {"softmax": 0.1, "sigmoid": 0.1, "squares": 1.0}
_CELLS = 400_000  # rows times outputs that are learnt from: some seconds on one processor
_MOST_ROWS = 10_000
_TOLERANCE = 1e-2


def score_of_words(
    items: Sequence[Item],
    targets: npt.NDArray[Any],
    asked: Sequence[Item],
    true: npt.NDArray[Any],
    loss: Loss,
) -> float:
    """What TF-IDF with a linear model scores on other items.

    Args:
        items: texts or pairs to learn from; of many, as many as take some seconds.
        targets: classes ``[items]``, labels given ``[items, labels]``, or values ``[items]``.
        asked: items to answer.
        true: what is right for them, as in ``targets``.
        loss: "softmax" of classes, "sigmoid" of several labels, "squares" of values.

    Returns:
        Accuracy of classes, micro F1 of labels at the threshold that suits best, or Spearman's
        correlation of values.
    """
    outputs = _outputs(targets, loss)
    most = max(1, min(_MOST_ROWS, _CELLS // outputs))
    drawn = np.sort(np.random.default_rng(0).permutation(len(items))[:most])
    taught = _ngrams([items[place] for place in drawn.tolist()])
    # The rarer an n-gram, the more it tells (Spärck Jones 1972, Journal of Documentation 28).
    occurs_in = np.bincount(taught.buckets, minlength=_BUCKETS)
    rarity = np.where(occurs_in, 1 + np.log((1 + len(drawn)) / (1 + occurs_in)), 0)
    learnt = targets[drawn]
    mean, deviation = (learnt.mean(), learnt.std() or 1.0) if loss == "squares" else (0, 1)
    if loss == "squares":
        learnt = ((learnt - mean) / deviation)[:, None].astype(np.float32)
    weights = fit(
        [Block.of(_no_vectors(len(drawn)), learnt, np.ones(len(drawn), np.float32), taught)],
        loss,
        _PENALTIES[loss],
        zeros(0, _BUCKETS, outputs),
        (np.ones(0, np.float32), (_SCALE * rarity).astype(np.float32)),
        tolerance=_TOLERANCE,
    )
    return _score(_answers(weights, asked), true, loss)


def _outputs(targets: npt.NDArray[Any], loss: Loss) -> int:
    if loss == "softmax":
        return int(targets.max()) + 1
    return targets.shape[1] if loss == "sigmoid" else 1


def _ngrams(items: Sequence[Item]) -> NGrams:
    if isinstance(items[0], str):
        return ngrams(list(map(str, items)), _BUCKETS)
    first, second = (ngrams([item[side] for item in items], _BUCKETS) for side in (0, 1))
    return pairs_of_ngrams(first, second, _BUCKETS)[0]


def _no_vectors(rows: int) -> Floats:
    return np.empty((rows, 0), np.float32)


def _answers(weights: Weights, items: Sequence[Item]) -> Floats:
    return weights(_no_vectors(len(items)), by_text(_ngrams(items)))


def _score(outputs: Floats, true: npt.NDArray[Any], loss: Loss) -> float:
    if loss == "softmax":
        return float((outputs.argmax(1) == true).mean())
    if loss == "squares":
        return Correlations(true, outputs[:, 0])()["spearman"]
    right = true.ravel()[np.argsort(-outputs, axis=None)].cumsum()
    return float((2 * right / (np.arange(1, len(right) + 1) + true.sum())).max())
