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

    They count the whole package, so also what other programs use while one is measured. Where no
    package has one, that of the whole platform is taken.

    Attributes:
        folder: where Linux shows the counters.
        joules: used in all blocks of `counting` so far; None if there are no readable counters.
    """

    folder: Path = _ZONES
    joules: float | None = field(default=None, init=False)
    _zones: list[Path] = field(init=False)

    def __post_init__(self) -> None:
        self._zones = _readable_zones(self.folder)
        self.joules = 0.0 if self._zones else None

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Adds what is used while the block runs."""
        before = list(map(_microjoules, self._zones))
        yield
        if self.joules is not None:
            for zone, start in zip(self._zones, before, strict=True):
                used = _microjoules(zone) - start
                if used < 0:  # the counter began anew
                    used += float((zone / "max_energy_range_uj").read_text())
                self.joules += used / 1e6


def _readable_zones(folder: Path) -> list[Path]:
    """Those of packages; without any, that of the platform, "psys", which includes them."""
    packages, platform = [], []
    for zone in folder.glob("intel-rapl:[0-9]*"):
        if zone.name.count(":") > 1:  # a part of another zone
            continue
        try:
            name = (zone / "name").read_text().strip()
            _microjoules(zone)
        except OSError:  # readable by root only, on most systems
            continue
        if name.startswith("package"):  # "package-0", or "package-0-die-1"
            packages.append(zone)
        elif name == "psys":
            platform.append(zone)
    return packages or platform


def _microjoules(zone: Path) -> float:
    return float((zone / "energy_uj").read_text())


@dataclass(frozen=True, slots=True)
class Prices:
    """What turns processor time into energy and energy into CO2e.

    Attributes:
        core_watts: rated power of the processor over its cores.
        grams_per_kwh: carbon intensity of the electricity.
    """

    core_watts: float = CORE_WATTS
    grams_per_kwh: float = GRAMS_PER_KWH

    def estimate(
        self, measured_joules: float | None, processor_seconds: float
    ) -> tuple[float, float, str]:
        """Joules, grams of CO2e, and "measured" or "estimated" with the way it was done."""
        if measured_joules is not None:
            joules, how = measured_joules, "measured: RAPL"
        else:
            joules = processor_seconds * self.core_watts
            how = f"estimated: processor seconds x {self.core_watts:g} W"
        return joules, joules / 3.6e6 * self.grams_per_kwh, how
