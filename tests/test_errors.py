"""Errors carry what they are about as data."""

import pickle

from squeezebert.errors import InputError
from squeezebert.pipelines.items import at_place


def test_an_input_error_knows_its_item() -> None:
    error = InputError("it is empty.", index=2)
    assert str(error) == "Item 2: it is empty."
    assert (error.reason, error.index, error.place) == ("it is empty.", 2, None)


def test_an_item_is_named_by_its_place_where_that_is_known() -> None:
    placed = at_place(InputError("it is empty.", index=1), ["a.csv, line 2", "a.csv, line 3"])
    assert str(placed) == "a.csv, line 3: it is empty."
    assert (placed.index, placed.place) == (1, "a.csv, line 3")


def test_an_error_of_no_item_stays_as_it_is() -> None:
    error = InputError("threads is 0.")
    assert at_place(error, ["a.csv, line 2"]) is error
    assert str(error) == "threads is 0."


def test_an_input_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(InputError("it is empty.", index=2)))
    assert (str(error), error.index) == ("Item 2: it is empty.", 2)
