"""The most probable tags of those that may follow one another."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squeezebert.errors import InputError
from squeezebert.pipelines.words.iob import best_tags, can_follow, entity_types, runs

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
FLOWING = [True, False]  # of two words in one line


def valid(tags: tuple[str, ...]) -> bool:
    return all(
        before in (f"B-{tag[2:]}", tag)
        for before, tag in pairwise(("O", *tags))
        if tag.startswith("I-")
    )


@given(
    st.lists(st.lists(st.floats(0.01, 1), min_size=5, max_size=5), max_size=4),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
@settings(deadline=None)
def test_it_is_the_most_probable_valid_sequence(
    rows: list[list[float]], breaks: list[bool]
) -> None:
    scores = np.array(rows, np.float32).reshape(-1, len(TAGS))
    begins = [True, *breaks][: len(rows)]
    found = best_tags(scores, can_follow(TAGS), begins)

    def allowed(tags: tuple[int, ...]) -> bool:
        names = [TAGS[tag] for tag in tags]
        after_break = (tag for tag, first in zip(names, begins, strict=True) if first)
        return valid(tuple(names)) and not any(tag.startswith("I-") for tag in after_break)

    assert allowed(tuple(found))

    def probability(tags: tuple[int, ...]) -> float:
        return float(np.prod([row[tag] for row, tag in zip(scores, tags, strict=True)]))

    best = max(
        probability(tags) for tags in product(range(len(TAGS)), repeat=len(rows)) if allowed(tags)
    )
    assert probability(tuple(found)) == pytest.approx(best, rel=1e-5)


def test_impossible_tags_still_give_a_valid_sequence() -> None:
    scores = np.array([[0, 0, 1, 0, 0], [0, 0, 0, 0, 1]], np.float32)
    assert valid(tuple(TAGS[tag] for tag in best_tags(scores, can_follow(TAGS), FLOWING)))


def test_a_type_without_a_beginning_may_begin_inside() -> None:
    """As in models of IOB1 that never saw two entities touch."""
    tags = ("O", "I-PER")
    scores = np.array([[0.1, 0.9], [0.2, 0.8], [0.7, 0.3]], np.float32)
    begins = [True, False, False]
    assert best_tags(scores, can_follow(tags), begins) == [1, 1, 0]
    assert list(runs(["I-PER", "I-PER", "O"], begins)) == [("PER", 0, 2)]
    assert list(runs(["I-PER", "I-PER", "O"], [True, True, False])) == [
        ("PER", 0, 1),
        ("PER", 1, 2),
    ]


def test_runs_are_entities() -> None:
    tags = ["B-PER", "I-PER", "B-PER", "O", "I-LOC", "I-LOC", "B-LOC"]
    found = list(runs(tags, [True, *[False] * 6]))
    assert found == [("PER", 0, 2), ("PER", 2, 3), ("LOC", 4, 6), ("LOC", 6, 7)]
    assert list(runs([], [])) == []


def test_types_are_those_of_the_tags() -> None:
    assert entity_types(TAGS) == ("PER", "LOC")
    for label in ("LABEL_1", "B-", "X-PER"):
        with pytest.raises(InputError, match=f"'{label}' is no tag of an entity"):
            entity_types(("O", label))
