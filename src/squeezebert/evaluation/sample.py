"""Some rows of a stream, so that memory stays bounded."""

from array import array
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from squeezebert.data.reservoir import Reservoir


class Sample:
    """Keeps at most so many rows, any as likely as another.

    Args:
        size: how many to keep.
    """

    def __init__(self, size: int) -> None:
        self._reservoir = Reservoir(size, seed=0)
        self._places, self._values = array("q"), array("f")

    def add(self, row: Collection[float]) -> None:
        """Takes the next row; all have the same length."""
        if (place := self._reservoir.place()) is not None:
            self._places[place : place + 1] = array("q", [self._reservoir.seen - 1])
            self._values[place * len(row) : (place + 1) * len(row)] = array("f", row)

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """Which row of the stream each one kept is, from 0, ``[kept]``."""
        return np.asarray(self._places)

    @property
    def rows(self) -> npt.NDArray[np.float32]:
        """The rows kept, ``[kept, length]``."""
        return np.asarray(self._values).reshape(len(self._places), -1)
