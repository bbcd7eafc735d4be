"""A bounded sample: all while there is room, then any as likely as another."""

import numpy as np

from squeezebert.evaluation.sample import Sample


def test_while_there_is_room_all_are_kept() -> None:
    sample = Sample(3)
    for number in range(3):
        sample.add([number, -number])
    assert sample.places.tolist() == [0, 1, 2]
    assert sample.rows.tolist() == [[0, 0], [1, -1], [2, -2]]


def test_beyond_it_each_is_as_likely_as_another() -> None:
    sample = Sample(500)
    for number in range(5000):
        sample.add([number, -number])
    assert (sample.rows[:, 0] == sample.places).all()
    assert (sample.rows[:, 1] == -sample.places).all()
    assert len(set(sample.places.tolist())) == 500
    tenths = np.bincount(sample.places // 500, minlength=10)
    assert tenths.min() > 25 and tenths.max() < 80
