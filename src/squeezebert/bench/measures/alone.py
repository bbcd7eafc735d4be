"""Our engines by themselves: time over lengths, share of the machine's ceiling, threads."""

from dataclasses import asdict
from statistics import median

from squeezebert.bench.contenders.contract import MATRIX, Spec
from squeezebert.bench.contenders.matrix import FLOPS
from squeezebert.bench.entrants import Ours, matrix_products
from squeezebert.bench.measures.fit import fit_time
from squeezebert.bench.measures.latency import measure_latency
from squeezebert.bench.peers import Peers
from squeezebert.bench.results import Figure, Results, by_key, figure_key
from squeezebert.bench.turns.processes import contenders
from squeezebert.bench.turns.turns import Effort, prepare, take_turns
from squeezebert.bench.workload import Shape
from squeezebert.bundle.costs import costs
from squeezebert.bundle.reading import read_manifest
from squeezebert.runtime.native_engine import chosen_instruction_set

LENGTHS = (8, 16, 32, 64, 128, 256, 384, 512)
LARGE = Shape(8, 128)
"""Where the share of the ceiling and the gain of threads are taken."""


def measure_lengths(ours: Ours, effort: Effort) -> Results:
    """Times one sequence at each length in all our engines; fits the times of the fastest."""
    longest = read_manifest(ours.bundle).architecture.max_position_embeddings
    with contenders([*ours.engines, *ours.references]) as (processes, problems):
        results = Results(problems=problems)
        for length in LENGTHS:
            if length <= longest:
                results += measure_latency("lengths", Shape(1, length), processes, effort)
    found = results.latencies
    if not found:
        return results
    fastest = min(found, key=lambda latency: (latency.shape != "1x128", latency.p50)).engine
    times = {
        Shape.parse(latency.shape).length: latency.p50
        for latency in found
        if latency.engine == fastest
    }
    fit = fit_time(list(times), list(times.values()))
    figure = Figure("linear_fit_r2", fit.r2, f"{ours.name} in {fastest}")
    return results + Results(
        figures=by_key(figure), facts={"fit": {"engine": fastest, **asdict(fit)}}
    )


def measure_threads(ours: Ours, effort: Effort) -> Results:
    """Times one thread of the default engine beside all."""
    if ours.threads == 1:
        return Results(problems=("the gain of threads: there is one thread only",))
    default = ours.engines[0].kind
    specs = [ours.spec(default, threads) for threads in (1, ours.threads)]
    with contenders(specs) as (processes, problems):
        results = Results(problems=problems)
        results += measure_latency("threads", LARGE, processes, effort)
    if len(results.latencies) < 2:
        return results
    one, all_ = results.latencies
    gain = Figure(figure_key("thread_scaling", LARGE), one.p50 / all_.p50, all_.name)
    return results + Results(figures=by_key(gain))


def measure_ceiling(ours: Ours, peers: Peers, effort: Effort) -> Results:
    """Times large matrix products in turns with our engines, each against its own precision's."""
    products = matrix_products(peers.frameworks, ours.threads)
    with contenders([*products, *ours.engines]) as (processes, unloaded):
        ready, unready = prepare(processes, LARGE.workload)
        timings, failed = take_turns(ready, effort.rounds, effort.seconds, 1)
    gflops = {
        process.spec: (FLOPS if process.spec.model == MATRIX else encoder_flops(ours, LARGE))
        / median(timing.seconds)
        / 1e9
        for process, timing in timings.items()
    }
    shares = []
    for spec in ours.engines:
        # Without AMX, bf16 is how weights are kept, and products are of floats.
        floats = spec.kind == "bf16" and chosen_instruction_set() != "amx"
        computed = "fp32" if floats else spec.kind
        ceiling = _ceiling(gflops, computed)
        if spec in gflops and ceiling is not None:
            shares.append(
                Figure(
                    figure_key("ceiling_share", spec.kind, LARGE),
                    gflops[spec] / gflops[ceiling],
                    spec.name,
                    ceiling.name,
                    "" if computed == spec.kind else f"computed in {computed} on this machine",
                )
            )
    return Results(
        figures=by_key(*shares),
        facts={"gflops": {spec.name: round(speed, 1) for spec, speed in gflops.items()}},
        problems=unloaded + unready + failed,
    )


def encoder_flops(ours: Ours, shape: Shape) -> int:
    """FLOPs of the encoder alone; engines run no pooler."""
    parts = costs(read_manifest(ours.bundle).architecture, shape.length)
    return shape.batch * sum(part.flops for part in parts if part.kind != "pooler")


def _ceiling(gflops: dict[Spec, float], precision: str) -> Spec | None:
    products = [spec for spec in gflops if spec.model == MATRIX and spec.kind == precision]
    return max(products, key=lambda spec: gflops[spec], default=None)
