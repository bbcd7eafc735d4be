"""Fine-tuning: each step is a CUDA graph, one for every task and length.

At each evaluation the parameters are measured as they are, and as the mean of those passed; the
best so far are written at once.
"""

import json
import time
import zlib
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.gpu.device import Graphs
from benchmarks.gpu.encoder import Parameters, Shape, states
from benchmarks.gpu.flat import Adam, Flat
from benchmarks.gpu.objectives import Task, add_head, loss, not_padding
from benchmarks.gpu.rows import TEXT, Rows
from benchmarks.gpu.scores import Dev, Scores, score
from benchmarks.gpu.store import Arrays, load_encoder, save_encoder
from benchmarks.gpu.unfinished import Unfinished

from squeezebert.errors import InputError

WARM_UP = 0.06  # of all steps
LAST_RATE = 1e-3  # of the highest
MEAN_FROM = 0.3  # of all steps: before, the mean is still near the start
ALIKE = 0.01
"""Below this deviation from their mean, relative to their size, tokens are told apart no more."""
FIXED = ("words", "relative", "pooler.weight", "pooler.bias")
GOES_ON = ("step", "waiting", "random", "dropout", "record")
"""What a training goes on from, beside tensors."""
REPORTED, SHOWN = 50, 500
"""Steps between losses that are read, and between signs of life."""


@dataclass(frozen=True)
class Training:
    """A task, what it is learnt from, and what it is measured on, if it is.

    Attributes:
        weight: How often it comes beside other tasks, relative to its size.
    """

    task: Task
    data: Arrays
    dev: Dev | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Settings:
    """How it is learnt.

    Attributes:
        averaged: Of the moving mean of the parameters.
    """

    epochs: float
    learning_rate: float
    batch: int
    evaluations: int = 4
    averaged: float = 0.998
    seed: int = 0


