"""What was there before is counted and named, with the place of the first."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from squeezebert.data.repeats import Places, Repeats, shared


def test_the_first_places_are_shown_and_all_are_counted() -> None:
    assert (str(Places([3, 7])), len(Places([3, 7]))) == ("3, 7", 2)
    assert (str(Places(range(6))), len(Places(range(6)))) == ("0, 1, 2, 3, 4, ...", 6)
    assert not Places()


def test_repeats_are_named_with_the_earlier_place() -> None:
    repeats = Repeats()
    for number, (text, label) in enumerate([("a", 1), ("b", 1), ("a", 1), ("a", 0)], 2):
        repeats.add(f"line {number}", text, label)
    assert list(repeats.notes("x.csv", "rows", "label")) == [
        "x.csv: 1 rows repeat an earlier one, and are kept: line 4 like line 2",
        "x.csv: 1 rows repeat an earlier one with another label, and are kept: line 5 like line 2",
    ]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans())))
def test_every_later_example_is_one_or_the_other(
    examples: list[tuple[str, bool]],
) -> None:
    repeats = Repeats()
    first: dict[str, bool] = {}
    for place, (item, answer) in enumerate(examples):
        repeats.add(place, item, answer)
        first.setdefault(item, answer)
    found = Counter(first[item] == answer for item, answer in examples)
    assert len(repeats.same) == found[True] - len(first)
    assert len(repeats.conflicting) == found[False]


def test_what_is_in_the_training_data_too_is_named() -> None:
    others = [("line 2", "a"), ("line 3", "z"), ("line 4", "b")]
    assert list(shared(["a", "b"], others, "dev.csv", "texts")) == [
        "dev.csv: 2 texts are in the training data too, so the scores will flatter: line 2, line 4"
    ]
    assert not list(shared(["c"], others, "dev.csv", "texts"))
