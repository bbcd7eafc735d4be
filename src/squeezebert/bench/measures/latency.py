"""How long batches of one shape take."""

from collections.abc import Sequence

from squeezebert.bench.results import Latency, Results, percentiles
from squeezebert.bench.turns.processes import ContenderProcess
from squeezebert.bench.turns.turns import Effort, prepare, take_turns
from squeezebert.bench.workload import Shape


def measure_latency(
    group: str, shape: Shape, processes: Sequence[ContenderProcess], effort: Effort
) -> Results:
    """Times contenders in turns at one shape."""
    ready, unready = prepare(processes, shape.workload)
    timings, failed = take_turns(ready, effort.rounds, effort.seconds, effort.runs)
    found = tuple(
        Latency(
            group,
            str(shape),
            process.spec.model,
            process.spec.engine,
            process.spec.framework == "ours",
            process.spec.threads,
            process.settings,
            *percentiles(timing.seconds),
            runs=len(timing.seconds),
        )
        for process, timing in timings.items()
    )
    return Results(latencies=found, problems=unready + failed)