def fit(
    parameters: Parameters,
    shape: Shape,
    trainings: Sequence[Training],
    settings: Settings,
    path: Path,
) -> Parameters:
    """Learns all tasks in turn, and returns the best parameters, as they are in ``path``.

    One that was stopped, and is run again as it was, goes on from the last state it kept.

    Raises:
        InputError: The encoder has collapsed: it gives every token the same state. A deep encoder
            with norms after its residuals does so, for good, at too high a learning rate (Liu et
            al. 2020, arXiv 2004.08249).
    """
    torch.manual_seed(settings.seed)
    random = np.random.default_rng(settings.seed)
    parameters = dict(parameters)
    for training in trainings:
        add_head(parameters, shape, training.task, settings.seed)
    learnt = [name for name in parameters if name not in FIXED]
    flat = Flat(parameters, learnt, shape.matrices())
    adam = Adam(flat, averaged=settings.averaged)
    rows = [Rows(training.data) for training in trainings]
    sizes = [each.batches(settings.batch) for each in rows]
    steps = max(1, int(settings.epochs * sum(sizes)))
    shares = np.array([training.weight for training in trainings]) * sizes
    marks = {steps * (part + 1) // settings.evaluations for part in range(settings.evaluations)}
    graphs, recorded = Graphs(), {}
    waiting: list[list[tuple[int, torch.Tensor]]] = [[] for _ in trainings]
    learnt_from = {each.task.name: sorted(each.data.keys() - TEXT) for each in trainings}
    done, best, record = 0, parameters, _Record(asdict(settings), steps, learnt_from)
    begun = {
        "steps": steps,
        "shares": shares.tolist(),
        "start": zlib.crc32(flat.master.cpu().numpy().tobytes()),  # a sum depends on the threads
        "learnt_from": learnt_from,
    }
    unfinished = Unfinished(path, {**asdict(settings), **begun}, adam.changed())
    if found := unfinished.found():
        done, waiting, random, dropout, record = (found[name] for name in GOES_ON)
        record.go_on()
        torch.set_rng_state(dropout)
        best = parameters if record.is_new else load_encoder(path, path.name)[0]
    for step in range(done + 1, steps + 1):
        which = 0
        if len(trainings) > 1:
            which = int(random.choice(len(trainings), p=shares / shares.sum()))
        waiting[which] = waiting[which] or rows[which].epoch(settings.batch, random)
        group, places = waiting[which].pop()
        adam.rate.fill_(settings.learning_rate * _rate(step / steps))
        source = rows[which].groups[group]
        if (which, group) not in recorded:
            batch = {name: value[places].clone() for name, value in source.items()}
            task = trainings[which].task

            def once(task: Task = task, batch: dict[str, torch.Tensor] = batch) -> torch.Tensor:
                value = loss(flat.parameters, shape, task, batch)
                value.backward()
                adam.step()
                return value.detach()

            recorded[which, group] = batch, graphs.record(once, adam.changed())
        batch, run = recorded[which, group]
        for name, value in source.items():
            torch.index_select(value, 0, places, out=batch[name])
        value = run()
        if step % REPORTED == 0 or step in marks:
            record.losses.append(float(value))
        if step % SHOWN == 0:
            print(f"{path.name}: {record.progress(step)}", flush=True)
        if step in marks:
            _check_alive(flat.computed_with(flat.master), shape, batch, settings.learning_rate)
            for kind, vector in (("last", flat.master), ("mean", adam.mean)):
                if kind == "mean" and step < steps * MEAN_FROM:
                    continue
                scores = _scores(flat.computed_with(vector), shape, trainings)
                if record.add(step, kind, scores, _mean_metric(scores, trainings)):
                    best = {**parameters, **flat.kept(vector)}
                    save_encoder(path, best, shape, record.as_json())
            print(f"{path.name}: {record.line()}", flush=True)
        if unfinished.is_due():
            kept = (step, waiting, random, torch.get_rng_state(), record.paused())
            unfinished.keep(dict(zip(GOES_ON, kept, strict=True)))
    save_encoder(path, best, shape, record.as_json())
    unfinished.forget()
    return best


class _Record:
    def __init__(
        self, settings: dict[str, Any], steps: int, learnt_from: dict[str, list[str]]
    ) -> None:
        self._facts: dict[str, Any] = {
            "settings": settings,
            "steps": steps,
            "learnt_from": learnt_from,
        }
        self._began = time.monotonic()
        self._history: list[tuple[int, str, float]] = []
        self._best: dict[str, Scores] = {}
        self.losses: list[float] = []

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def is_new(self) -> bool:
        return not self._history

    def paused(self) -> "_Record":
        """A copy whose clock begins at 0, for `go_on`."""
        record = copy(self)
        record._began = -self.seconds
        return record

    def go_on(self) -> None:
        self._began += time.monotonic()

    def add(self, step: int, kind: str, scores: dict[str, Scores], value: float) -> bool:
        """Whether these scores are the best so far."""
        is_best = all(value > before for _, _, before in self._history)
        self._history.append((step, kind, value))
        if is_best:
            self._best = scores
        return is_best

    def as_json(self) -> dict[str, Any]:
        return {
            **self._facts,
            "seconds": round(self.seconds, 1),
            "evaluation": self._best,
            "history": self._history,
        }

    def progress(self, step: int) -> str:
        left = self.seconds * (self._facts["steps"] / step - 1)
        return f"step {step}/{self._facts['steps']}, {self.seconds:.0f} s, {left:.0f} s left"

    def line(self) -> str:
        step, _, value = self._history[-1]
        mean = np.mean(self.losses[-20:])
        best = json.dumps(self._best)
        return f"step {step}/{self._facts['steps']}, loss {mean:.4f}, dev {value:.4f}, " + (
            f"{self.seconds:.0f} s; best so far {best}"
        )


def _rate(done: float) -> float:
    """Of the highest learning rate: rising, then falling, both in a straight line."""
    return done / WARM_UP if done < WARM_UP else (1 - done) / (1 - WARM_UP) + LAST_RATE


def _scores(
    parameters: Parameters, shape: Shape, trainings: Sequence[Training]
) -> dict[str, Scores]:
    return {
        training.task.name: score(
            parameters, shape, replace(training.task, dropout=0), training.dev
        )
        for training in trainings
        if training.dev is not None
    }


def _mean_metric(scores: dict[str, Scores], trainings: Sequence[Training]) -> float:
    """The mean of the tasks' metrics."""
    chosen = {training.task.name: training.task.metric for training in trainings}
    return float(np.mean([found[chosen[name]] for name, found in scores.items()]))


@torch.no_grad()
def _check_alive(
    parameters: Parameters, shape: Shape, batch: dict[str, torch.Tensor], learning_rate: float
) -> None:
    hidden = states(parameters, shape, batch["ids"], batch["lengths"], batch["second"])[-1].float()
    tokens = hidden[not_padding(hidden, batch["lengths"])]
    if (tokens - tokens.mean(0)).norm() < ALIKE * tokens.norm():
        raise InputError(
            f"The encoder has collapsed: all tokens have the same state. A learning rate of "
            f"{learning_rate:g} is too high for {shape.layers} layers; halve it."
        )
