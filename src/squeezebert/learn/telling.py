"""What each label is recognised by: the n-grams whose weights speak for it most."""

from collections.abc import Iterable, Sequence

import numpy as np

from squeezebert.evaluation.baselines.linear import Weights
from squeezebert.pipelines.learnt.ngrams import find_ngrams, spelt

_CANDIDATES = 40
_SHOWN = 8


def telling_words(
    weights: Weights, texts: Iterable[str], labels: Sequence[str]
) -> dict[str, list[str]]:
    """Words, and pairs of words, that speak most for each label, the strongest first.

    Args:
        weights: of the head.
        texts: to look for words in: those learnt from.
        labels: names, in the order of the outputs.
    """
    if not len(weights.ngrams):
        return {}
    buckets = np.uint64(len(weights.ngrams))
    # What speaks for a label is what it has more of than the labels have on average.
    table = weights.ngrams - weights.ngrams.mean(1, keepdims=True) * (len(labels) > 1)
    best = np.argsort(-table, axis=0)[:_CANDIDATES]
    wanted = np.unique(best)
    spellings: dict[int, str] = {}
    for text in texts:
        found = find_ngrams([text])
        places = (found.keys % buckets).astype(np.int64)
        line = spelt(text)
        for place in np.flatnonzero(~found.letters & np.isin(places, wanted)).tolist():
            spellings.setdefault(int(places[place]), line[found.starts[place] : found.ends[place]])
    return {
        label: [spellings[place] for place in best[:, index].tolist() if place in spellings][
            :_SHOWN
        ]
        for index, label in enumerate(labels)
    }
