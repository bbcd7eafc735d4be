"""Classification and regression of texts and pairs of texts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from squeezebert.bundle import OUT_OF_SCOPE, TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines.heads import Head
from squeezebert.pipelines.items import check_items, check_sides, packed_batches
from squeezebert.tokenizer import Encoding, Item, Tokenizer

_MULTI_LABEL_THRESHOLD = 0.5
"""The probability from which on a label is given, where the model has none of its own."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What was predicted for one item.

    Attributes:
        label: the most probable label, or "out_of_scope" where even that does not reach the
            model's threshold; of a regression, the name of the value.
        score: probability of the most probable label in 0..1; of a regression, the value.
        scores: probability of every label. They sum to 1, but for a multi-label problem, where
            each stands alone. Of a regression, the value.
        value: the predicted value of a regression, else None.
        labels: of a multi-label problem the labels given, those that reach its threshold, the most
            probable first; else None.
        tokens: tokens that the model saw, special tokens included.
        total_tokens: how many there would have been without truncation.
    """

    label: str
    score: float
    scores: dict[str, float]
    value: float | None
    tokens: int
    total_tokens: int
    labels: tuple[str, ...] | None = None

    @property
    def truncated(self) -> bool:
        """Whether the model saw only a part of the item."""
        return self.tokens < self.total_tokens


class Classifier:
    """Classifies texts and pairs of texts.

    Args:
        tokenizer: for the encoder's vocabulary.
        head: from a packed batch to logits, float32 ``[sequences, labels]``.
        spec: its labels are in the order of the logits, its problem type says how logits become
            scores, and beyond its longest input an item is truncated.
    """

    def __init__(self, tokenizer: Tokenizer, head: Head, spec: TaskSpec) -> None:
        self.spec = spec
        self.tokenizer = tokenizer
        self._head = head

    def __call__(self, items: Sequence[Item]) -> list[Classification]:
        """Predicts every item, in order.

        A text without words, such as "" or one of only spaces, is answered like any other; its
        ``tokens`` show that the model saw special tokens only.

        Raises:
            InputError: an item is neither a text nor a pair of texts, a side of a pair is empty, or
                it holds lone surrogates; or the model compares pairs and it is a single text. The
                message names its index.
        """
        check_items(items)
        check_sides(items)
        if self.spec.entailment is not None:
            for index, item in enumerate(items):
                if isinstance(item, str):
                    raise InputError(
                        "it is a single text, and this model compares pairs (premise, hypothesis). "
                        "Give a pair, or labels to classify texts by.",
                        index=index,
                    )
        encodings = self.tokenizer.encode_batch(items, self.spec.max_length)
        answers: dict[int, Classification] = {}
        for indices, batch in packed_batches(encodings):
            scores = self._scores(self._head(batch))
            for index, row in zip(indices, scores.tolist(), strict=True):
                answers[index] = self._answer(row, encodings[index])
        return [answers[index] for index in range(len(encodings))]

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names; of a regression, the one name of its value."""
        return self.spec.labels

    def _scores(self, logits: Floats) -> Floats:
        if self.spec.problem_type == "regression":
            return logits
        if self.spec.problem_type == "multi_label_classification":
            return np.asarray(1 / (1 + np.exp(-logits.clip(-80, 80))))  # exp(89) overflows
        logits = logits / self.spec.temperature
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

    def _answer(self, row: list[float], encoding: Encoding) -> Classification:
        best = row.index(max(row))
        scores = dict(zip(self.spec.labels, row, strict=True))
        threshold = self.spec.threshold
        multi_label = self.spec.problem_type == "multi_label_classification"
        rejected = not multi_label and threshold is not None and row[best] < threshold
        return Classification(
            label=OUT_OF_SCOPE if rejected else self.spec.labels[best],
            score=row[best],
            scores=scores,
            value=row[0] if self.spec.problem_type == "regression" else None,
            tokens=len(encoding.ids),
            total_tokens=encoding.total_tokens,
            labels=_reaching(scores, threshold) if multi_label else None,
        )


def _reaching(scores: dict[str, float], threshold: float | None) -> tuple[str, ...]:
    """The labels whose score is enough, the highest first."""
    enough = _MULTI_LABEL_THRESHOLD if threshold is None else threshold
    given = [label for label, score in scores.items() if score >= enough]
    return tuple(sorted(given, key=scores.__getitem__, reverse=True))
