"""What each label is recognised by: the words whose weights speak for it most."""

from collections import Counter
from collections.abc import Iterable, Sequence
from unicodedata import category

import numpy as np

from squeezebert.data.reservoir import Reservoir
from squeezebert.evaluation.baselines.linear import Weights
from squeezebert.pipelines.learnt.ngrams import find_ngrams, spelt

_TEXTS = 20_000  # that are looked through, drawn at random
_AT_ONCE = 512
_SHOWN = 8
_OFTEN = 2  # times that a word occurs there, or it is an accident


def telling_words(
    weights: Weights, texts: Iterable[str], labels: Sequence[str]
) -> dict[str, list[str]]:
    """Words, and pairs of words, that speak most for each label and for no other more.

    N-grams share buckets: a word counts only where it is most of what its bucket has.

    Args:
        weights: of the head.
        texts: to look for words in: those learnt from.
        labels: names, in the order of the outputs.
    """
    # What speaks for a label is what it has more of than the labels have on average.
    table = weights.ngrams - weights.ngrams.mean(1, keepdims=True) * (len(labels) > 1)
    words = _words(_some(texts), len(table))
    found: dict[str, list[str]] = {}
    for index, label in enumerate(labels):
        speaking = [place for place in words if table[place].argmax() == index]
        speaking.sort(key=lambda place: -table[place, index])
        found[label] = [words[place] for place in speaking[:_SHOWN] if table[place, index] > 0]
    return found


def _some(texts: Iterable[str]) -> list[str]:
    """Texts drawn at random, or all if they are few."""
    drawn = Reservoir(_TEXTS, seed=0)
    kept: dict[int, str] = {}
    for text in texts:
        if (place := drawn.place()) is not None:
            kept[place] = text
    return list(kept.values())


def _words(texts: Sequence[str], buckets: int) -> dict[int, str]:
    """The word, or pair of words, that is most of what a bucket has, of each that has one."""
    if not buckets:
        return {}
    sizes = np.zeros(buckets, np.int64)
    times: Counter[int] = Counter()
    spellings: dict[int, str] = {}
    for start in range(0, len(texts), _AT_ONCE):
        some = texts[start : start + _AT_ONCE]
        lines = list(map(spelt, some))
        found = find_ngrams(some)
        sizes += np.bincount((found.keys % np.uint64(buckets)).astype(int), minlength=buckets)
        words = np.flatnonzero(~found.letters)
        keys, first, counts = np.unique(found.keys[words], return_index=True, return_counts=True)
        for key, place, count in zip(
            keys.tolist(), words[first].tolist(), counts.tolist(), strict=True
        ):
            times[key] += count
            if key not in spellings:
                line = lines[found.texts[place]]
                spellings[key] = line[found.starts[place] : found.ends[place]]
    return {
        key % buckets: spellings[key]
        for key, count in times.items()
        if count >= _OFTEN
        and 2 * count > sizes[key % buckets]
        and all(category(letter)[0] in "LMNZ" for letter in spellings[key])  # no signs
    }
