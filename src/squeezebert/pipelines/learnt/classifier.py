"""Classes and values by a head that was learnt on top of a finished encoder."""

from collections.abc import Iterable, Mapping

import numpy as np

from squeezebert.bundle import HeadSpec, Quantised, Tensor
from squeezebert.bundle.features import FeatureRecipe
from squeezebert.bundle.tensors import Floats, as_floats
from squeezebert.pipelines.classification import Classification, classification, normalised
from squeezebert.pipelines.embedding import Embedder
from squeezebert.pipelines.items import as_items, check_sides
from squeezebert.pipelines.learnt.features import FeatureExtractor, Features, width
from squeezebert.pipelines.learnt.ngrams import NGrams
from squeezebert.pipelines.origin import Reloaded
from squeezebert.runtime import Linear
from squeezebert.tokenizer import Item

_DENSE, _BIAS, _NGRAMS = "dense.weight", "bias", "ngrams.weight"
_ITEMS_AT_ONCE = 256


class LearntHead:
    """A linear model of features.

    Args:
        weights: under the names of `shapes`.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._weights = dict(weights)
        self._bias = as_floats(weights[_BIAS])
        dense = as_floats(weights[_DENSE]) if _DENSE in weights else None
        self._dense = None if dense is None else Linear(dense, self._bias)
        table = weights.get(_NGRAMS)
        self._ngrams = table if table is None or isinstance(table, Quantised) else as_floats(table)

    def __reduce__(self) -> tuple[type["LearntHead"], tuple[dict[str, Tensor]]]:
        """For `pickle`: a native layer can't be sent to another process."""
        return LearntHead, (self._weights,)

    @staticmethod
    def shapes(recipe: FeatureRecipe, hidden: int, labels: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor of the head."""
        dense = width(recipe, hidden)
        return {
            _BIAS: (labels,),
            **({_DENSE: (labels, dense)} if dense else {}),
            **({_NGRAMS: (recipe.buckets, labels)} if recipe.ngrams else {}),
        }

    @staticmethod
    def tensors(dense: Floats, ngrams: Tensor | None, bias: Floats) -> dict[str, Tensor]:
        """Weights under the names of `shapes`.

        Args:
            dense: float32 ``[labels, width]``; of width 0 it is left out.
            ngrams: ``[buckets, labels]``.
            bias: float32 ``[labels]``.
        """
        return {
            _BIAS: bias,
            **({_DENSE: dense} if dense.size else {}),
            **({} if ngrams is None else {_NGRAMS: ngrams}),
        }

    def __call__(self, features: Features) -> Floats:
        """Logits, or values, float32 ``[items, labels]``."""
        if self._dense is None:
            logits = np.tile(self._bias, (len(features.dense), 1))
        else:
            logits = self._dense(features.dense)
        if self._ngrams is not None:
            logits += _sums(features.ngrams, self._ngrams)
        return logits


class LearntClassifier(Reloaded):
    """Classifies texts, or pairs of texts, by what was learnt from examples.

    Args:
        extract: gives items their features.
        head: from features to logits.
        spec: its labels are in the order of the logits.
    """

    def __init__(self, extract: FeatureExtractor, head: LearntHead, spec: HeadSpec) -> None:
        self.spec = spec
        self.tokenizer = extract.embed.tokenizer
        self.extract = extract
        self.head = head

    @classmethod
    def of(
        cls, embed: Embedder, spec: HeadSpec, weights: Mapping[str, Tensor]
    ) -> "LearntClassifier":
        """The classifier of a head with features.

        Args:
            embed: gives texts the vectors that the head was learnt from.
            spec: of the head.
            weights: of the head; see `LearntHead`.
        """
        if spec.features is None:
            raise ValueError("the head has no features")
        return cls(FeatureExtractor(embed, spec.features), LearntHead(weights), spec)

    @property
    def counts_words(self) -> bool:
        """Whether words and letters count, those of whole texts, beside the vectors."""
        return self.spec.features is not None and self.spec.features.ngrams > 0

    def __call__(self, items: Iterable[Item]) -> list[Classification]:
        """Predicts every item, in order.

        Raises:
            InputError: an item is no text or holds lone surrogates; or it is a pair where single
                texts were learnt from, or the other way round. The message names its index.
        """
        items = as_items(items)
        check_sides(items)
        self.extract.check(items)
        answers: list[Classification] = []
        for start in range(0, len(items), _ITEMS_AT_ONCE):
            features = self.extract(items[start : start + _ITEMS_AT_ONCE])
            rows = normalised(self.spec, self.head(features)).tolist()
            answers += [
                classification(self.spec, row, tokens, total, blank=blank)
                for row, tokens, total, blank in zip(
                    rows,
                    features.tokens.tolist(),
                    features.total_tokens.tolist(),
                    features.blank.tolist(),
                    strict=True,
                )
            ]
        return answers

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names; of a regression, the one name of its value."""
        return self.spec.labels


def _sums(ngrams: NGrams, table: Quantised | Floats) -> Floats:
    """Of each text, the rows of its n-grams times their values, ``[texts, labels]``."""
    buckets = ngrams.buckets
    rows = table.rows(buckets) if isinstance(table, Quantised) else table[buckets]
    rows = rows * ngrams.values[:, None]
    sums = np.zeros((len(ngrams.offsets) - 1, rows.shape[1]), np.float32)
    filled = np.flatnonzero(np.diff(ngrams.offsets))
    if len(filled):
        sums[filled] = np.add.reduceat(rows, ngrams.offsets[filled])
    return sums
