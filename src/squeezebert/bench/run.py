"""A whole run: what is measured, in which order."""

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from squeezebert.bench.entrants import Ours, Peer
from squeezebert.bench.goals import goals_as_json, ratios
from squeezebert.bench.machine import machine, versions
from squeezebert.bench.measures.against import measure_against, measure_forced
from squeezebert.bench.measures.alone import (
    LENGTHS,
    measure_ceiling,
    measure_lengths,
    measure_threads,
)
from squeezebert.bench.measures.starts import BUILT_IN, measure_cold_start, measure_memory
from squeezebert.bench.peers import PeerModel, Peers
from squeezebert.bench.results import Figure, Results, by_key, figure_key
from squeezebert.bench.target import bundle_for
from squeezebert.bench.texts import Texts
from squeezebert.bench.turns.turns import Effort
from squeezebert.bench.workload import Shape
from squeezebert.bundle.costs import as_bert, costs, total
from squeezebert.bundle.installed import SHAPE
from squeezebert.bundle.reading import read_manifest
from squeezebert.training.energy import Prices

TABLE_SHAPES = tuple(map(Shape.parse, ("1x16", "1x32", "1x128", "1x384", "8x128")))
_SHAPES = {
    "squeezebert": TABLE_SHAPES,
    "minilm": (Shape(1, 32),),
}
_ONE = (Shape(1, 128),)

# These do the work of the model that ours is: their throughput is the one to beat.
_RIVALS = ("squeezebert", "bert-base")

Listener = Callable[[str, int, int], None]
"""Told what begins, how many steps are done, and how many there are."""

Step = tuple[str, Callable[[], Results]]
"""What is measured, for the reader, and how."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run measures.

    Attributes:
        model: a shape, checkpoint or bundle.
        peers: what it is measured against.
        shapes: of batches, for every peer; None for those that the goals hold each peer against.
        texts: to get through.
        threads: of every contender.
        effort: how long to measure.
        prices: of processor time and energy.
    """

    model: str
    peers: Peers
    shapes: tuple[Shape, ...] | None
    texts: Texts
    threads: int
    effort: Effort
    prices: Prices

    def shapes_against(self, peer: PeerModel) -> tuple[Shape, ...]:
        """The shapes at which a peer is timed."""
        return self.shapes or _SHAPES.get(peer.name, _ONE)

    def timed(self) -> set[tuple[str, str]]:
        """Every model and shape that gets a latency, if nothing fails."""
        found = {(_shown(self.model), Shape(1, length)) for length in LENGTHS}
        for peer in self.peers.models:
            for shape in self.shapes_against(peer):
                found |= {(peer.name, shape), (_shown(_match(peer, self.model)), shape)}
        return {(model, str(shape)) for model, shape in found}


def run(settings: Settings, folder: Path, listen: Listener) -> dict[str, Any]:
    """Measures everything; keeps models in ``folder`` while it needs them.

    Returns:
        what the command writes as JSON.

    Raises:
        InputError: there is no such model.
        BundleError: the bundle can't be used.
        CheckpointError: the checkpoint can't be used.
    """
    results = Results(problems=settings.peers.left_out + settings.texts.left_out)
    ours = _ours(settings.model, folder / "ours", settings.threads)
    effort = settings.effort
    steps: list[Step] = [
        ("our engines, by length", lambda: measure_lengths(ours, effort)),
        ("threads", lambda: measure_threads(ours, effort)),
        ("the machine's ceiling", lambda: measure_ceiling(ours, settings.peers, effort)),
        ("peak memory", lambda: measure_memory(ours)),
        ("cold start", lambda: _cold_start(ours, settings, folder)),
    ]
    for model in settings.peers.models:
        matching = _match(model, settings.model)
        match = (
            ours
            if matching == settings.model
            else _ours(matching, folder / "match", settings.threads)
        )
        steps += _steps_against(model, match, settings, folder)
    seconds = {}
    for done, (what, step) in enumerate(steps):
        listen(what, done, len(steps))
        started = time.monotonic()
        results += step()
        seconds[what] = round(time.monotonic() - started, 1)
    listen("done", len(steps), len(steps))
    results += Results(figures=_best_rivals(settings, results.figures))
    shape = read_manifest(ours.bundle).architecture
    return {
        "benchmark": "squeezebert bench",
        "argv": sys.argv,
        "machine": machine(),
        "versions": versions(),
        "settings": _described(settings),
        "seconds": seconds,
        "model": _facts_of(ours),
        "ratios": ratios(results.figures, shape),
        "goals": goals_as_json(results.figures, shape),
        **results.as_json(),
    }


