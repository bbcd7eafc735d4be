"""What learning took: seconds, and joules."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from squeezebert.training.energy import Meter, Prices


@dataclass(slots=True)
class Work:
    """Time and energy.

    Attributes:
        seconds: by the clock.
        core_seconds: of all processors together.
        joules: that they used.
        how: "measured" or "estimated", and by what.
    """

    seconds: float = 0.0
    core_seconds: float = 0.0
    joules: float = 0.0
    how: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def __add__(self, other: "Work") -> "Work":
        """What both took, one after the other."""
        return Work(
            self.seconds + other.seconds,
            self.core_seconds + other.core_seconds,
            self.joules + other.joules,
            self.how,
        )

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Counts what the block takes."""
        meter = Meter()
        start, processor_start = time.perf_counter(), time.process_time()
        with meter.counting():
            yield
        self.seconds = time.perf_counter() - start
        self.core_seconds = time.process_time() - processor_start
        self.joules, _, self.how = Prices().estimate(meter.joules, self.core_seconds)
