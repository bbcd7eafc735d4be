from pathlib import Path

import pytest

from squeezebert.bench.energy import Meter, Prices


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    """Counters of two packages as Linux shows them, and one of a part of the first."""
    for name, microjoules in {"0": 9_000_000, "1": 100, "0:0": 5}.items():
        zone = tmp_path / f"intel-rapl:{name}"
        zone.mkdir()
        (zone / "energy_uj").write_text(f"{microjoules}\n")
        (zone / "max_energy_range_uj").write_text("10000000\n")
    return tmp_path


def test_counters_of_all_packages_are_summed_also_when_they_begin_anew(zones: Path) -> None:
    meter = Meter(zones)
    assert meter.joules == 0
    with meter.counting():
        (zones / "intel-rapl:0" / "energy_uj").write_text("1000000\n")
        (zones / "intel-rapl:1" / "energy_uj").write_text("500100\n")
        (zones / "intel-rapl:0:0" / "energy_uj").write_text("900\n")
    assert meter.joules == pytest.approx(2.0 + 0.5)


def test_without_counters_nothing_is_measured(tmp_path: Path) -> None:
    meter = Meter(tmp_path)
    with meter.counting():
        pass
    assert meter.joules is None


def test_what_was_measured_and_what_was_estimated_say_so() -> None:
    prices = Prices(core_watts=5, grams_per_kwh=400)
    joules, grams, how = prices.of(measured_joules=3600, processor_seconds=1)
    assert joules == 3600
    assert grams == pytest.approx(0.4)
    assert how.startswith("measured")
    joules, grams, how = prices.of(measured_joules=None, processor_seconds=720)
    assert joules == 3600
    assert grams == pytest.approx(0.4)
    assert how == "estimated: processor seconds x 5 W"
