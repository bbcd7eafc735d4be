"""Scores of several labels at once: of each text, which ones were given and which are right."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from squeezebert.bundle import TaskSpec
from squeezebert.data.classification import Example, Table
from squeezebert.data.labels import labels_in, match_labels, places_of_labels
from squeezebert.errors import DataError
from squeezebert.evaluation.scores import ClassScores, Mistake, Mistakes, Scores
from squeezebert.pipelines import Classification

_BINS = 1000  # of probability, for the threshold
_NONE = "no label"

Counts = npt.NDArray[np.int64]


class MultiLabelScorer:
    """Keeps counts of each label and each probability, and the first texts with wrong labels.

    Args:
        spec: of the model.
        table: read once, to match its labels to the model's; an empty cell is no label.

    Raises:
        DataError: the table holds empty texts, no label, or labels the model doesn't know.
    """

    def __init__(self, spec: TaskSpec, table: Table) -> None:
        places = places_of_labels(replace(table, multi_label=True).check().places)
        if not places:
            raise DataError(f"{table.name}: no row has a label, so there is nothing to score.")
        self._matching = match_labels(places, spec.labels, table.name, table.known_labels, places)
        self._names = spec.labels
        self._counts = np.zeros((3, len(spec.labels)), np.int64)  # right, found, true
        self._exact = self._examples = 0
        # How many labels have a probability, and how many of them are true.
        self._all_at, self._true_at = np.zeros((2, _BINS + 1), np.int64)
        self._mistakes = Mistakes()

    def add(self, example: Example, prediction: Classification) -> None:
        """Takes an example and what was predicted for it."""
        true = {self._names[self._matching.index[label]] for label in labels_in(example.label)}
        found = set(prediction.labels or ())
        is_true, is_found = (
            np.array([name in one for name in self._names]) for one in (true, found)
        )
        self._counts += is_true & is_found, is_found, is_true
        bins = (np.array(list(prediction.scores.values())) * _BINS).astype(int)
        np.add.at(self._all_at, bins, 1)
        np.add.at(self._true_at, bins[is_true], 1)
        self._examples += 1
        self._exact += true == found
        if true != found:
            self._mistakes.add(
                Mistake(example.number, example.shown, self._joined(true), self._joined(found))
            )

    def scores(self) -> Scores:
        """The scores of all examples taken, and the threshold that fits them best.

        ``best_micro_f1`` is what micro F1 would be at that threshold.
        """
        right, found, true = self._counts
        f1 = _f1(right, found, true)
        occur = (found + true) > 0
        threshold, best = self._best_threshold()
        return Scores(
            metrics={
                "micro_f1": float(_f1(right.sum(), found.sum(), true.sum())),
                "macro_f1": float(f1[occur].mean()),
                "exact_match": self._exact / self._examples,
                "best_micro_f1": best,
            },
            per_class=tuple(
                ClassScores(name, float(precision), float(recall), float(each), int(support))
                for name, precision, recall, each, support in zip(
                    self._names, _part(right, found), _part(right, true), f1, true, strict=True
                )
            ),
            fitted={"threshold": threshold},
            note=self._matching.note,
            mistakes=self._mistakes.first,
            wrong=self._mistakes.count,
        )

    def _best_threshold(self) -> tuple[float, float]:
        """The probability from which on to give a label for the highest micro F1, and that F1."""
        # At index i, the labels of bin i and all above it are given.
        found, right = (np.cumsum(counts[::-1])[::-1] for counts in (self._all_at, self._true_at))
        f1 = _f1(right, found, self._true_at.sum())
        best = np.flatnonzero(f1 == f1.max())
        return float(best[len(best) // 2] / _BINS), float(f1.max())

    def _joined(self, labels: set[str]) -> str:
        return ", ".join(name for name in self._names if name in labels) or _NONE


def _f1(right: Counts, found: Counts, true: Counts) -> npt.NDArray[np.float64]:
    return _part(2 * right, found + true)


def _part(some: Counts, of: Counts) -> npt.NDArray[np.float64]:
    """A quotient of counts; 0 where there is nothing to divide by."""
    return some / np.maximum(of, 1)
