"""How fast contenders get through real texts, and on what energy.

Peers take the texts sorted by length, which saves them most of the padding; ours as they come. Each
has the batch size that suits it best. Tokenising is no part of it, nor is padding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from squeezebert.bench.results import Figure, Results, Throughput, by_key, figure_key
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
) -> Results:
    """Tries all contenders on a few texts, then times the fast of each side in turns on all."""
    problems: list[str] = []
    entries = []
    for process in processes:
        tried, failures = _tried(process, lengths, effort)
        problems += failures
        entries += [max(tried, key=lambda entry: entry.texts_per_second)] if tried else []
    ranked = sorted(entries, key=lambda entry: (entry.ours, -entry.texts_per_second))
    finalists = []
    for entry in ranked:
        if _can_win(entry, ranked):
            workload = _workload(entry.process, lengths, entry.batch_size)
            ready, unready = prepare([entry.process], workload)
            finalists += ready
            problems += unready
    timings, failed = take_turns(finalists, effort.text_rounds, effort.text_seconds, runs=1, warm=0)
    found = tuple(
        _result(group, texts, len(lengths), entry, timings.get(entry.process), prices)
        for entry in ranked
    )
    return Results(
        throughputs=found,
        figures=_compared(group, texts, found),
        problems=(*problems, *failed),
    )


def _compared(group: str, texts: str, found: Sequence[Throughput]) -> dict[str, Figure]:
    """Our fastest over the fastest peer, in speed and in energy."""
    sides = [[one for one in found if one.finalist and one.ours == ours] for ours in (True, False)]
    if not all(sides):
        return {}
    our, peer = (max(side, key=lambda one: one.texts_per_second) for side in sides)
    key = figure_key(group, "throughput_best_over_ours", texts)
    figures = [Figure(key, our.texts_per_second / peer.texts_per_second, our.name, peer.name)]
    if our.joules is not None and peer.joules is not None:
        key = figure_key(group, "energy_best_over_ours", texts)
        figures.append(Figure(key, peer.joules / our.joules, our.name, peer.name, our.energy))
    return by_key(*figures)


def _workload(process: ContenderProcess, lengths: Sequence[int], batch_size: int) -> Workload:
    in_batches = as_they_come if process.spec.framework == "ours" else sorted_by_length
    return in_batches(lengths, batch_size)


def _tried(
    process: ContenderProcess, lengths: Sequence[int], effort: Effort
) -> tuple[list[_Entry], list[str]]:
    """A contender at each batch size, and why it could not take some."""
    mean_length = sum(lengths) / len(lengths)
    entries: list[_Entry] = []
    problems: list[str] = []
    for batch_size in effort.batch_sizes:
        if batch_size > 1 and 2 * batch_size > len(lengths):
            break
        trial = _sample(_workload(process, lengths, batch_size), effort.trial_texts // batch_size)
        ready, unready = prepare([process], trial)
        timings, failed = take_turns(ready, 1, effort.seconds, 1, warm=0)
        problems += unready + failed
        for timing in timings.values():
            # Other batches have other texts, so what is compared is tokens.
            tokens_per_second = sum(map(sum, trial)) / median(timing.seconds)
            speed = tokens_per_second / mean_length
            entries.append(_Entry(process, batch_size, process.settings, speed))
    return entries, problems


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
        total_joules, total_grams, energy = prices.estimate(timing.joules, timing.processor_seconds)
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
