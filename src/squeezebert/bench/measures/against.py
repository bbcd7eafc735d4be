"""One peer model in all its engines, in turns with ours."""

from collections.abc import Sequence

from squeezebert.bench.contenders.instruction_sets import LIMITABLE, forced_sets, is_best, limits
from squeezebert.bench.entrants import Ours, Peer
from squeezebert.bench.measures.latency import measure_latency
from squeezebert.bench.measures.throughput import measure_throughput
from squeezebert.bench.results import Results, best_over_ours, figure_key
from squeezebert.bench.turns.processes import contenders
from squeezebert.bench.turns.turns import Effort
from squeezebert.bench.workload import Shape
from squeezebert.training.energy import Prices

_FORCED = Shape(1, 128)


def measure_against(
    peer: Peer,
    ours: Ours,
    shapes: Sequence[Shape],
    texts: dict[str, list[int]],
    effort: Effort,
    prices: Prices,
) -> Results:
    """Latency at each shape, then throughput on each kind of texts."""
    group = figure_key(peer.model.name)
    with contenders([*ours.engines, *peer.engines]) as (processes, problems):
        results = Results(problems=problems)
        for shape in shapes:
            found = measure_latency(group, shape, processes, effort)
            key = figure_key(group, "best_over_ours", shape)
            results += found + Results(figures=best_over_ours(key, found.latencies))
        for name, lengths in texts.items():
            results += measure_throughput(group, name, lengths, processes, effort, prices)
    return results


def measure_forced(peer: Peer, ours: Ours, effort: Effort) -> Results:
    """Latency under each lesser instruction set, of the engines that can be limited to it."""
    results = Results()
    name = figure_key(peer.model.name)
    for instruction_set in forced_sets():
        changes = limits(instruction_set)
        specs = [ours.spec(spec.kind, environment=changes) for spec in ours.engines]
        specs += [
            peer.spec(spec.framework, spec.kind, changes)
            for spec in peer.engines
            if is_best(instruction_set) or (spec.framework in LIMITABLE and spec.kind != "bf16")
        ]
        with contenders(specs) as (processes, problems):
            found = measure_latency(f"{name} {instruction_set}", _FORCED, processes, effort)
        key = figure_key(name, "best_over_ours", _FORCED, instruction_set)
        figures = best_over_ours(key, found.latencies)
        results += found + Results(figures=figures, problems=problems)
    return results
