"""Classification learnt from a few examples in a moment, on top of sentence embeddings."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from squeezebert.bundle import TaskSpec
from squeezebert.errors import InputError
from squeezebert.pipelines.classification import Classification
from squeezebert.pipelines.embedding import Embedder, Embedding
from squeezebert.tokenizer import Item

_SHRINKAGE = 0.1  # of 0.05 to 0.8, about the best from 8 to 64 examples a label
_FOLDS = 8  # with half as many, eight examples a label are trusted too little
_TEMPERATURES = np.geomspace(0.5, 256, 48)  # 14 % apart

Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class FewShotClassifier:
    """Linear discriminant analysis of the embeddings of labelled examples.

    A label is a cloud of vectors around their mean; all clouds have the same covariance, estimated
    from all examples and drawn towards a sphere (Friedman 1989, "Regularized discriminant
    analysis", section 3). That has a closed form, so learning takes little more than embedding the
    examples. Labels count as equally frequent. So that scores are probabilities, a temperature is
    fitted to the examples in eight parts, each answered by what the others teach.

    Args:
        embed: gives texts their vectors.
        examples: texts with their labels; at least two labels with two texts each, better eight.

    Raises:
        InputError: there are too few labels or texts of one, or a text can't be used.
    """

    def __init__(self, embed: Embedder, examples: Sequence[tuple[str, str]]) -> None:
        counts = Counter(label for _, label in examples)
        if len(counts) < 2:
            raise InputError("Examples of at least two labels are needed to tell them apart.")
        label, count = min(counts.items(), key=lambda item: item[1])
        if count < 2:
            raise InputError(f"There is one example of {label!r}; each label needs at least two.")
        names = tuple(sorted(counts))
        position = {name: index for index, name in enumerate(names)}
        self.spec = TaskSpec(
            task="classification",
            labels=names,
            problem_type="single_label_classification",
            max_length=embed.spec.max_length,
        )
        self._embed = embed
        vectors = embed.vectors([text for text, _ in examples]).astype(np.float64)
        classes = np.array([position[label] for _, label in examples])
        self._weights, self._bias = _discriminants(vectors, classes)
        self._temperature = _temperature(vectors, classes)

    def __call__(self, items: Sequence[Item]) -> list[Classification]:
        """Predicts every text, in order.

        Raises:
            InputError: an item is no text, or holds lone surrogates; the message names its index.
        """
        return [self._answer(index, found) for index, found in enumerate(self._embed(items))]

    def _answer(self, index: int, found: object) -> Classification:
        if not isinstance(found, Embedding):
            raise InputError(f"Item {index} is a pair; the examples are single texts.")
        logits = (self._weights @ found.vector + self._bias) / self._temperature
        odds = np.exp(logits - logits.max())
        row = (odds / odds.sum()).tolist()
        best = row.index(max(row))
        return Classification(
            label=self.spec.labels[best],
            score=row[best],
            scores=dict(zip(self.spec.labels, row, strict=True)),
            value=None,
            tokens=found.tokens,
            total_tokens=found.total_tokens,
        )


def _discriminants(vectors: Doubles, classes: Indices) -> tuple[Doubles, Doubles]:
    """Weights ``[labels, hidden]`` and biases ``[labels]`` of vectors ``[n, hidden]``."""
    counts = np.bincount(classes)
    means = np.zeros((len(counts), vectors.shape[1]))
    np.add.at(means, classes, vectors)
    means /= counts[:, None]
    within = vectors - means[classes]
    covariance = within.T @ within / max(1, len(vectors) - len(counts))
    # One example a label tells nothing of the spread; any sphere then gives the nearest mean.
    variance = np.trace(covariance) / len(covariance) or 1 / len(covariance)
    covariance *= 1 - _SHRINKAGE
    covariance[np.diag_indices_from(covariance)] += _SHRINKAGE * variance
    weights: Doubles = np.linalg.solve(covariance, means.T).T.astype(np.float64, copy=False)
    return weights, -(weights * means).sum(1) / 2


def _temperature(vectors: Doubles, classes: Indices) -> float:
    """The temperature at which held-out labels are most likely."""
    order = np.argsort(classes, kind="stable")
    ranks = np.empty_like(classes)
    ranks[order] = np.arange(len(classes)) - np.searchsorted(classes[order], classes[order])
    losses = np.zeros(len(_TEMPERATURES))
    for fold in range(_FOLDS):
        held_out = ranks % _FOLDS == fold
        if not held_out.any():
            continue
        weights, bias = _discriminants(vectors[~held_out], classes[~held_out])
        logits = vectors[held_out] @ weights.T + bias
        logits -= logits.max(1, keepdims=True)
        right = np.take_along_axis(logits, classes[held_out, None], 1)[:, 0]
        for index, temperature in enumerate(_TEMPERATURES):
            norms = np.log(np.exp(logits / temperature).sum(1))
            losses[index] += (norms - right / temperature).sum()
    return float(_TEMPERATURES[losses.argmin()])
