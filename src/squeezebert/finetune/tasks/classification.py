"""What is learnt to classify texts and pairs, or to give them values."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from squeezebert.bundle import OUT_OF_SCOPE, Task
from squeezebert.data.labels import (
    LabelSpace,
    infer_labels,
)
from squeezebert.data.repeats import shared
from squeezebert.data.tasks.classification import (
    LabelledText,
    LabelSummary,
    Table,
    read_classification,
)
from squeezebert.evaluation.baselines.words import score_of_words
from squeezebert.finetune.defaults import Kind, kind_of_classes
from squeezebert.finetune.encoding import EncodedExamples, encode
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.tasks.problems import (
    IMBALANCE,
    PROBLEMS,
    Examples,
    Part,
    Problem,
    check_teacher,
    teacher_logits,
)
from squeezebert.finetune.tasks.taught import Told, WithUnlabelled
from squeezebert.pipelines import Pipeline
from squeezebert.tokenizer import Item, Tokenizer
from squeezebert.training.processes import mean_of_losses


@dataclass(frozen=True)
class ClassificationTask(WithUnlabelled):
    """A `TrainingTask` whose examples have a class, several labels or a value each."""

    labels: LabelSpace
    train: Part
    dev_part: Part
    dev: Table
    held_out: Path | None
    data_notes: tuple[str, ...]

    name = Task.CLASSIFICATION

    @property
    def kind(self) -> Kind:
        """What is learnt, as far as the choice of settings goes."""
        return kind_of_classes(
            len(self.labels.names), in_pairs=isinstance(self.train.items[0], tuple)
        )

    @property
    def problem(self) -> Problem:
        """What the type of the labels decides."""
        return PROBLEMS[self.labels.problem_type]

    @property
    def has_classes(self) -> bool:
        """Whether each example has one of several classes, not several labels or a value."""
        return self.problem.has_classes

    @property
    def size(self) -> int:
        """How many training examples there are, those without labels included."""
        return len(self.items)

    @property
    def items(self) -> Sequence[Item]:
        """Texts or pairs, those with labels first."""
        return [*self.train.items, *self.unlabelled]

    @property
    def config(self) -> dict[str, Any]:
        """The labels, as a Hugging Face configuration has them, and whether texts are in pairs."""
        names = self.labels.names
        return {
            "num_labels": len(names),
            "id2label": dict(enumerate(names)),
            "label2id": {name: index for index, name in enumerate(names)},
            "problem_type": self.labels.problem_type,
            "inputs": "text" if self.dev.pair is None else "pair",
        }

    @property
    def metric(self) -> str:
        """Accuracy, macro F1 if classes are imbalanced, or the error of values.

        Of several labels at once, micro F1 at the threshold that fits best.
        """
        return self.problem.metric(self.train)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found in the data, and a table of the classes."""
        notes = list(self.data_notes)
        if self.problem.imbalanced(self.train):
            notes.append(
                f"Classes are imbalanced, over {IMBALANCE}:1, so the best checkpoint is chosen "
                "by macro F1 in place of accuracy."
            )
        table = self.problem.table(self.labels, self.train, self.dev_part)
        return tuple(notes) if table is None else (*notes, table)

    @property
    def facts(self) -> dict[str, Any]:
        """The labels, and how often each occurs in training."""
        return {"labels": list(self.labels.names), "class_counts": self.train.counts}

    @property
    def digest(self) -> str:
        """SHA-256 of all items and targets, in order."""
        digest = hashlib.sha256()
        for part in (self.train, self.dev_part):
            digest.update(json.dumps([part.items, part.targets.tolist()]).encode())
        digest.update(json.dumps(self.unlabelled).encode())
        return digest.hexdigest()

    def encode(self, tokenizer: Tokenizer, max_length: int) -> EncodedExamples:
        """The training examples, each cut to ``max_length`` tokens."""
        unknown = self.problem.unknown(len(self.unlabelled), self.train)
        return EncodedExamples(
            encode(tokenizer, self.items, max_length),
            labels=torch.cat([self.train.targets, unknown]),
        )

    def loss(self, model: Any, batch: dict[str, Tensor], settings: Decided) -> Tensor:
        """How far labels are missed; with a teacher, alpha * distillation + (1 - alpha) * that.

        Balanced, an example of one class weighs by how rare the class is: n / (classes * count), as
        scikit-learn's "balanced" class weights.
        """
        teacher, labels = batch.pop("teacher", None), batch.pop("labels")
        logits = model(**batch).logits
        known = self.problem.known(labels)
        weights = self._class_weights(logits)[labels[known]] if settings.balance_classes else None
        own = mean_of_losses(self.problem.own_losses(logits[known], labels[known]), weights)
        if teacher is None:
            return own
        losses = self.problem.distillation_losses(logits, teacher, settings.temperature)
        return settings.alpha * mean_of_losses(losses) + (1 - settings.alpha) * own

    def _class_weights(self, like: Tensor) -> Tensor:
        counts = torch.tensor([self.train.counts[name] for name in self.labels.names])
        return (counts.sum() / (len(counts) * counts)).to(like)

    def score_of_words(self) -> float:
        """What words and letters alone score on the dev examples."""
        learnt, asked = self.train, self.dev_part
        return score_of_words(
            learnt.items,
            learnt.targets.numpy(),
            asked.items,
            asked.targets.numpy(),
            self.problem.loss,
        )

    def check_teacher(self, teacher: Pipeline) -> None:
        """Raises InputError unless the teacher predicts these labels."""
        check_teacher(teacher, self.labels)

    def asked(self, examples: EncodedExamples) -> dict[str, Any]:
        """Logits of the labels in their order."""
        problem = self.labels.problem_type
        names = [] if self.labels.is_regression else list(self.labels.names)
        return {"task": self.name, "problem_type": problem, "labels": names}

    def ask(self, teacher: Pipeline, examples: EncodedExamples, places: Sequence[int]) -> Told:
        """The teacher's logits, a row for each item; its tokenizer may be another."""
        items = self.items
        logits = teacher_logits(teacher, [items[place] for place in places], self.labels)
        return Told(logits, torch.ones(len(places), dtype=torch.int64))

    def placed(self, told: Told, examples: EncodedExamples) -> Tensor:
        """Float32 ``[examples, labels]``."""
        return told.values


