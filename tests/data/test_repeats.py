"""What was there before is counted and named, with the place of the first."""

from collections import Counter
from collections.abc import Hashable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.data.repeats import Places, Repeats, shared


def notes_of(examples: Sequence[tuple[str, str, Hashable]], source: str) -> list[str]:
    repeats = Repeats(source, "rows", "label")
    for place, item, said in examples:
        repeats.add(place, item, said)
    return list(repeats.notes)


def test_the_first_places_are_shown_and_all_are_counted() -> None:
    assert (str(Places([3, 7])), len(Places([3, 7]))) == ("3, 7", 2)
    assert (str(Places(range(6))), len(Places(range(6)))) == ("0, 1, 2, 3, 4, ...", 6)
    assert not Places()


def test_repeats_are_named_with_the_earlier_place() -> None:
    texts = [("line 2", "a", 1), ("line 3", "b", 1), ("line 4", "a", 1), ("line 5", "a", 0)]
    assert notes_of(texts, "x.csv") == [
        "x.csv: 1 row repeats an earlier one, and is kept: line 4 like line 2",
        "x.csv: 1 row repeats an earlier one with another label, and is kept: line 5 like line 2",
    ]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans())))
def test_every_later_example_is_one_or_the_other(examples: list[tuple[str, bool]]) -> None:
    first: dict[str, bool] = {}
    for item, answer in examples:
        first.setdefault(item, answer)
    found = Counter(first[item] == answer for item, answer in examples)
    same, conflicting = found[True] - len(first), found[False]
    placed = [(f"line {number}", *example) for number, example in enumerate(examples)]
    notes = notes_of(placed, "x")
    assert [int(note.split()[1]) for note in notes] == [n for n in (same, conflicting) if n]


def test_what_is_in_the_training_data_too_is_named() -> None:
    others = [("line 2", "a"), ("line 3", "z"), ("line 4", "b")]
    assert list(shared(["a", "b"], others, "dev.csv", "texts")) == [
        "dev.csv: 2 texts are in the training data too, so the scores will flatter: line 2, line 4"
    ]
    assert not list(shared(["c"], others, "dev.csv", "texts"))


def test_only_so_many_examples_are_remembered_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("squeezebert.data.repeats._REMEMBERED", 2)
    assert notes_of([("1", "a", 0), ("2", "b", 0), ("3", "c", 0), ("4", "a", 0)], "x") == [
        "x: 1 row repeats an earlier one, and is kept: 4 like 1",
        "x: repeats were looked for among the first 2 different rows only.",
    ]
