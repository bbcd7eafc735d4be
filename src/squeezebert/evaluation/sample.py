"""Some rows of a stream, so that memory stays bounded."""

from array import array
from collections.abc import Collection

import numpy as np
import numpy.typing as npt


class Sample:
    """Keeps at most so many rows, any as likely as another (Vitter 1985, algorithm R).

    Args:
        size: how many to keep; the first so many rows all are.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._random = np.random.default_rng(0)
        self._seen = 0
        self._places, self._values = array("q"), array("f")

    def add(self, row: Collection[float]) -> None:
        """Takes the next row; all have the same length."""
        if self._seen < self._size:
            self._places.append(self._seen)
            self._values.extend(row)
        elif (kept := int(self._random.integers(self._seen + 1))) < self._size:
            self._places[kept] = self._seen
            self._values[kept * len(row) : (kept + 1) * len(row)] = array("f", row)
        self._seen += 1

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """Which row of the stream each one kept is, from 0, ``[kept]``."""
        return np.asarray(self._places)

    @property
    def rows(self) -> npt.NDArray[np.float32]:
        """The rows kept, ``[kept, length]``."""
        return np.asarray(self._values).reshape(len(self._places), -1)