def prepare_classification(
    train: Table, dev: Table | None, hold_out: HoldOut, label_names: list[str] | None
) -> ClassificationTask:
    """Reads and checks the examples; without dev data, holds a tenth out.

    Raises:
        DataError: the data has empty texts or labels, one class only, or dev labels that the
            training data doesn't have.
        InputError: ``label_names`` doesn't fit.
    """
    notes: list[str] = []
    train, summary = _in_scope(train, notes)
    labels = infer_labels(
        summary.labels, train.name, label_names, summary.places, summary.problem_type
    )
    problem = PROBLEMS[labels.problem_type]
    examples = list(train)
    held_out = None
    if dev is None:
        classes = [example.label for example in examples] if problem.has_classes else None
        items = (example.item for example in examples)
        examples, drawn = hold_out.split(examples, classes, train.name, items)
        held_out = hold_out.write(_row(example, labels, problem) for example in drawn)
        dev = read_classification(held_out)
        dev = replace(dev, rows=replace(dev.rows, name=hold_out.name).kept())
        notes.append(
            f"No dev data: {len(drawn):,} of the examples, drawn with seed {hold_out.seed}"
            f"{' and every class in proportion' if problem.has_classes else ''}, are held out as "
            f"{hold_out.name}."
        )
    else:
        dev = replace(dev, rows=dev.rows.kept())  # scored at each half epoch
        dev, _ = _in_scope(dev.of_type(labels.problem_type), notes)
    dev_examples = list(dev)
    notes += shared(
        (example.item for example in examples),
        ((dev.place(example.number), example.item) for example in dev_examples),
        dev.name,
        "rows",
    )
    return ClassificationTask(
        labels,
        train=_part(examples, labels, train, notes),
        dev_part=_part(dev_examples, labels, dev, notes),
        dev=replace(dev, known_labels=labels.values),
        held_out=held_out,
        data_notes=tuple(notes),
    )


def _in_scope(table: Table, notes: list[str]) -> tuple[Table, LabelSummary]:
    """The table without examples out of scope, and what it counts; notes what is to be told."""
    summary = table.check()
    outside = 0 if summary.multi_label else summary.labels[OUT_OF_SCOPE]
    if outside:
        notes.append(
            f"{table.name}: {outside:,} examples are out of scope. They are not learnt; with such "
            "examples in its data, `squeezebert export` fits the threshold that rejects them."
        )
    notes += [*table.notes, *summary.repeats]
    if outside:
        return replace(table, in_scope=True), summary.in_scope
    return table, summary


def _part(examples: list[LabelledText], labels: LabelSpace, table: Table, notes: list[str]) -> Part:
    places = {example.label: table.place(example.number) for example in reversed(examples)}
    given = Examples(
        [example.item for example in examples],
        [example.label for example in examples],
        table.name,
        places,
    )
    part, note = PROBLEMS[labels.problem_type].part(given, labels)
    notes += [] if note is None else [note]
    return part


def _row(example: LabelledText, labels: LabelSpace, problem: Problem) -> dict[str, Any]:
    """An example with the names of its labels, as JSON lines have it."""
    pair = {} if example.pair is None else {"pair": example.pair}
    names = dict(zip(labels.values, labels.names, strict=False))
    return {"text": example.text, **pair, "label": problem.written(example.label, names)}
