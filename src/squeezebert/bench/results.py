"""What a run found, ready for JSON."""

from collections.abc import Iterable, Mapping, Sequence
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


def figure_key(*parts: object) -> str:
    """The key of a figure, from what it is of: ("bert-base", "best_over_ours", "1x128")."""
    return "_".join(str(part).replace("-", "_") for part in parts)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure to hold against a floor, and what it is made of.

    Attributes:
        key: as `figure_key` makes it.
    """

    key: str
    value: float
    ours: str = ""
    peer: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """What one measurement found, or several: results are added up.

    Attributes:
        figures: by their keys.
        facts: what is not a list: ceilings, the fit and so on.
        problems: what could not be measured, and why.
    """

    latencies: tuple[Latency, ...] = ()
    throughputs: tuple[Throughput, ...] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def __add__(self, other: "Results") -> "Results":
        return Results(
            self.latencies + other.latencies,
            self.throughputs + other.throughputs,
            {**self.figures, **other.figures},
            {**self.facts, **other.facts},
            self.problems + other.problems,
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def by_key(*figures: Figure) -> dict[str, Figure]:
    """Figures as `Results` has them."""
    return {figure.key: figure for figure in figures}


def percentiles(seconds: Sequence[float]) -> tuple[float, float | None, float | None]:
    """The 50th, 90th and 99th percentile in milliseconds.

    Below 10 runs there is no 90th, and below 100 no 99th: it would be the slowest run by another
    name.
    """
    p50, p90, p99 = (np.percentile(seconds, (50, 90, 99)) * 1e3).round(4).tolist()
    return p50, p90 if len(seconds) >= 10 else None, p99 if len(seconds) >= 100 else None


def best_over_ours(key: str, latencies: Iterable[Latency]) -> dict[str, Figure]:
    """The best peer's median over our best engine's; nothing where either is missing."""
    measured = list(latencies)
    peers = [latency for latency in measured if not latency.ours]
    ours = [latency for latency in measured if latency.ours]
    if not peers or not ours:
        return {}
    peer, our = (min(side, key=lambda latency: latency.p50) for side in (peers, ours))
    return by_key(Figure(key, peer.p50 / our.p50, our.name, peer.name))
