"""Texts that are nearly the same, and are held out together."""

import numpy as np

from squeezebert.data.split import held_out
from squeezebert.data.twins import among, first_twins
from squeezebert.tokenizer import Item


def test_texts_that_differ_in_case_spaces_punctuation_or_digits_are_twins() -> None:
    items: list[Item] = [
        "Order 12 is late.",
        "a film",
        "order  9 is late",
        ("a film", "x"),
        ("A film!", "x"),
    ]
    assert first_twins(items).tolist() == [0, 1, 0, 3, 3]
    assert first_twins(["12", "13", "12", "?"]).tolist() == [0, 1, 0, 3], "they have no letters"
    assert among(first_twins(items), np.array([1, 2, 3, 4])).tolist() == [0, 1, 2, 2]


def test_twins_are_held_out_together() -> None:
    labels = [str(place % 2) for place in range(200)]
    twins = first_twins(f"text {chr(97 + place // 16)} {place}" for place in range(200))
    drawn = held_out(labels, 200, 0.2, 0, twins=twins)
    assert 20 <= len(drawn) <= 40
    assert {int(twins[place]) for place in drawn}.isdisjoint(
        int(twins[place]) for place in range(200) if place not in drawn
    )
    alone = np.arange(200)
    assert held_out(labels, 200, 0.2, 0, twins=alone) == held_out(labels, 200, 0.2, 0)
