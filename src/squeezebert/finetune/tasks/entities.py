"""What is learnt to find named entities: a tag for each word."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from squeezebert.bundle import Task
from squeezebert.bundle.tensors import Floats
from squeezebert.data.repeats import shared
from squeezebert.data.tasks.entities import AnnotatedText, AnnotatedTexts, Span, read_entities
from squeezebert.errors import DataError, InputError
from squeezebert.evaluation.tasks.entities import check_types
from squeezebert.finetune.defaults import Kind
from squeezebert.finetune.distil import distillation_losses
from squeezebert.finetune.encoding import EncodedExamples
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.tasks.taught import Told, WithUnlabelled
from squeezebert.model.heads import IGNORED
from squeezebert.pipelines import EntityFinder, Pipeline
from squeezebert.pipelines.entities import Word, entity_windows, words_of
from squeezebert.tokenizer import Item, Tokenizer, Window
from squeezebert.training.processes import mean_of_losses

_UNKNOWN = -1  # the tag of a word in a text without labels


@dataclass(frozen=True)
class EntityTask(WithUnlabelled):
    """A `TrainingTask` whose examples are texts with the entities in them."""

    train: list[AnnotatedText]
    types: dict[str, int]
    dev: AnnotatedTexts
    dev_examples: list[AnnotatedText]
    held_out: Path | None
    notes: tuple[str, ...]

    name = Task.ENTITIES
    has_classes = False
    metric = "f1"

    @property
    def tags(self) -> tuple[str, ...]:
        """The model's labels: O, and for each type B-TYPE and I-TYPE."""
        return ("O", *(f"{prefix}-{kind}" for kind in self.types for prefix in "BI"))

    @property
    def kind(self) -> Kind:
        """What is learnt, as far as the choice of settings goes."""
        return Kind.ENTITIES

    @property
    def size(self) -> int:
        """How many training examples there are, those without labels included."""
        return len(self.train) + len(self.unlabelled)

    @property
    def items(self) -> Sequence[Item]:
        """Texts, those with labels first."""
        return [*(example.text for example in self.train), *self.unlabelled]

    @property
    def config(self) -> dict[str, Any]:
        """The labels, as a Hugging Face configuration has them."""
        return {
            "num_labels": len(self.tags),
            "id2label": dict(enumerate(self.tags)),
            "label2id": {tag: index for index, tag in enumerate(self.tags)},
        }

    @property
    def facts(self) -> dict[str, Any]:
        """How many entities of each type there are in training."""
        return {"entity_counts": self.types}

    @property
    def digest(self) -> str:
        """SHA-256 of all texts and their entities, in order."""
        everything = [self.train, self.dev_examples, self.unlabelled]
        return hashlib.sha256(json.dumps(everything).encode()).hexdigest()

    def encode(self, tokenizer: Tokenizer, max_length: int) -> "TaggedExamples":
        """The windows of the training texts; each word's tag is learnt on its first piece."""
        known = ((example.text, example.spans) for example in self.train)
        unknown = ((str(text), None) for text in self.unlabelled)
        return TaggedExamples([*known, *unknown], self.tags, tokenizer, max_length)

    def loss(self, model: Any, batch: dict[str, Tensor], settings: Decided) -> Tensor:
        """Cross entropy of the words' tags; with a teacher, alpha * distillation + the rest."""
        labels, teacher = batch.pop("labels"), batch.pop("teacher", None)
        words = labels != IGNORED
        logits, tags = model(**batch).logits[words], labels[words]
        known = tags != _UNKNOWN
        own = mean_of_losses(F.cross_entropy(logits[known], tags[known], reduction="none"))
        if teacher is None:
            return own
        losses = distillation_losses(logits, teacher[words], settings.temperature)
        return settings.alpha * mean_of_losses(losses) + (1 - settings.alpha) * own

    def score_of_words(self) -> None:
        """Nothing: words alone don't tell entities."""

    def check_teacher(self, teacher: Pipeline) -> None:
        """Raises InputError unless the teacher gives these tags."""
        if not isinstance(teacher, EntityFinder) or set(teacher.spec.labels) != set(self.tags):
            raise InputError(
                f"The teacher is for {teacher.spec.task} with the labels "
                f"{', '.join(teacher.spec.labels)}, but the data's are {', '.join(self.tags)}. "
                "Fine-tune a teacher on this data first."
            )

    def asked(self, examples: EncodedExamples) -> dict[str, Any]:
        """Logarithms of the probabilities of the tags in their order, word by word."""
        return {"task": self.name, "labels": list(self.tags)}

    def ask(self, teacher: Pipeline, examples: EncodedExamples, places: Sequence[int]) -> Told:
        """The logarithms of the teacher's probabilities, a row for each word.

        Raises:
            InputError: some words are one for the teacher's tokenizer, or for the model's.
        """
        assert isinstance(teacher, EntityFinder)  # by `check_teacher`
        assert isinstance(examples, TaggedExamples)  # from `encode`
        items = self.items
        columns = [teacher.spec.labels.index(tag) for tag in self.tags]
        scores: list[Floats] = []
        rows: list[int] = []
        answers = teacher.tag([items[place] for place in places])
        for place, answer in zip(places, answers, strict=True):
            if [word.start for word in answer.words] != examples.starts[place]:
                raise _other_words(items[place])
            scores.append(answer.scores[:, columns])
            rows.append(len(answer.words))
        probabilities = torch.from_numpy(np.concatenate(scores))
        tiny = torch.finfo(torch.float32).tiny
        return Told(probabilities.clamp(min=tiny).log(), torch.tensor(rows))

    def placed(self, told: Told, examples: EncodedExamples) -> Tensor:
        """Float32 ``[tokens, labels]``.

        Tokens that are not a word's first piece have 0, and are never looked at.

        Raises:
            InputError: texts have other numbers of words.
        """
        assert isinstance(examples, TaggedExamples)  # from `encode`
        for item, starts, rows in zip(self.items, examples.starts, told.rows.tolist(), strict=True):
            if len(starts) != rows:
                raise _other_words(item)
        values = torch.zeros(len(examples.labels), told.values.shape[1])
        values[examples.labels != IGNORED] = told.values
        return values


