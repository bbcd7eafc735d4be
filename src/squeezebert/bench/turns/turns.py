"""Contenders take turns, so that whatever drifts on the machine hits all alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from squeezebert.bench.turns.processes import ContenderError, ContenderProcess
from squeezebert.bench.workload import Workload
from squeezebert.training.energy import Meter


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: turns of each contender.
        seconds: of a turn, at least.
        runs: in a turn, at least.
        texts: how many real texts of each kind.
        batch_sizes: tried on them.
        trial_texts: how many of them a batch size is tried on, at least.
        text_rounds: turns of each contender over the texts.
        text_seconds: of such a turn, at least; the meters of energy need some.
        starts: fresh processes for each cold start.
    """

    rounds: int
    seconds: float
    runs: int
    texts: int
    batch_sizes: tuple[int, ...]
    trial_texts: int
    text_rounds: int
    text_seconds: float
    starts: int


QUICK = Effort(
    rounds=5,
    seconds=0.05,
    runs=1,
    texts=32,
    batch_sizes=(1, 4),  # of so few texts larger batches need more padding, and gain little
    trial_texts=8,
    text_rounds=3,
    text_seconds=0.5,
    starts=3,
)
THOROUGH = Effort(
    rounds=25,
    seconds=0.5,
    runs=4,
    texts=872,
    batch_sizes=(1, 4, 16, 32),
    trial_texts=64,
    text_rounds=5,
    text_seconds=5.0,
    starts=15,
)


@dataclass(slots=True)
class Timing:
    """The runs of one contender over all its turns.

    Attributes:
        seconds: of each run.
        processor_seconds: of all runs, over all cores.
        joules: of all runs if they can be measured.
    """

    seconds: list[float] = field(default_factory=list)
    processor_seconds: float = 0.0
    joules: float | None = None


def prepare(
    processes: Sequence[ContenderProcess], workload: Workload
) -> tuple[list[ContenderProcess], tuple[str, ...]]:
    """Makes contenders ready.

    Returns:
        those that are, and why others are not.
    """
    ready, problems = [], []
    for process in processes:
        try:
            process.prepare(workload)
            ready.append(process)
        except ContenderError as error:
            problems.append(f"{process.name}: {error}")
    return ready, tuple(problems)


def take_turns(
    processes: Sequence[ContenderProcess],
    rounds: int,
    seconds: float,
    runs: int,
    warm: int = 1,
) -> tuple[dict[ContenderProcess, Timing], tuple[str, ...]]:
    """Times what each contender is prepared for.

    Args:
        rounds: turns of each.
        seconds: of each turn, at least.
        runs: in each turn, at least.
        warm: uncounted runs before, to fill the caches that the others emptied.

    Returns:
        the timings of those that ran to the end, and why others did not.
    """
    problems = []
    meter = Meter()
    timings = {process: Timing() for process in processes}
    for _ in range(rounds):
        for process, timing in list(timings.items()):
            before = meter.joules
            try:
                with meter.counting():
                    durations, processor_seconds = process.run(seconds, runs, warm)
            except ContenderError as error:
                problems.append(f"{process.name}: {error}")
                del timings[process]
                continue
            timing.seconds += durations
            timing.processor_seconds += processor_seconds
            if meter.joules is not None and before is not None:
                timing.joules = (timing.joules or 0.0) + meter.joules - before
    return timings, tuple(problems)
