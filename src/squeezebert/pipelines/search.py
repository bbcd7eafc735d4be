"""Search by meaning: which texts of a list are nearest to a query."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines.embedding import Embedder, Embedding
from squeezebert.pipelines.items import as_texts
from squeezebert.runtime import Linear
from squeezebert.tokenizer import Item, Tokenizer

_QUERIES = 16  # that are compared with all texts at a time


@dataclass(frozen=True, slots=True)
class Match:
    """A text of the list.

    Attributes:
        index: where it stands in the list.
        text: the text itself.
        score: cosine of the angle between its vector and the query's, -1..1.
    """

    index: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found for one query.

    Attributes:
        matches: the nearest texts, the nearest first.
        tokens: how many tokens of the query the model saw.
        total_tokens: how many tokens the query has.
        blank: whether the query has no word that the model knows.
    """

    matches: tuple[Match, ...]
    tokens: int
    total_tokens: int
    blank: bool = False

    @property
    def truncated(self) -> bool:
        """Whether the model saw only a part of the query."""
        return self.tokens < self.total_tokens


class TextSearch:
    """Finds the nearest of a list of texts, which are embedded once.

    A query is compared with every one of them, so what is found is exact.

    Args:
        embed: gives texts and queries their vectors.
        texts: at least one.
        top: how many matches a query gets; all, if there are fewer texts.

    Raises:
        InputError: there are no texts, one can't be used, or ``top`` is less than 1.
    """

    def __init__(self, embed: Embedder, texts: Iterable[str], *, top: int = 5) -> None:
        if not isinstance(embed, Embedder):
            raise InputError("A model of embeddings is needed to search with, such as embed.")
        if top < 1:
            raise InputError(f"top is {top}; at least 1 match has to be wanted.")
        self._texts = as_texts(texts, "what is searched in are single texts")
        if not self._texts:
            raise InputError("There are no texts to search in.")
        self._embed = embed
        self._vectors = embed.vectors(self._texts)
        self._top = top

    @property
    def spec(self) -> TaskSpec:
        """What the model of the vectors is for."""
        return self._embed.spec

    @property
    def tokenizer(self) -> Tokenizer:
        """The encoder's."""
        return self._embed.tokenizer

    def __call__(self, items: Iterable[Item]) -> list[SearchResult]:
        """The nearest texts to each query, in order.

        Raises:
            InputError: a query is no text, or holds lone surrogates; the error has its index.
        """
        queries = self._embed(as_texts(items, "a query is one text"))
        results: list[SearchResult] = []
        for start in range(0, len(queries), _QUERIES):
            part = [query for query in queries[start:][:_QUERIES] if isinstance(query, Embedding)]
            scores = Linear(np.stack([query.vector for query in part]))(self._vectors)
            results += (
                SearchResult(self._nearest(row), query.tokens, query.total_tokens, query.blank)
                for row, query in zip(scores.T, part, strict=True)
            )
        return results

    def _nearest(self, scores: Floats) -> tuple[Match, ...]:
        order = np.argsort(-scores, kind="stable")[: self._top]  # of equal ones the earlier first
        return tuple(
            Match(index, self._texts[index], float(scores[index])) for index in order.tolist()
        )
