"""What a run costs in joules and CO2e: measured by the processor's own meter, else estimated."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

CORE_WATTS = 4.4
"""Rated power over cores of an AMD EPYC 7763 (280 W, 64 cores); server processors have 4 to 7."""

GRAMS_PER_KWH = 436.0
"""World average of 2022: Ember, Global Electricity Review 2023."""

_ZONES = Path("/sys/class/powercap")


@dataclass(slots=True)
class Meter:
    """Running Average Power Limit (RAPL) counters of all processor packages, where readable.

    They count the whole package, so also what other programs use while one is measured.

    Attributes:
        folder: where Linux shows the counters.
        joules: used in all blocks of `counting` so far; None if there are no readable counters.
    """

    folder: Path = _ZONES
    joules: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.joules = 0.0 if self._read() else None

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Adds what is used while the block runs."""
        before = self._read()
        yield
        if self.joules is not None:
            for zone, start in before.items():
                used = self._read()[zone] - start
                if used < 0:  # the counter began anew
                    used += float((zone / "max_energy_range_uj").read_text())
                self.joules += used / 1e6

    def _read(self) -> dict[Path, float]:
        counters = {}
        # Packages are intel-rapl:0, :1, ...; deeper zones are parts of them.
        for zone in self.folder.glob("intel-rapl:[0-9]*"):
            if zone.name.count(":") == 1:
                try:
                    counters[zone] = float((zone / "energy_uj").read_text())
                except OSError:  # readable by root only, on most systems
                    continue
        return counters


@dataclass(frozen=True, slots=True)
class Prices:
    """What turns processor time into energy and energy into CO2e.

    Attributes:
        core_watts: rated power of the processor over its cores.
        grams_per_kwh: carbon intensity of the electricity.
    """

    core_watts: float = CORE_WATTS
    grams_per_kwh: float = GRAMS_PER_KWH

    def of(
        self, measured_joules: float | None, processor_seconds: float
    ) -> tuple[float, float, str]:
        """Joules, grams of CO2e, and "measured" or "estimated" with the way it was done."""
        if measured_joules is not None:
            joules, how = measured_joules, "measured: RAPL, whole package"
        else:
            joules = processor_seconds * self.core_watts
            how = f"estimated: processor seconds x {self.core_watts:g} W"
        return joules, joules / 3.6e6 * self.grams_per_kwh, how
