"""Who is tried at which batch sizes, and who is timed, with contenders of known speeds."""

from collections.abc import Mapping, Sequence
from typing import cast

import pytest

from squeezebert.bench.contenders.contract import Framework, Spec
from squeezebert.bench.measures.throughput import measure_throughput
from squeezebert.bench.results import Results, Throughput
from squeezebert.bench.turns.processes import ContenderProcess
from squeezebert.bench.turns.turns import QUICK, THOROUGH, Effort
from squeezebert.bench.workload import Workload
from squeezebert.training.energy import Prices

LENGTHS = [3, 30, 5, 28, 8, 25, 10, 22] * 20


class Runner:
    """Takes so many seconds for a token in batches of a size, or else of a second."""

    def __init__(self, framework: Framework, engine: str, paces: Mapping[int, float]) -> None:
        self.spec = Spec("some", engine, framework, engine)
        self.name = self.spec.name
        self.settings = ""
        self.workloads: list[Workload] = []
        self._paces = paces

    @property
    def _batch_size(self) -> int:
        return max(map(len, self.workloads[-1]))

    def prepare(self, workload: Workload) -> None:
        self.workloads.append(workload)
        self.settings = f"batches of {self._batch_size}"

    def run(self, seconds: float, least: int, warm: int = 0) -> tuple[list[float], float]:
        taken = sum(map(sum, self.workloads[-1])) * self._paces.get(self._batch_size, 1)
        return [taken] * least, taken


def measure(
    runners: Sequence[Runner], lengths: Sequence[int], effort: Effort
) -> tuple[dict[str, Throughput], Results]:
    processes = [cast(ContenderProcess, runner) for runner in runners]
    results = measure_throughput("peer", "texts", lengths, processes, effort, Prices())
    return {one.engine: one for one in results.throughputs}, results


def test_each_is_shown_as_it_ran_at_its_best_batch_size() -> None:
    found, results = measure(
        [
            Runner("ours", "native", {4: 0.0001}),
            Runner("openvino", "fast", {4: 0.0003}),
            Runner("torch", "slow", {4: 0.0009}),
        ],
        LENGTHS,
        THOROUGH,
    )
    assert {one.batch_size for one in found.values()} == {4}
    assert {one.settings for one in found.values()} == {"batches of 4"}
    ratio = results.figures["peer_throughput_best_over_ours_texts"].value
    assert ratio == pytest.approx(3, abs=0.01)
    # Speeds of a trial are of texts of mean length, whichever were tried.
    mean = sum(LENGTHS) / len(LENGTHS)
    assert found["slow"].texts_per_second == pytest.approx(1 / (0.0009 * mean), abs=0.01)


def test_no_batch_size_is_tried_on_one_static_shape() -> None:
    for lengths, effort in ((LENGTHS[:32], QUICK), (LENGTHS, THOROUGH)):
        runner = Runner("openvino", "some", {})
        measure([runner], lengths, effort)
        *trials, final = runner.workloads
        assert [max(map(len, trial)) for trial in trials] == list(effort.batch_sizes)
        for trial in trials:
            assert len({max(batch) for batch in trial}) > 1
            assert len(trial) * len(trial[0]) >= effort.trial_texts
        assert sorted(length for batch in final for length in batch) == sorted(lengths)


def test_few_texts_are_tried_in_small_batches() -> None:
    runner = Runner("openvino", "some", {})
    measure([runner], [7], THOROUGH)
    assert runner.workloads == [[[7]], [[7]]]
    runner = Runner("openvino", "some", {})
    measure([runner], [7, 8, 9, 9, 9, 9, 9, 9, 9], THOROUGH)
    assert [max(map(len, trial)) for trial in runner.workloads[:-1]] == [1, 4]


def test_whoever_comes_near_the_fastest_of_its_side_is_timed() -> None:
    paces = {"a": 0.10, "b": 0.11, "c": 0.12, "d": 0.14, "e": 0.2}
    runners = [Runner("openvino", name, {4: pace}) for name, pace in paces.items()]
    runners.append(Runner("ours", "native", {4: 0.01}))
    found, _ = measure(runners, LENGTHS, QUICK)
    assert {name for name, one in found.items() if one.finalist} == {"a", "b", "c", "d", "native"}
    assert found["e"].joules is None
