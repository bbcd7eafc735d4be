"""Scores of several labels at once: of each text, which ones were given and which are right."""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from squeezebert.bundle import TaskSpec
from squeezebert.data.labels import labels_in, match_labels, places_of_labels
from squeezebert.data.tasks.classification import LabelledText, Table
from squeezebert.errors import DataError
from squeezebert.evaluation.bootstrap import Weights
from squeezebert.evaluation.metrics import class_scores, f1_score
from squeezebert.evaluation.scores import Mistake, Mistakes, Scores
from squeezebert.pipelines import Classification

_BINS = 1000  # of probability, for the threshold
_NONE = "no label"

Doubles = npt.NDArray[np.float64]


class MultiLabelScorer:
    """Keeps two bits for each label of an example, and the first texts with wrong labels.

    While scores are computed, each of these labels takes 24 bytes.

    Args:
        spec: of the model.
        table: read once, to match its labels to the model's; an empty cell is no label.

    Raises:
        DataError: the table holds empty texts, no label, or labels the model doesn't know.
    """

    def __init__(self, spec: TaskSpec, table: Table) -> None:
        places = places_of_labels(table.of_type("multi_label_classification").check().places)
        if not places:
            raise DataError(f"{table.name}: no row has a label, so there is nothing to score.")
        self._matching = match_labels(places, spec.labels, table.name, table.known_labels, places)
        self._names = spec.labels
        # Of each example which labels are true and which were found, eight of them in a byte.
        self._true, self._found = bytearray(), bytearray()
        self._examples = 0
        # How many labels have a probability, and how many of them are true.
        self._all_at, self._true_at = np.zeros((2, _BINS + 1), np.int64)
        self._mistakes = Mistakes()

    def add(self, example: LabelledText, prediction: Classification) -> None:
        """Takes an example and what was predicted for it."""
        true = {self._names[self._matching.index[label]] for label in labels_in(example.label)}
        found = set(prediction.labels or ())
        is_true, is_found = (
            np.array([name in one for name in self._names]) for one in (true, found)
        )
        self._true += np.packbits(is_true).tobytes()
        self._found += np.packbits(is_found).tobytes()
        probabilities = np.nan_to_num(np.array(list(prediction.scores.values())))
        bins = (probabilities * _BINS).astype(int)
        np.add.at(self._all_at, bins, 1)
        np.add.at(self._true_at, bins[is_true], 1)
        self._examples += 1
        if true != found:
            self._mistakes.add(
                Mistake(example.number, example.shown, self._joined(true), self._joined(found))
            )

    def metrics(self, weights: Weights) -> dict[str, float]:
        """F1 over all labels together, its mean over those that occur, and texts all right."""
        right, found, true = (weights @ bits for bits in self._bits[:3])
        occur = (found + true) > 0
        return {
            "micro_f1": float(f1_score(right.sum(), found.sum(), true.sum())),
            "macro_f1": float(f1_score(right, found, true)[occur].mean()) if occur.any() else 0.0,
            "exact_match": float(weights @ self._bits[3] / weights.sum()),
        }

    def scores(self) -> Scores:
        """The scores of all examples taken, and the threshold that fits them best.

        ``best_micro_f1`` is what micro F1 would be at that threshold.
        """
        threshold, best = self._best_threshold()
        right, found, true, _ = (bits.sum(0) for bits in self._bits)
        return Scores(
            metrics=self.metrics(np.ones(self._examples, np.int64)) | {"best_micro_f1": best},
            per_class=class_scores(right, found, true, self._names),
            fitted={"threshold": threshold},
            note=self._matching.note,
            mistakes=self._mistakes.first,
            wrong=self._mistakes.count,
        )

    @cached_property
    def _bits(self) -> tuple[Doubles, ...]:
        """Labels found rightly, found and true ``[n, labels]``; whether all are right ``[n]``."""
        true, found = (
            np.unpackbits(
                np.frombuffer(packed, np.uint8).reshape(self._examples, -1),
                axis=1,
                count=len(self._names),
            )
            for packed in (self._true, self._found)
        )
        bits = (true & found, found, true, (true == found).all(1))
        return tuple(np.asarray(each, np.float64) for each in bits)

    def _best_threshold(self) -> tuple[float, float]:
        """The probability from which on to give a label for the highest micro F1, and that F1."""
        # At index i, the labels of bin i and all above it are given.
        found, right = (np.cumsum(counts[::-1])[::-1] for counts in (self._all_at, self._true_at))
        f1 = f1_score(right, found, self._true_at.sum())
        best = np.flatnonzero(f1 == f1.max())
        return float(best[len(best) // 2] / _BINS), float(f1.max())

    def _joined(self, labels: set[str]) -> str:
        return ", ".join(name for name in self._names if name in labels) or _NONE
