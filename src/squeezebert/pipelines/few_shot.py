"""Classification learnt from a few examples, on top of sentence embeddings."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from squeezebert.bundle import TaskSpec
from squeezebert.errors import InputError
from squeezebert.pipelines.classification import Classification
from squeezebert.pipelines.embedding import Embedder, Embedding
from squeezebert.pipelines.logistic import Doubles, Indices, fit_logistic
from squeezebert.tokenizer import Item

_PENALTY = 1 / 30  # of 1/3 to 1/100, about the best from 8 to 64 examples a label
_FOLDS = 8  # of eight examples of a label, seven then teach
_ENOUGH = 1000  # held-out examples to fit one temperature to
_TEMPERATURES = np.geomspace(0.25, 8, 64)  # 6 % apart


class FewShotClassifier:
    """Logistic regression on the embeddings of labelled examples.

    Labels count as equally frequent. So that scores are probabilities, a temperature is fitted to
    examples that are held out in turn and answered by what the others teach: an eighth at a time,
    until there are enough.

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
        self._weights = fit_logistic(vectors, classes, _PENALTY)
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
        logits = _logits(self._weights, found.vector) / self._temperature
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


def _logits(weights: Doubles, vectors: npt.NDArray[Any]) -> Doubles:
    """``[..., labels]`` of vectors ``[..., hidden]``."""
    logits: Doubles = vectors @ weights[:, :-1].T + weights[:, -1]
    return logits


def _temperature(vectors: Doubles, classes: Indices) -> float:
    """The temperature at which held-out labels are most likely."""
    order = np.argsort(classes, kind="stable")
    ranks = np.empty_like(classes)
    ranks[order] = np.arange(len(classes)) - np.searchsorted(classes[order], classes[order])
    losses = np.zeros(len(_TEMPERATURES))
    answered = 0
    for fold in range(_FOLDS):
        held_out = ranks % _FOLDS == fold
        if answered >= _ENOUGH or not held_out.any():
            break
        answered += int(np.count_nonzero(held_out))
        weights = fit_logistic(vectors[~held_out], classes[~held_out], _PENALTY)
        logits = _logits(weights, vectors[held_out])
        logits -= logits.max(1, keepdims=True)
        right = np.take_along_axis(logits, classes[held_out, None], 1)[:, 0]
        for index, temperature in enumerate(_TEMPERATURES):
            norms = np.log(np.exp(logits / temperature).sum(1))
            losses[index] += (norms - right / temperature).sum()
    return float(_TEMPERATURES[losses.argmin()])
