"""Search by meaning: which texts of a list are nearest to a query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.errors import InputError
from squeezebert.pipelines.embedding import Embedder, Embedding
from squeezebert.runtime import Linear
from squeezebert.tokenizer import Item


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
    """

    matches: tuple[Match, ...]
    tokens: int
    total_tokens: int

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

    def __init__(self, embed: Embedder, texts: Sequence[str], *, top: int = 5) -> None:
        if top < 1:
            raise InputError(f"top is {top}; at least 1 match has to be wanted.")
        if not texts:
            raise InputError("There are no texts to search in.")
        self._embed = embed
        self._texts = list(texts)
        self._score = Linear(embed.vectors(texts))
        self._top = top

    @property
    def spec(self) -> TaskSpec:
        """What the model of the vectors is for."""
        return self._embed.spec

    def __call__(self, items: Sequence[Item]) -> list[SearchResult]:
        """The nearest texts to each query, in order.

        Raises:
            InputError: a query is no text, or holds lone surrogates; the message names its index.
        """
        results = []
        for index, query in enumerate(self._embed(items)):
            if not isinstance(query, Embedding):
                raise InputError("it is a pair; a query is one text.", index=index)
            results.append(SearchResult(self._nearest(query), query.tokens, query.total_tokens))
        return results

    def _nearest(self, query: Embedding) -> tuple[Match, ...]:
        scores = self._score(query.vector[None])[0]
        order = np.argsort(-scores, kind="stable")[: self._top]  # of equal ones the earlier first
        return tuple(
            Match(index, self._texts[index], float(scores[index])) for index in order.tolist()
        )
