"""What a run found, ready for JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a contender takes for a batch of one shape, in milliseconds.

    Attributes:
        group: those with the same took turns, so their figures can be compared.
        ours: whether the engine is ours.
        p90: None if there were too few runs to tell, see `percentiles`; p99 likewise.
        runs: how many the percentiles are of.
    """

    group: str
    shape: str
    model: str
    engine: str
    ours: bool
    threads: int
    settings: str
    p50: float
    p90: float | None
    p99: float | None
    runs: int

    @property
    def name(self) -> str:
        return f"{self.model} in {self.engine}"


@dataclass(frozen=True, slots=True)
class Throughput:
    """How fast a contender gets through real texts, and on what energy.

    Attributes:
        texts: name of the texts.
        batch_size: the best of those tried.
        finalist: whether it was measured in turns; the others only in a trial, which they lost.
        joules: for 1,000 texts; None for those that are no finalists.
        grams: CO2e for 1,000 texts, likewise.
        energy: "measured" or "estimated", and how.
    """

    group: str
    texts: str
    model: str
    engine: str
    ours: bool
    settings: str
    batch_size: int
    texts_per_second: float
    finalist: bool
    joules: float | None
    grams: float | None
    energy: str

    @property
    def name(self) -> str:
        return f"{self.model} in {self.engine}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure to hold against a floor, and what it is made of."""

    key: str
    value: float
    ours: str = ""
    peer: str = ""
    note: str = ""


@dataclass(slots=True)
class Results:
    """All that was found so far.

    Attributes:
        facts: what is not a list: the model, ceilings, the fit and so on.
        problems: what could not be measured, and why.
    """

    latencies: list[Latency] = field(default_factory=list)
    throughputs: list[Throughput] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def note(self, figure: Figure) -> None:
        """Adds a figure."""
        self.figures[figure.key] = figure

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def percentiles(seconds: Sequence[float]) -> tuple[float, float | None, float | None]:
    """The 50th, 90th and 99th percentile in milliseconds.

    Below 10 runs there is no 90th, and below 100 no 99th: it would be the slowest run by another
    name.
    """
    p50, p90, p99 = (np.percentile(seconds, (50, 90, 99)) * 1e3).round(4).tolist()
    return p50, p90 if len(seconds) >= 10 else None, p99 if len(seconds) >= 100 else None


def best_over_ours(key: str, latencies: Iterable[Latency]) -> Figure | None:
    """The best peer's median over our best engine's; None where either is missing."""
    measured = list(latencies)
    peers = [latency for latency in measured if not latency.ours]
    ours = [latency for latency in measured if latency.ours]
    if not peers or not ours:
        return None
    peer, our = (min(side, key=lambda latency: latency.p50) for side in (peers, ours))
    return Figure(key, peer.p50 / our.p50, our.name, peer.name)
