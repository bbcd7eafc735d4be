"""Scores of named entities: one counts only where its type and both of its ends are right."""

from array import array
from collections import Counter
from collections.abc import Collection

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.data.tasks.entities import AnnotatedText, AnnotatedTexts, EntitySummary, Span
from squeezebert.errors import DataError
from squeezebert.evaluation.bootstrap import Weights
from squeezebert.evaluation.scores import ClassScores, Mistake, Mistakes, Scores
from squeezebert.pipelines import Entities
from squeezebert.pipelines.words.iob import entity_types


class EntityCounts:
    """How many entities of each type there are, were found, and were found rightly."""

    def __init__(self) -> None:
        self._true, self._found, self._right = Counter[str](), Counter[str](), Counter[str]()

    def add(self, true: Collection[Span], found: Collection[Span]) -> None:
        """Takes the entities of one text, and those found in it."""
        self._true.update(span.type for span in true)
        self._found.update(span.type for span in found)
        self._right.update(span.type for span in set(true) & set(found))

    @property
    def metrics(self) -> dict[str, float]:
        """F1, precision and recall over the entities of all types; 0 where nothing divides.

        Of IOB2 tags it is what seqeval computes with ``mode="strict"``.
        """
        return _metrics(self._right.total(), self._found.total(), self._true.total())

    @property
    def per_type(self) -> tuple[ClassScores, ...]:
        """The same of each type; ``support`` counts its entities."""
        return tuple(
            ClassScores(
                kind,
                *_precision_recall_f1(self._right[kind], self._found[kind], self._true[kind]),
                support=self._true[kind],
            )
            for kind in sorted(self._true.keys() | self._found.keys())
        )


class EntityScorer:
    """Keeps three counts for each text, and the first in which something was missed or wrong.

    Args:
        spec: of the model.
        texts: read once, to compare their types to the model's.

    Raises:
        DataError: the texts hold no entity, or one of a type that the model doesn't know.
    """

    def __init__(self, spec: TaskSpec, texts: AnnotatedTexts) -> None:
        check_types(texts.check(), entity_types(spec.labels), texts.name)
        self._counts = EntityCounts()
        self._of_texts = array("i")  # of each: found rightly, found, there
        self._mistakes = Mistakes()

    def add(self, example: AnnotatedText, prediction: Entities) -> None:
        """Takes a text with its entities, and what was found in it."""
        found = [Span(entity.type, entity.start, entity.end) for entity in prediction.entities]
        self._counts.add(example.spans, found)
        right = set(found) & set(example.spans)
        self._of_texts.extend((len(right), len(found), len(example.spans)))
        missed, extra = set(example.spans) - right, set(found) - right
        if missed or extra:
            self._mistakes.add(
                Mistake(
                    example.number,
                    example.text,
                    expected=_shown(missed, example.text),
                    predicted=_shown(extra, example.text),
                )
            )

    def metrics(self, weights: Weights) -> dict[str, float]:
        """F1, precision and recall over the entities of all types."""
        return _metrics(*(weights @ np.reshape(self._of_texts, (-1, 3))).tolist())

    def scores(self) -> Scores:
        """The scores of all texts taken; mistakes name only entities missed or wrongly found."""
        return Scores(
            metrics=self._counts.metrics,
            per_class=self._counts.per_type,
            mistakes=self._mistakes.first,
            wrong=self._mistakes.count,
        )


def check_types(summary: EntitySummary, known: Collection[str], source: str) -> None:
    """Raises DataError if there are no entities, or some of a type that is not known."""
    if not summary.types:
        raise DataError(f"{source}: there is no entity in it.")
    if unknown := sorted(summary.types.keys() - set(known)):
        shown = ", ".join(f"{name!r} ({summary.places[name]})" for name in unknown)
        raise DataError(
            f"{source}: unknown type{'s' if len(unknown) > 1 else ''} of entity {shown}. The known "
            f"ones are {', '.join(map(repr, known))}."
        )


def _shown(spans: Collection[Span], text: str) -> str:
    ordered = sorted(spans, key=lambda span: span.start)
    return ", ".join(f"{text[span.start : span.end]} [{span.type}]" for span in ordered)


def _metrics(right: int, found: int, true: int) -> dict[str, float]:
    precision, recall, f1 = _precision_recall_f1(right, found, true)
    return {"f1": f1, "precision": precision, "recall": recall}


def _precision_recall_f1(right: int, found: int, true: int) -> tuple[float, float, float]:
    either = found + true
    return (
        right / found if found else 0.0,
        right / true if true else 0.0,
        2 * right / either if either else 0.0,
    )
