"""Sentence embeddings: a text as a unit vector, so that near vectors mean near texts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.pipelines.heads import Head
from squeezebert.pipelines.items import as_items, as_texts, check_sides, packed_batches
from squeezebert.pipelines.origin import Reloaded
from squeezebert.runtime import Linear
from squeezebert.tokenizer import Encoding, Item, Tokenizer
from squeezebert.tokens.items import texts_of


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A text as a vector.

    Attributes:
        vector: float32 ``[hidden]`` of length 1.
        tokens: tokens that the model saw, special tokens included.
        total_tokens: how many there would have been without truncation.
        blank: whether the text has no word that the model knows; its vector is then that of an
            empty text, and means nothing.
    """

    vector: Floats
    tokens: int
    total_tokens: int
    blank: bool = False

    @property
    def truncated(self) -> bool:
        """Whether the model saw only a part of the text."""
        return self.tokens < self.total_tokens


@dataclass(frozen=True, slots=True)
class Similarity:
    """How near the two texts of a pair are.

    Attributes:
        score: cosine of the angle between their vectors, -1..1.
        tokens: how many tokens of both texts together the model saw.
        total_tokens: how many tokens both texts have together.
        blank: whether one of the texts is; see `Embedding`.
    """

    score: float
    tokens: int
    total_tokens: int
    blank: bool = False

    @property
    def truncated(self) -> bool:
        """Whether the model saw only a part of the texts."""
        return self.tokens < self.total_tokens


class Embedder(Reloaded):
    """Gives a text its vector and a pair of texts its similarity.

    Args:
        tokenizer: for the encoder's vocabulary.
        head: from a packed batch to the mean of each sequence's hidden states, float32
            ``[sequences, hidden]`` (Reimers and Gurevych 2019, arXiv 1908.10084, section 3).
        spec: beyond its longest input a text is truncated.
    """

    def __init__(self, tokenizer: Tokenizer, head: Head, spec: TaskSpec) -> None:
        self.spec = spec
        self.tokenizer = tokenizer
        self._head = head

    def __call__(self, items: Iterable[Item]) -> list[Embedding | Similarity]:
        """An `Embedding` for each text and a `Similarity` for each pair, in order.

        Raises:
            InputError: an item is neither a text nor a pair of texts, a side of a pair is empty, or
                it holds lone surrogates; the error has its index.
        """
        items = as_items(items)
        check_sides(items)
        embeddings = iter(self.embeddings([text for item in items for text in texts_of(item)]))
        return [
            next(embeddings)
            if isinstance(item, str)
            else _compare(next(embeddings), next(embeddings))
            for item in items
        ]

    @staticmethod
    def takes(spec: TaskSpec, item: Item) -> bool:
        """Whether a model is for such an item: for texts and for pairs.

        Args:
            spec: of the model.
            item: a text, or a pair of texts.
        """
        return True

    def vectors(self, texts: Iterable[str]) -> Floats:
        """Unit vectors, float32 ``[n, hidden]``.

        Raises:
            InputError: an item is no text, or holds lone surrogates.
        """
        embeddings = self.embeddings(as_texts(texts, "a vector is of one text"))
        if not embeddings:  # the width is only known from a result
            return self.vectors([""])[:0]
        return np.stack([embedding.vector for embedding in embeddings])

    def similarity(self, first: Iterable[str], second: Iterable[str]) -> Floats:
        """How near each text of one list is to each text of another.

        Blank texts, which have no word that the model knows, are all alike to it: see `Embedding`.

        Args:
            first: n texts.
            second: m texts.

        Returns:
            the cosines of the angles between their vectors, float32 ``[n, m]``.

        Raises:
            InputError: as of `vectors`.
        """
        rows, columns = self.vectors(first), self.vectors(second)
        if not len(rows) or not len(columns):
            return np.empty((len(rows), len(columns)), np.float32)
        return Linear(columns)(rows)

    def embeddings(self, texts: Sequence[str]) -> list[Embedding]:
        """The vector of every text, in order, and how much of it was seen."""
        encodings = self.encode(texts)
        found: dict[int, Embedding] = {}
        for indices, batch in packed_batches(encodings):
            means = self._head(batch)
            lengths = np.linalg.norm(means, axis=1, keepdims=True)
            # A mean of zero has no direction; it stays zero instead of becoming NaN.
            units = means / np.maximum(lengths, np.finfo(np.float32).tiny)
            for index, vector in zip(indices, units, strict=True):
                found[index] = _embedding(vector, encodings[index])
        return [found[index] for index in range(len(encodings))]

    def encode(self, items: Sequence[Item]) -> list[Encoding]:
        """The tokens of each text or pair, as far as the model sees them."""
        return self.tokenizer.encode_batch(items, self.spec.max_length)


def _embedding(vector: Floats, encoding: Encoding) -> Embedding:
    return Embedding(vector, len(encoding.ids), encoding.total_tokens, encoding.blank)


def _compare(first: Embedding, second: Embedding) -> Similarity:
    return Similarity(
        score=float(Linear(second.vector[None])(first.vector[None])[0, 0]),
        tokens=first.tokens + second.tokens,
        total_tokens=first.total_tokens + second.total_tokens,
        blank=first.blank or second.blank,
    )
