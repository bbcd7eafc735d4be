"""Examples that a model has learnt from are recognised."""

from functools import partial

import pytest

from squeezebert.evaluation.known import Sketch, known_part


def sketch_of(items: list[str]) -> Sketch:
    sketch = Sketch()
    for start in range(0, len(items), 700):
        sketch.add(items[start : start + 700])
    return sketch


@pytest.mark.parametrize("count", [40, 5000])
@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_the_part_of_known_items_is_told(count: int, part: float) -> None:
    learnt = [f"text {number}" for number in range(count)]
    half = count // 2
    known = int(part * half)
    asked = learnt[:known] + [f"another {number}" for number in range(half - known)]
    kept = Sketch.of_text(sketch_of(learnt).as_text(), count)
    assert kept.part_of(asked) == pytest.approx(part, abs=0.1)
    assert len(kept.as_text()) < 6000


def test_pairs_are_known_by_both_texts() -> None:
    sketch = Sketch()
    sketch.add([("one", "two"), ("one", "three")])
    assert sketch.part_of([("one", "two"), ("one", "three")]) == 1
    assert sketch.part_of([("two", "one"), ("three", "one")]) == 0


def test_one_text_that_is_known_is_no_matter_nor_is_a_damaged_sketch() -> None:
    learnt = [f"text {number}" for number in range(50)]
    provenance = sketch_of(learnt).as_json()
    known = partial(known_part, provenance, "mood")
    assert known(learnt) == known_part({"training": provenance}, "mood", learnt) == 1
    assert known(["text 1", "another"]) == 0
    assert known([*learnt[:3], *map(str, range(100))]) == 0
    for damaged in ("???", "AAA=", "", 7):
        assert known_part({"rows": 50, "texts": damaged}, "mood", learnt) == 0
    without: tuple[object, ...] = ({}, {"mood": {}}, {"mood": None}, 7)
    for combined in without:
        assert known_part({"heads": combined}, "mood", learnt) == 0
