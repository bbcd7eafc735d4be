"""A sample of a stream, so that memory stays bounded."""

import numpy as np


class Reservoir:
    """Says which items of a stream to keep, any as likely as another (Vitter 1985, algorithm R).

    Args:
        size: how many to keep; the first so many items all are.
        seed: the same seed keeps the same.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.seen = 0
        self._random = np.random.default_rng(seed)

    def place(self) -> int | None:
        """Where the next item goes: a place from 0 on, whose item it replaces; None for nowhere."""
        self.seen += 1
        if self.seen <= self.size:
            return self.seen - 1
        place = int(self._random.integers(self.seen))
        return place if place < self.size else None
