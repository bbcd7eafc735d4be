"""Scores of named entities: one counts only where its type and both of its ends are right."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from squeezebert.evaluation.scores import ClassScores


class Entity(NamedTuple):
    """An entity from ``start`` to before ``end``, counted in words or in characters."""

    type: str
    start: int
    end: int


@dataclass(frozen=True)
class EntityScores:
    """Precision, recall and F1 over the entities of all types, 0..1, and of each type."""

    precision: float
    recall: float
    f1: float
    per_type: tuple[ClassScores, ...]


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of one sentence's IOB2 tags, counted in words.

    Read strictly: an I- that continues no entity of its type is not part of any.
    """
    found: list[Entity] = []
    for position, tag in enumerate(tags):
        kind = tag[2:]
        if tag.startswith("B-"):
            found.append(Entity(kind, position, position + 1))
        elif tag.startswith("I-") and found:
            last = found[-1]
            if (last.type, last.end) == (kind, position):
                found[-1] = last._replace(end=position + 1)
    return found


def entity_scores(
    true: Sequence[Collection[Entity]], predicted: Sequence[Collection[Entity]]
) -> EntityScores:
    """Micro-averaged precision, recall and F1; 0 where there is nothing to divide by.

    With `entities` of IOB2 tags it is what seqeval computes with ``mode="strict"``.

    Args:
        true: the entities of each text.
        predicted: those found in the same texts, in the same order.
    """
    truly, found, right = Counter[str](), Counter[str](), Counter[str]()
    for expected, answer in zip(true, predicted, strict=True):
        truly.update(entity.type for entity in expected)
        found.update(entity.type for entity in answer)
        right.update(entity.type for entity in set(expected) & set(answer))
    per_type = []
    for kind in sorted(truly.keys() | found.keys()):
        scores = _precision_recall_f1(right[kind], found[kind], truly[kind])
        per_type.append(ClassScores(kind, *scores, support=truly[kind]))
    overall = _precision_recall_f1(right.total(), found.total(), truly.total())
    return EntityScores(*overall, tuple(per_type))


def _precision_recall_f1(right: int, found: int, true: int) -> tuple[float, float, float]:
    either = found + true
    return (
        right / found if found else 0.0,
        right / true if true else 0.0,
        2 * right / either if either else 0.0,
    )
