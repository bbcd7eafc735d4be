"""What a learnt head sees of an item: vectors of the encoder beside hashed n-grams."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.features import FeatureRecipe
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines.embedding import Embedder
from squeezebert.pipelines.learnt.ngrams import NGrams, ngrams, pairs_of_ngrams
from squeezebert.tokenizer import Item

_OVERLAPS = 5
_COMPARED = np.triu_indices(_OVERLAPS)
_PRODUCT = 10.0  # brings the products of two unit vectors to about the length of their difference


Counts: TypeAlias = npt.NDArray[np.int64]


class Features(NamedTuple):
    """The features of some items, in order.

    Attributes:
        dense: float32 ``[items, width]``.
        ngrams: of each item.
        tokens: how many the encoder saw, ``[items]``.
        total_tokens: how many there were.
        blank: whether a text has no word that the encoder knows.
    """

    dense: Floats
    ngrams: NGrams
    tokens: Counts
    total_tokens: Counts
    blank: npt.NDArray[np.bool_]


def width(recipe: FeatureRecipe, hidden: int) -> int:
    """How many dense features there are."""
    if recipe.pairs:
        return 2 * hidden + _OVERLAPS + len(_COMPARED[0])
    return hidden if recipe.vectors else 0


class FeatureExtractor:
    """From items to features.

    Of a pair, the dense features are difference and product of its vectors (Conneau et al. 2017,
    arXiv 1705.02364), and how much its texts overlap, with the products of that.

    Args:
        embed: gives texts their vectors.
        recipe: which features. Their weights are not applied: they are in those of the head.
    """

    def __init__(self, embed: Embedder, recipe: FeatureRecipe) -> None:
        self.embed = embed
        self.recipe = recipe

    def check(self, items: Sequence[Item]) -> None:
        """Raises InputError if one is a pair where texts are read, or the other way round."""
        for index, item in enumerate(items):
            if isinstance(item, str) == self.recipe.pairs:
                raise InputError(
                    "it is a single text, and this model was learnt from pairs. Give a pair."
                    if self.recipe.pairs
                    else "it is a pair, and this model was learnt from single texts. Give one.",
                    index=index,
                )

    def __call__(self, items: Sequence[Item]) -> Features:
        """The features of every item; see `check`."""
        return self._of_pairs(items) if self.recipe.pairs else self._of_texts(items)

    def _of_texts(self, items: Sequence[Item]) -> Features:
        texts = list(map(str, items))
        vectors, tokens, total, blank = self._read(texts)
        return Features(vectors, ngrams(texts, self.recipe.buckets), tokens, total, blank)

    def _of_pairs(self, items: Sequence[Item]) -> Features:
        count, buckets = len(items), self.recipe.buckets
        texts = [item[side] for side in (0, 1) for item in items]
        vectors, tokens, total, blank = self._read(texts)
        first, second = vectors[:count], vectors[count:]
        found, overlaps = pairs_of_ngrams(
            ngrams(texts[:count], buckets), ngrams(texts[count:], buckets), buckets
        )
        letters = np.array([1 + len(text) for text in texts], np.float32).reshape(2, -1)
        overlaps = np.column_stack(
            [overlaps, (first * second).sum(1), letters.min(0) / letters.max(0)]
        )
        overlaps = 2 * overlaps - 1
        compared = overlaps[:, _COMPARED[0]] * overlaps[:, _COMPARED[1]]
        dense = np.hstack([np.abs(first - second), _PRODUCT * first * second, overlaps, compared])
        return Features(
            dense.astype(np.float32),
            found,
            tokens.reshape(2, -1).sum(0),
            total.reshape(2, -1).sum(0),
            blank[:count] | blank[count:],
        )

    def _read(self, texts: list[str]) -> tuple[Floats, Counts, Counts, npt.NDArray[np.bool_]]:
        """Vectors, numbers of tokens seen and in all, and which are blank.

        Without an encoder, all tokens are seen.
        """
        if not self.recipe.vectors:
            encodings = self.embed.encode(texts)
            lengths = np.array([each.total_tokens for each in encodings], np.int64)
            blank = np.array([each.blank for each in encodings], bool)
            return np.empty((len(texts), 0), np.float32), lengths, lengths, blank
        read = self.embed.embeddings(texts)
        return (
            np.array([each.vector for each in read], np.float32).reshape(len(texts), -1),
            np.array([each.tokens for each in read], np.int64),
            np.array([each.total_tokens for each in read], np.int64),
            np.array([each.blank for each in read], bool),
        )
