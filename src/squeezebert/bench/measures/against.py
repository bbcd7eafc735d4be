"""One peer model in all its engines, in turns with ours."""

from collections.abc import Sequence

from squeezebert.bench.contenders.instruction_sets import LIMITABLE, forced_sets, is_best, limits
from squeezebert.bench.entrants import Ours, Peer
from squeezebert.bench.measures.latency import measure_latency
from squeezebert.bench.measures.throughput import measure_throughput
from squeezebert.bench.results import Results, best_over_ours
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
    results: Results,
) -> None:
    """Latency at each shape, then throughput on each kind of texts."""
    group = key_of(peer)
    with contenders([*ours.engines, *peer.engines], results.problems) as processes:
        for shape in shapes:
            found = measure_latency(group, shape, processes, effort, results)
            if figure := best_over_ours(f"{group}_best_over_ours_{shape}", found):
                results.note(figure)
        for name, lengths in texts.items():
            measure_throughput(group, name, lengths, processes, effort, prices, results)


def measure_forced(peer: Peer, ours: Ours, effort: Effort, results: Results) -> None:
    """Latency under each lesser instruction set, of the engines that can be limited to it."""
    for instruction_set in forced_sets():
        changes = limits(instruction_set)
        specs = [ours.spec(spec.kind, environment=changes) for spec in ours.engines]
        specs += [
            peer.spec(spec.framework, spec.kind, changes)
            for spec in peer.engines
            if is_best(instruction_set) or (spec.framework in LIMITABLE and spec.kind != "bf16")
        ]
        group = f"{key_of(peer)} {instruction_set}"
        with contenders(specs, results.problems) as processes:
            found = measure_latency(group, _FORCED, processes, effort, results)
        key = f"{key_of(peer)}_best_over_ours_{_FORCED}_{instruction_set}"
        if figure := best_over_ours(key, found):
            results.note(figure)


def key_of(peer: Peer) -> str:
    """Its name in the keys of figures."""
    return peer.model.name.replace("-", "_")
