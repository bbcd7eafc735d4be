"""One sentence in every scheme of tags is the same sentence in IOB2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.data.tags import scheme_of, to_iob2

IOB2 = ("B-X", "I-X", "I-X", "O", "B-Y", "B-Y", "I-Y", "O")


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IOB2", IOB2),
        ("IOB1", ("I-X", "I-X", "I-X", "O", "I-Y", "B-Y", "I-Y", "O")),
        ("IOBES", ("B-X", "I-X", "E-X", "O", "S-Y", "B-Y", "E-Y", "O")),
        ("BILOU", ("B-X", "I-X", "L-X", "O", "U-Y", "B-Y", "L-Y", "O")),
        ("BMES", ("B-X", "M-X", "E-X", "O", "S-Y", "B-Y", "E-Y", "O")),
        ("BMEW", ("B-X", "M-X", "E-X", "O", "W-Y", "B-Y", "E-Y", "O")),
    ],
)
def test_a_sentence_is_the_same_in_every_scheme(scheme: str, tags: tuple[str, ...]) -> None:
    assert scheme_of([tags]) == scheme
    assert to_iob2(tags, scheme) == (IOB2, ())


def test_bare_types_are_entities_that_never_touch() -> None:
    assert scheme_of([["PER", "PER", "O"], ["O", "work/art"]]) == "IO"
    assert to_iob2(["PER", "PER", "LOC", "O"], "IO").tags == ("B-PER", "I-PER", "B-LOC", "O")


@pytest.mark.parametrize(
    "tags",
    [["NNP", "VBD"], ["O", "B-X", "PER"], ["O", "B-"], ["S-X", "U-X"], ["O", "3"], ["O", ""]],
)
def test_other_columns_are_no_tags(tags: list[str]) -> None:
    assert scheme_of([tags]) is None


@pytest.mark.parametrize(
    ("tags", "expected", "broken"),
    [
        (("E-X", "O", "I-Y"), ("B-X", "O", "B-Y"), (0, 2)),
        (("S-X", "I-X", "E-X"), ("B-X", "B-X", "I-X"), (1,)),
        (("B-X", "E-Y", "E-Y"), ("B-X", "B-Y", "B-Y"), (1, 2)),
    ],
)
def test_what_breaks_a_scheme_begins_an_entity(
    tags: tuple[str, ...], expected: tuple[str, ...], broken: tuple[int, ...]
) -> None:
    assert to_iob2(tags, "IOBES") == (expected, broken)


@given(st.lists(st.tuples(st.sampled_from("XY"), st.integers(1, 4), st.booleans())))
def test_any_entities_survive_the_way_through_iobes(entities: list[tuple[str, int, bool]]) -> None:
    iob2: list[str] = []
    iobes: list[str] = []
    for kind, length, gap in entities:
        iob2 += [f"B-{kind}"] + [f"I-{kind}"] * (length - 1) + ["O"] * gap
        inside = [f"B-{kind}"] + [f"I-{kind}"] * (length - 2) + [f"E-{kind}"]
        iobes += (inside if length > 1 else [f"S-{kind}"]) + ["O"] * gap
    assert to_iob2(iobes, "IOBES") == (tuple(iob2), ())
