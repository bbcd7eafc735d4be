"""Students taught by a teacher's hidden states, for a number of seconds.

A student begins with the library's closed form, or as an earlier student. One that begins far from
its teacher learns its layers in the library's segments. Text is tokenised, on the device, and in
sequences of one length, so that one CUDA graph holds teacher and students, for each size of a
segment.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.gpu.device import DEVICE, LOW, Graphs
from benchmarks.gpu.encoder import Parameters, Shape, states
from benchmarks.gpu.flat import Flat, Muon
from benchmarks.gpu.store import Array, save_encoder
from benchmarks.gpu.unfinished import Unfinished
from benchmarks.gpu.weights import of_student
from torch import Tensor

from squeezebert.bundle.architecture import Mixer
from squeezebert.model import SqueezeBertModel
from squeezebert.model.compact import find_checkpoint
from squeezebert.squeeze.segments import LOST, segment_at
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.student import first_student
from squeezebert.squeeze.teacher import Teacher

INNER = 0.1
"""How much an inner layer counts beside the last."""
WARM_UP, LAST_RATE = 0.04, 1e-3
AT_ONCE = 64  # sequences that are measured
LOOKED = 20  # steps between looks at the clock
GOES_ON = ("steps", "seconds", "curve", "order", "random")
"""What a squeeze goes on from, beside tensors."""
FROZEN = ("words", "positions", "types", "embedding_norm.weight", "embedding_norm.bias",
          "pooler.weight", "pooler.bias", "relative")  # fmt: skip
"""Shared by all students of one teacher."""


@dataclass(frozen=True)
class Settings:
    """How a student learns.

    Attributes:
        batch: In sequences.
    """

    seconds: float
    batch: int = 128
    learning_rate: float = 3e-3
    seed: int = 0


def first(
    teacher: Teacher, calibration: Tensor, taps: int, groups: int, neurons: int | None
) -> tuple[Parameters, Shape]:
    """A student in closed form, by least squares; runs on the CPU.

    Args:
        calibration: Sequences to fit to, [sequences, length].
        taps: Of depthwise convolutions; 0 for none.
    """
    mixer = Mixer.SEPARABLE if taps else Mixer.GROUPED
    settings = SqueezeSettings(
        teacher="", text=(), mixer=mixer, groups=groups, neurons=neurons, kernel_size=taps or 3
    )
    with torch.no_grad():
        return of_student(first_student(teacher, settings, lambda: calibration))


def earlier(checkpoint: str, taps: int) -> tuple[Parameters, Shape]:
    """An earlier student, by folder or built-in name, with taps that change nothing at first."""
    model = SqueezeBertModel.from_pretrained(find_checkpoint(checkpoint), dtype=torch.float32)
    return of_student(model, taps)


@dataclass(frozen=True)
class Source:
    """Where a student comes from, for its record.

    Attributes:
        teacher, text: their names.
        earlier: the record of the student that it begins as; None if there is none.
    """

    teacher: str
    text: str
    earlier: Any = None


class Student:
    """A student as it learns."""

    def __init__(self, path: Path, parameters: Parameters, shape: Shape, source: Source) -> None:
        self.path, self.shape, self._source = path, shape, source
        self._frozen = {name: parameters[name] for name in parameters if name in FROZEN}
        blocks = shape.matrices()
        rest = [name for name in parameters if name not in blocks and name not in FROZEN]
        self._flat = Flat(parameters, [*blocks, *rest], blocks)
        self.muon = Muon(self._flat, blocks)

    def step(self, ids: Tensor, told: Sequence[Tensor], segment: int) -> Tensor:
        """Learns a batch; returns the loss before it."""
        errors = self._errors(ids, told, segment)
        weights = torch.full_like(errors, INNER)
        weights[segment - 1 :: segment].fill_(1)
        weights[-1:].fill_(1)
        loss = (weights * errors).sum() / weights.sum()
        loss.backward()
        self.muon.step()
        return loss.detach()

    @torch.no_grad()
    def held_out(self, ids: Tensor, teacher: "FrozenTeacher") -> list[float]:
        """The relative error after every layer."""
        total = sum(
            self._errors(part, teacher.states(part), self.shape.layers) * len(part)
            for part in ids.split(AT_ONCE)
        )
        root: Tensor = (torch.as_tensor(total) / len(ids)).sqrt()
        return [round(error, 4) for error in root.tolist()]

    def save(self, settings: Settings, record: dict[str, Any]) -> None:
        """Writes the student and how it was made."""
        parameters = {**self._frozen, **self._flat.kept(self._flat.master)}
        source = asdict(self._source)
        earlier = source.pop("earlier")
        record = {"settings": {**source, **asdict(settings)}, **record, "earlier": earlier}
        save_encoder(self.path, parameters, self.shape, record)

    def _errors(self, ids: Tensor, told: Sequence[Tensor], segment: int) -> Tensor:
        own = states(self._flat.parameters, self.shape, ids, told=told, segment=segment)
        return torch.stack([_error(ours, theirs) for ours, theirs in zip(own, told, strict=True)])


class FrozenTeacher:
    """A teacher that tells its hidden states."""

    def __init__(self, parameters: Parameters, shape: Shape) -> None:
        self._parameters = {name: value.to(DEVICE, LOW) for name, value in parameters.items()}
        self._shape = shape

    @torch.no_grad()
    def states(self, ids: Tensor) -> list[Tensor]:
        """Of every layer, [batch, length, width] each."""
        return states(self._parameters, self._shape, ids)


def squeeze(
    students: Sequence[Student],
    teacher: FrozenTeacher,
    text: Array,
    held_out: Array,
    settings: Settings,
) -> None:
    """Teaches students side by side until the time is over, and writes them.

    One that was stopped, and is run again as it was, goes on from the last state it kept.

    Args:
        text: Token ids [sequences, length] in random order.
        held_out: The same, of other text.
    """
    torch.manual_seed(settings.seed)
    random = np.random.default_rng(settings.seed)
    corpus, measured = (
        torch.from_numpy(ids.astype(np.int32)).to(DEVICE) for ids in (text, held_out)
    )
    batch = min(settings.batch, len(corpus))
    order = torch.zeros(0, dtype=torch.int64, device=DEVICE)
    ids = corpus[:batch].clone()

    def once(segments: Sequence[int]) -> Tensor:
        told = teacher.states(ids)
        learnt = zip(students, segments, strict=True)
        return torch.stack([student.step(ids, told, segment) for student, segment in learnt])

    starts = [student.held_out(measured, teacher) for student in students]
    changed = [tensor for student in students for tensor in student.muon.changed()]
    graphs = Graphs()
    recorded: dict[tuple[int, ...], Callable[[], Tensor]] = {}
    unfinished = Unfinished(students[0].path, {**asdict(settings), "starts": starts}, changed)
    steps, before = 0, 0.0
    curve: list[tuple[int, list[float]]] = []
    if found := unfinished.found():
        steps, before, curve, order, random = (found[name] for name in GOES_ON)
    began, done = time.monotonic() - before, before / settings.seconds
    while done < 1:
        for student in students:
            student.muon.rate.fill_(settings.learning_rate * _rate(done))
        segments = tuple(
            segment_at(done, student.shape.layers) if start[-1] >= LOST else student.shape.layers
            for student, start in zip(students, starts, strict=True)
        )
        if segments not in recorded:
            recorded[segments] = graphs.record(partial(once, segments), changed)
        for _ in range(LOOKED):
            if len(order) < batch:
                order = torch.from_numpy(random.permutation(len(corpus))).to(DEVICE)
            ids.copy_(corpus[order[:batch]])
            order = order[batch:]
            losses = recorded[segments]()
        steps += LOOKED
        shown = [round(loss, 4) for loss in losses.tolist()]  # waits for the device
        seconds = time.monotonic() - began
        done = min(1.0, seconds / settings.seconds)
        tokens = steps * ids.numel()
        if steps % (10 * LOOKED) == 0 or done == 1:
            print(f"{steps} steps, {tokens:,} tokens, {done:.0%}, losses {shown}", flush=True)
        if done < 1 and unfinished.is_due():
            last = [student.held_out(measured[:AT_ONCE], teacher)[-1] for student in students]
            curve.append((tokens, last))
            print(f"{tokens:,} tokens, held out {last}", flush=True)
            kept = (steps, time.monotonic() - began, curve, order, random)
            unfinished.keep(dict(zip(GOES_ON, kept, strict=True)))
    for number, (student, start) in enumerate(zip(students, starts, strict=True)):
        errors = {"start": start, "end": student.held_out(measured, teacher)}
        student.save(
            settings,
            {
                "text_tokens": int(text.size),
                "trained_tokens": tokens,
                "seconds": round(seconds, 1),
                "held_out_relative_error": errors,
                "held_out_error_of_the_last_layer": [
                    {"tokens": at, "error": error[number]} for at, error in curve
                ],
            },
        )
    unfinished.forget()


def _rate(done: float) -> float:
    """Of the highest learning rate: rising in a straight line, then falling as a cosine does."""
    if done < WARM_UP:
        return max(done, LAST_RATE) / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP))) + 2 * LAST_RATE


def _error(ours: Tensor, theirs: Tensor) -> Tensor:
    theirs = theirs.float()
    return (ours.float() - theirs).square().sum() / theirs.square().sum()
