"""How fast contenders get through real texts, and on what energy.

Peers take the texts sorted by length, which saves them most of the padding; ours as they come. Each
has the batch size that suits it best. Tokenising is no part of it, nor is padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from squeezebert.bench.results import Figure, Results, Throughput
from squeezebert.bench.turns.processes import ContenderProcess
from squeezebert.bench.turns.turns import Effort, Timing, prepare, take_turns
from squeezebert.bench.workload import Workload, as_they_come, sorted_by_length
from squeezebert.training.energy import Prices

_BEHIND = 1.5
"""Who takes so many times as long as the fastest of its side in the trial won't win the final."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A contender and its best batch size, with the settings and the speed that it had so."""

    process: ContenderProcess
    batch_size: int
    settings: str
    texts_per_second: float

    @property
    def ours(self) -> bool:
        return self.process.spec.framework == "ours"


def measure_throughput(
    group: str,
    texts: str,
    lengths: Sequence[int],
    processes: Sequence[ContenderProcess],
    effort: Effort,
    prices: Prices,
    results: Results,
) -> None:
    """Tries all contenders on a few texts, then times the fast of each side in turns on all."""
    entries = [
        entry
        for process in processes
        if (entry := _best_batch_size(process, lengths, effort, results.problems))
    ]
    ranked = sorted(entries, key=lambda entry: (entry.ours, -entry.texts_per_second))
    ready = [
        process
        for entry in ranked
        if _can_win(entry, ranked)
        for process in prepare(
            [entry.process], _workload(entry.process, lengths, entry.batch_size), results.problems
        )
    ]
    timings = take_turns(
        ready,
        effort.text_rounds,
        effort.text_seconds,
        runs=1,
        problems=results.problems,
        warm=0,
    )
    found = [
        _result(group, texts, len(lengths), entry, timings.get(entry.process), prices)
        for entry in ranked
    ]
    results.throughputs += found
    sides = [[one for one in found if one.finalist and one.ours == ours] for ours in (True, False)]
    if all(sides):
        our, peer = (max(side, key=lambda one: one.texts_per_second) for side in sides)
        results.note(
            Figure(
                f"{group}_throughput_best_over_ours_{texts}",
                our.texts_per_second / peer.texts_per_second,
                our.name,
                peer.name,
            )
        )
        if our.joules is not None and peer.joules is not None:
            results.note(
                Figure(
                    f"{group}_energy_best_over_ours_{texts}",
                    peer.joules / our.joules,
                    our.name,
                    peer.name,
                    our.energy,
                )
            )


def _workload(process: ContenderProcess, lengths: Sequence[int], batch_size: int) -> Workload:
    in_batches = as_they_come if process.spec.framework == "ours" else sorted_by_length
    return in_batches(lengths, batch_size)


def _best_batch_size(
    process: ContenderProcess, lengths: Sequence[int], effort: Effort, problems: list[str]
) -> _Entry | None:
    mean_length = sum(lengths) / len(lengths)
    entries = []
    for batch_size in effort.batch_sizes:
        if batch_size > 1 and 2 * batch_size > len(lengths):
            break
        trial = _sample(_workload(process, lengths, batch_size), effort.trial_texts // batch_size)
        ready = prepare([process], trial, problems)
        for timing in take_turns(ready, 1, effort.seconds, 1, problems, warm=0).values():
            # Other batches have other texts, so what is compared is tokens.
            tokens_per_second = sum(map(sum, trial)) / median(timing.seconds)
            speed = tokens_per_second / mean_length
            entries.append(_Entry(process, batch_size, process.settings, speed))
    return max(entries, key=lambda entry: entry.texts_per_second, default=None)


def _sample(workload: Workload, count: int) -> Workload:
    """``count`` batches at even distances; at least two, as one alone would have a static shape."""
    count = min(max(2, count), len(workload))
    return [workload[(2 * i + 1) * len(workload) // (2 * count)] for i in range(count)]


def _can_win(entry: _Entry, entries: Sequence[_Entry]) -> bool:
    fastest = max(other.texts_per_second for other in entries if other.ours == entry.ours)
    return _BEHIND * entry.texts_per_second >= fastest


def _result(
    group: str, texts: str, count: int, entry: _Entry, timing: Timing | None, prices: Prices
) -> Throughput:
    spec, settings = entry.process.spec, entry.settings
    joules = grams = None
    per_second, energy = entry.texts_per_second, ""
    if timing is not None:
        settings = entry.process.settings
        per_second = count / median(timing.seconds)
        thousands = count * len(timing.seconds) / 1000
        total_joules, total_grams, energy = prices.of(timing.joules, timing.processor_seconds)
        joules, grams = total_joules / thousands, total_grams / thousands
    return Throughput(
        group,
        texts,
        spec.model,
        spec.engine,
        entry.ours,
        settings,
        entry.batch_size,
        round(per_second, 2),
        timing is not None,
        joules,
        grams,
        energy,
    )
