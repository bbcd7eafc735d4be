"""Contenders in processes of their own."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from squeezebert.bench.contenders.contract import Spec
from squeezebert.bench.turns.processes import ContenderError, ContenderProcess, contenders
from squeezebert.bench.turns.turns import prepare, take_turns


@pytest.fixture
def spec(tiny_bundle: Path) -> Spec:
    return Spec("tiny", "numpy", "ours", "numpy", str(tiny_bundle))


@pytest.fixture
def process(spec: Spec) -> Iterator[ContenderProcess]:
    process = ContenderProcess(spec)
    process.load()
    yield process
    process.close()


def test_it_runs_as_often_and_as_long_as_asked(process: ContenderProcess) -> None:
    process.prepare([[8], [3, 5]])
    seconds, processor_seconds = process.run(seconds=0, least=3, warm=2)
    assert len(seconds) == 3
    assert min(seconds) > 0
    assert processor_seconds < 10
    start = time.perf_counter()
    assert len(process.run(seconds=0.05, least=1)[0]) > 1
    assert time.perf_counter() - start > 0.05
    assert 10 < process.peak_megabytes() < 1000


def test_it_takes_no_core_while_it_is_not_asked(process: ContenderProcess) -> None:
    process.prepare([[8]])
    handle = psutil.Process(process.pid)
    deadline = time.monotonic() + 10  # the signal may take a moment
    while handle.status() != psutil.STATUS_STOPPED and time.monotonic() < deadline:
        time.sleep(0.001)
    before = handle.cpu_times()
    time.sleep(0.1)
    assert handle.status() == psutil.STATUS_STOPPED
    assert handle.cpu_times() == before


def test_what_fails_is_said_and_the_process_goes_on(process: ContenderProcess) -> None:
    with pytest.raises(ContenderError, match="25 tokens"):
        process.prepare([[25]])
    with pytest.raises(ContenderError, match="nothing is prepared"):
        process.run(seconds=0, least=1)
    process.prepare([[8]])
    assert process.run(seconds=0, least=1)


def test_a_process_that_ends_is_an_error(process: ContenderProcess) -> None:
    psutil.Process(process.pid).kill()
    with pytest.raises(ContenderError, match=f"status -{signal.SIGKILL.value}"):
        process.prepare([[8]])


def test_contenders_that_cant_be_loaded_are_left_out(spec: Spec, tmp_path: Path) -> None:
    missing = Spec("gone", "numpy", "ours", "numpy", str(tmp_path / "gone"))
    with contenders([missing, spec]) as (processes, problems):
        assert [process.spec for process in processes] == [spec]
    assert len(problems) == 1
    assert problems[0].startswith("gone in numpy: BundleError: ")
    assert not any(psutil.pid_exists(process.pid) for process in processes)


def test_those_who_fail_in_their_turn_drop_out(spec: Spec) -> None:
    with contenders([spec, spec, spec]) as (processes, _):
        ready, unready = prepare(processes, [[8]])
        psutil.Process(ready[1].pid).kill()
        timings, problems = take_turns(ready, rounds=3, seconds=0, runs=2)
        assert list(timings) == [ready[0], ready[2]]
    assert all(len(timing.seconds) == 6 for timing in timings.values())
    assert all(timing.processor_seconds > 0 for timing in timings.values())
    assert unready == ()
    assert len(problems) == 1
