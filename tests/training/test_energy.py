from pathlib import Path

import pytest

from squeezebert.training.energy import Meter, Prices


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    """Counters of two packages as Linux shows them, of a part of the first, and of the platform."""
    add_zone(tmp_path, "0", "package-0", 9_000_000)
    add_zone(tmp_path, "1", "package-1", 100)
    add_zone(tmp_path, "0:0", "core", 5)
    add_zone(tmp_path, "2", "psys", 0)
    return tmp_path


def add_zone(folder: Path, number: str, name: str, microjoules: int) -> None:
    zone = folder / f"intel-rapl:{number}"
    zone.mkdir()
    (zone / "name").write_text(f"{name}\n")
    (zone / "energy_uj").write_text(f"{microjoules}\n")
    (zone / "max_energy_range_uj").write_text("10000000\n")


def test_counters_of_all_packages_are_summed_also_when_they_begin_anew(zones: Path) -> None:
    meter = Meter(zones)
    assert meter.joules == 0
    with meter.counting():
        (zones / "intel-rapl:0" / "energy_uj").write_text("1000000\n")
        (zones / "intel-rapl:1" / "energy_uj").write_text("500100\n")
        (zones / "intel-rapl:0:0" / "energy_uj").write_text("900\n")
        (zones / "intel-rapl:2" / "energy_uj").write_text("7000000\n")
    assert meter.joules == pytest.approx(2.0 + 0.5)


def test_the_platform_is_counted_where_no_package_is(tmp_path: Path) -> None:
    add_zone(tmp_path, "0", "psys", 0)
    add_zone(tmp_path, "1", "dram", 0)
    meter = Meter(tmp_path)
    with meter.counting():
        (tmp_path / "intel-rapl:0" / "energy_uj").write_text("7000000\n")
        (tmp_path / "intel-rapl:1" / "energy_uj").write_text("900\n")
    assert meter.joules == pytest.approx(7)


def test_without_counters_nothing_is_measured(tmp_path: Path) -> None:
    meter = Meter(tmp_path)
    with meter.counting():
        pass
    assert meter.joules is None


def test_what_was_measured_and_what_was_estimated_say_so() -> None:
    prices = Prices(core_watts=5, grams_per_kwh=400)
    joules, grams, how = prices.estimate(measured_joules=3600, processor_seconds=1)
    assert joules == 3600
    assert grams == pytest.approx(0.4)
    assert how.startswith("measured")
    joules, grams, how = prices.estimate(measured_joules=None, processor_seconds=720)
    assert joules == 3600
    assert grams == pytest.approx(0.4)
    assert how == "estimated: processor seconds x 5 W"