class TaggedExamples(EncodedExamples):
    """Texts in windows, with a tag to learn on the first piece of each word.

    Attributes:
        labels: for each token of all windows the place of its tag, -1 for that of a text without
            labels, or -100; int64 ``[tokens]``.
        starts: first characters of the words of each text.
        windows: how many windows each text has.
    """

    def __init__(
        self,
        texts: Sequence[tuple[str, Sequence[Span] | None]],
        tags: Sequence[str],
        tokenizer: Tokenizer,
        max_length: int,
    ) -> None:
        place_of = {tag: place for place, tag in enumerate(tags)}
        self.starts: list[list[int]] = []
        self.windows: list[int] = []
        labels: list[Tensor] = []

        def windows() -> Iterator[Window]:
            for content, spans in texts:
                [text] = entity_windows(tokenizer, [content], max_length)
                words = words_of(content, text)
                targets = [torch.full((len(window.ids),), IGNORED) for window in text]
                given: Iterator[str] = repeat("") if spans is None else _tags(words, spans)
                for word, tag in zip(words, given, strict=False):
                    targets[word.window][word.place] = place_of.get(tag, _UNKNOWN)
                labels.extend(targets)
                self.starts.append([word.start for word in words])
                self.windows.append(len(text))
                yield from text

        super().__init__(windows())
        self.labels = torch.cat(labels)
        self.add("labels", self.labels)


def prepare_entities(
    train: AnnotatedTexts,
    dev: AnnotatedTexts | None,
    hold_out: HoldOut,
    label_names: list[str] | None,
) -> EntityTask:
    """Reads and checks the examples; without dev data, holds a tenth out.

    Raises:
        DataError: the data can't be used, holds no entity, or types of entity in the dev data are
            not in the training data.
        InputError: class names are given.
    """
    if label_names:
        raise InputError("Label names are for classes; types of entity keep their names.")
    summary = train.check()
    types = {kind: summary.types[kind] for kind in sorted(summary.types)}
    check_types(summary, types, train.name)
    notes = [*train.notes, *summary.repeats]
    examples = list(train)
    held_out = None
    if dev is None:
        if len(examples) == 1:
            raise DataError(
                f"{train.name}: all of it is one text. Among words and their tags, an empty line "
                "comes after each sentence."
            )
        items = (example.item for example in examples)
        examples, drawn = hold_out.split(examples, None, train.name, items)
        held_out = hold_out.write(map(_row, drawn))
        left = Counter(span.type for example in examples for span in example.spans)
        types = {kind: left[kind] for kind in types}
        dev = replace(read_entities(held_out), name=hold_out.name, found=tuple)
        notes.append(
            f"No dev data: {len(drawn):,} of the texts, drawn with seed {hold_out.seed}, are held "
            f"out as {dev.name}."
        )
    else:
        summary = dev.check()
        notes += [*dev.notes, *summary.repeats]
        check_types(summary, types, dev.name)
    dev_examples = list(dev)
    notes += shared(
        (example.text for example in examples),
        ((dev.place(example.number), example.text) for example in dev_examples),
        dev.name,
        "texts",
    )
    notes.append(_type_table(types, dev_examples))
    return EntityTask(examples, types, dev, dev_examples, held_out, tuple(notes))


def _other_words(item: Item) -> InputError:
    return InputError(
        f"The teacher's tokenizer splits the text {item[:50]!r} into other words than the model's. "
        "Choose a teacher with the same tokenizer."
    )


def _tags(words: Sequence[Word], spans: Sequence[Span]) -> Iterator[str]:
    """The tag of each word: that of the entity which it shares characters with."""
    rest = list(reversed(spans))
    prefix = "B"
    for word in words:
        while rest and rest[-1].end <= word.start:
            rest.pop()
            prefix = "B"
        if rest and rest[-1].start < word.end:
            yield f"{prefix}-{rest[-1].type}"
            prefix = "I"
        else:
            yield "O"


def _type_table(types: Mapping[str, int], dev: Sequence[AnnotatedText]) -> str:
    found = Counter(span.type for example in dev for span in example.spans)
    width = max(len("entities"), *map(len, types))
    lines = [f"{'entities':<{width}} {'train':>9} {'dev':>9}"]
    lines += [f"{kind:<{width}} {count:>9,} {found[kind]:>9,}" for kind, count in types.items()]
    return "\n".join(lines)


def _row(example: AnnotatedText) -> dict[str, Any]:
    """A text with its entities, as JSON lines have it."""
    return {"text": example.text, "entities": [span._asdict() for span in example.spans]}