def _steps_against(model: PeerModel, ours: Ours, settings: Settings, folder: Path) -> list[Step]:
    peer = Peer(model, folder / model.name, settings.peers.frameworks, settings.threads)
    shapes = settings.shapes_against(model)
    texts = settings.texts.lengths if model.name in _RIVALS else {}

    def convert() -> Results:
        return Results(problems=tuple(peer.convert()))

    def measure() -> Results:
        return measure_against(peer, ours, shapes, texts, settings.effort, settings.prices)

    def force() -> Results:
        return measure_forced(peer, ours, settings.effort)

    def clean_up() -> Results:
        shutil.rmtree(peer.folder)
        return Results()

    steps: list[Step] = [
        (f"{model.name}: converting", convert),
        (f"{model.name}: measuring", measure),
    ]
    if model.name == "squeezebert" and ours.native:
        steps.append((f"{model.name}: lesser instruction sets", force))
    steps.append((f"{model.name}: cleaning up", clean_up))
    return steps


def _match(peer: PeerModel, model: str) -> str:
    """What of ours a peer is held against: MiniLM has mini's size, whatever was asked for."""
    return f"{SHAPE}mini" if peer.name == "minilm" else model


def _shown(model: str) -> str:
    return model.removeprefix(SHAPE)


def _ours(model: str, folder: Path, threads: int) -> Ours:
    return Ours(_shown(model), bundle_for(model, folder), threads)


def _cold_start(ours: Ours, settings: Settings, folder: Path) -> Results:
    made = ours.bundle.is_relative_to(folder)  # of a shape or a checkpoint, without a head
    return measure_cold_start(
        BUILT_IN if made else settings.model,
        folder / "start",
        "torch" in settings.peers.frameworks,
        settings.threads,
        settings.effort.starts,
    )


def _best_rivals(settings: Settings, figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """The best peer of all on each kind of texts."""
    best = []
    for texts in settings.texts.lengths:
        what = ("throughput_best_over_ours", texts)
        keys = [figure_key(model.name, *what) for model in settings.peers.models]
        found = [figures[key] for key in keys if key in figures]
        if found:
            least = min(found, key=lambda figure: figure.value)
            best.append(replace(least, key=figure_key(*what)))
    return by_key(*best)


def _facts_of(ours: Ours) -> dict[str, Any]:
    manifest = read_manifest(ours.bundle)
    shape = manifest.architecture
    return {
        "name": ours.name,
        "engines": [spec.engine for spec in ours.engines],
        "bundle_bytes": sum(file.bytes for file in manifest.files.values()),
        "parameters": total(costs(shape, 1)).parameters,
        "gflops_by_length": {
            length: round(total(costs(shape, length)).flops / 1e9, 3)
            for length in (16, 32, 128, 384)
        },
        "gflops_of_bert_at_128": round(total(costs(as_bert(shape), 128)).flops / 1e9, 3),
    }


def _described(settings: Settings) -> dict[str, Any]:
    return {
        "model": settings.model,
        "peers": [model.name for model in settings.peers.models],
        "frameworks": list(settings.peers.frameworks),
        "shapes": None if settings.shapes is None else list(map(str, settings.shapes)),
        "texts": {name: len(lengths) for name, lengths in settings.texts.lengths.items()},
        "threads": settings.threads,
        "effort": {name: getattr(settings.effort, name) for name in Effort.__slots__},
        "core_watts": settings.prices.core_watts,
        "grams_per_kwh": settings.prices.grams_per_kwh,
    }
