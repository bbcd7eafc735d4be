"""What is learnt in a fine-tuning: labels, training examples and dev examples."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from squeezebert.data.classification import Example, Summary, Table, read_classification
from squeezebert.data.labels import LabelSpace, as_numbers, infer_labels, match_labels
from squeezebert.data.split import held_out
from squeezebert.errors import DataError
from squeezebert.files import replacing_file
from squeezebert.tokenizer import Item

HELD_OUT = "held_out.jsonl"
_HELD_OUT_PART = 0.1
_IMBALANCE = 5  # the most frequent class over the rarest one, from which on we warn


@dataclass(frozen=True)
class Part:
    """Examples for training or for dev.

    Attributes:
        items: texts or pairs.
        targets: class indices int64 or values float32 ``[n]``.
        counts: examples of each class by name; empty for regression.
    """

    items: list[Item]
    targets: Tensor
    counts: dict[str, int]


@dataclass(frozen=True)
class Task:
    """What to learn and how it is measured.

    Attributes:
        dev_table: the dev examples as `evaluate` takes them.
        notes: what to tell the user about the data.
        digest: SHA-256 of all examples and labels, in order.
    """

    labels: LabelSpace
    train: Part
    dev: Part
    dev_table: Table
    notes: tuple[str, ...]
    digest: str

    @property
    def imbalanced(self) -> bool:
        """Whether the most frequent class has over five times the examples of the rarest."""
        counts = self.train.counts.values()
        return bool(counts) and max(counts) > _IMBALANCE * min(counts)


def prepare_task(
    train: Table,
    dev: Table | None,
    label_names: list[str] | None,
    seed: int,
    folder: Path,
    output: Path,
) -> Task:
    """Reads and checks the examples; without dev data, holds a tenth out.

    Args:
        folder: where the part held out is written, as ``held_out.jsonl``.
        output: where that file will be in the end, for messages.

    Raises:
        DataError: the data has empty texts or labels, one class only, or dev labels that the
            training data doesn't have.
        InputError: ``label_names`` doesn't fit.
    """
    summary = train.check()
    labels = infer_labels(summary.labels, train.name, label_names)
    notes = _notes(train, summary)
    examples = list(train)
    if dev is None:
        classes = None if labels.is_regression else [example.label for example in examples]
        positions = set(held_out(classes, len(examples), _HELD_OUT_PART, seed))
        if not positions:
            raise DataError(
                f"{train.name}: {len(examples)} examples are too few to hold some out. "
                "Give dev data with --dev."
            )
        dev_examples = [example for i, example in enumerate(examples) if i in positions]
        examples = [example for i, example in enumerate(examples) if i not in positions]
        dev = _write_held_out(dev_examples, labels, folder / HELD_OUT, output / HELD_OUT)
        notes.append(
            f"No dev data: {len(dev_examples):,} of the examples, drawn with seed {seed} and "
            f"every class in proportion, are held out as {output / HELD_OUT}."
        )
    else:
        notes += _notes(dev, dev.check())
    train_part = _part(examples, labels, train.name, notes)
    dev_part = _part(list(dev), labels, dev.name, notes)
    digest = hashlib.sha256()
    for part in (train_part, dev_part):
        digest.update(json.dumps([part.items, part.targets.tolist()]).encode())
    task = Task(labels, train_part, dev_part, dev, tuple(notes), digest.hexdigest())
    if task.imbalanced:
        warning = (
            f"Classes are imbalanced, over {_IMBALANCE}:1, so the best checkpoint is chosen by "
            "macro F1 in place of accuracy."
        )
        return replace(task, notes=(*notes, warning))
    return task


def _notes(table: Table, summary: Summary) -> list[str]:
    notes = [f"{table.name}: guessed {', '.join(table.guessed)}."] if table.guessed else []
    if summary.duplicates:
        notes.append(f"{table.name}: {summary.duplicates:,} rows repeat an earlier one.")
    if summary.conflicts:
        notes.append(
            f"{table.name}: {summary.conflicts:,} rows repeat an earlier text with another label."
        )
    return notes


def _part(examples: list[Example], labels: LabelSpace, source: str, notes: list[str]) -> Part:
    items = [example.item for example in examples]
    values = [example.label for example in examples]
    if labels.is_regression:
        return Part(items, torch.tensor(as_numbers(values, source)), {})
    matching = match_labels(values, labels.names, source, labels.values)
    if matching.note:
        notes.append(matching.note)
    targets = [matching.index[value] for value in values]
    found = Counter(targets)
    counts = {name: found[position] for position, name in enumerate(labels.names)}
    return Part(items, torch.tensor(targets), counts)


def _write_held_out(examples: list[Example], labels: LabelSpace, path: Path, shown: Path) -> Table:
    names = dict(zip(labels.values, labels.names, strict=False))
    with replacing_file(path) as aside, aside.open("w", encoding="utf-8") as file:
        for example in examples:
            row = {"text": example.text, "pair": example.pair}
            row["label"] = names.get(example.label, example.label)
            kept = {key: value for key, value in row.items() if value is not None}
            file.write(json.dumps(kept, ensure_ascii=False) + "\n")
    table = read_classification(path)
    return replace(table, rows=replace(table.rows, name=str(shown)))
