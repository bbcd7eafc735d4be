"""The one recipe of fine-tuning of a probe, the same for every model and task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import get_linear_schedule_with_warmup

from squeezebert.data.tasks.entities import spans
from squeezebert.evaluation.tasks.entities import EntityCounts
from squeezebert.probe.data import ProbeExample, ProbeTask
from squeezebert.probe.encoder import Encoded, ProbeEncoder, batches

IGNORED = -100  # as target: adds nothing to the loss

Advance = Callable[[float], None]
"""Called with the part of the work done, 0..1."""


@dataclass(frozen=True)
class Recipe:
    """How every model is fine-tuned for every task.

    Attributes:
        learning_rate: its peak, after a linear warm-up; it then falls linearly to 0.
        warmup: part of all steps.
    """

    epochs: int = 1
    learning_rate: float = 3e-4
    warmup: float = 0.1
    weight_decay: float = 0.01
    gradient_norm: float = 1.0


@dataclass(frozen=True)
class TaskScore:
    """A score, and how many of the scored texts were cut."""

    score: float
    truncated: int


def fine_tuned_score(
    encoder: ProbeEncoder,
    task: ProbeTask,
    recipe: Recipe,
    seed: int,
    advance: Advance = lambda part: None,
) -> TaskScore:
    """Fine-tunes a copy of the encoder with a linear head; scores it after the last step."""
    torch.manual_seed(seed)
    tuned = encoder.fresh()
    with torch.no_grad():
        width = tuned.vectors(tuned.encode(task.dev[:1])).shape[-1]
    head = nn.Linear(width, len(task.labels))
    _train(tuned, head, task.train, recipe, seed, advance)
    dev = tuned.encode(task.dev)
    predicted = _predict(tuned, head, dev)
    score = _accuracy if task.metric == "accuracy" else _entity_f1
    return TaskScore(score(task, predicted), sum(encoded.truncated for encoded in dev))


def _train(
    encoder: ProbeEncoder,
    head: nn.Linear,
    examples: Sequence[ProbeExample],
    recipe: Recipe,
    seed: int,
    advance: Advance,
) -> None:
    encoded = encoder.encode(examples)
    random = np.random.default_rng(seed)
    plan = [part for _ in range(recipe.epochs) for part in batches(encoded, random)]
    parameters = [p for p in encoder.model.parameters() if p.requires_grad]
    parameters += head.parameters()
    optimizer = torch.optim.AdamW(
        parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    warmup = round(recipe.warmup * len(plan))
    schedule = get_linear_schedule_with_warmup(optimizer, warmup, len(plan))
    for step, part in enumerate(plan, start=1):
        batch = [encoded[index] for index in part]
        logits = head(encoder.vectors(batch))
        F.cross_entropy(logits, _targets([examples[index] for index in part], batch)).backward()
        nn.utils.clip_grad_norm_(parameters, recipe.gradient_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        advance(step / len(plan))


def _targets(examples: Sequence[ProbeExample], batch: Sequence[Encoded]) -> Tensor:
    return torch.tensor(
        [
            target if encoded.positions is None or encoded.positions[i] >= 0 else IGNORED
            for example, encoded in zip(examples, batch, strict=True)
            for i, target in enumerate(example.classes)
        ]
    )


@torch.inference_mode()
def _predict(
    encoder: ProbeEncoder, head: nn.Linear, examples: Sequence[Encoded]
) -> list[tuple[int, ...]]:
    """The classes of each example; a word without a token, which no model sees, is of class 0."""
    predicted: list[tuple[int, ...]] = [()] * len(examples)
    for part in batches(examples):
        batch = [examples[index] for index in part]
        classes = iter(head(encoder.vectors(batch)).argmax(-1).tolist())
        for index, encoded in zip(part, batch, strict=True):
            if encoded.positions is None:
                predicted[index] = (next(classes),)
            else:
                words = zip(encoded.positions, islice(classes, len(encoded.positions)), strict=True)
                predicted[index] = tuple(c if position >= 0 else 0 for position, c in words)
    return predicted


def _accuracy(task: ProbeTask, predicted: Sequence[tuple[int, ...]]) -> float:
    right = [
        example.classes == classes for example, classes in zip(task.dev, predicted, strict=True)
    ]
    return float(np.mean(right))


def _entity_f1(task: ProbeTask, predicted: Sequence[tuple[int, ...]]) -> float:
    counts = EntityCounts()
    for example, classes in zip(task.dev, predicted, strict=True):
        words = [(word, word + 1) for word in range(len(classes))]
        true, found = (
            spans([task.labels[index] for index in side], words)
            for side in (example.classes, classes)
        )
        counts.add(true, found)
    return counts.metrics["f1"]
