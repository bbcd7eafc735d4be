"""What is learnt to answer questions: where in each window of the context the answer is."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from squeezebert.bundle import Task
from squeezebert.data.repeats import shared
from squeezebert.data.tasks.question_answering import (
    Question,
    Questions,
    QuestionSummary,
    read_questions,
)
from squeezebert.errors import DataError, InputError
from squeezebert.finetune.defaults import Kind
from squeezebert.finetune.distil import distillation_losses
from squeezebert.finetune.encoding import EncodedExamples
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.tasks.taught import Told, WithUnlabelled
from squeezebert.model.heads import IGNORED
from squeezebert.pipelines import Pipeline
from squeezebert.pipelines.items import at_place
from squeezebert.pipelines.question_answering import (
    OVERLAP,
    QuestionAnswerer,
    question_windows,
)
from squeezebert.tokenizer import Item, Tokenizer, Window
from squeezebert.training.processes import mean_of_losses

_NO_ANSWER = (0, 0)  # the first token, [CLS], stands for it
_IMPOSSIBLE = -100.0  # the logit of padding: e^-100 is nothing
_NOT_KNOWN = (IGNORED, IGNORED)


@dataclass(frozen=True)
class QuestionAnsweringTask(WithUnlabelled):
    """A `TrainingTask` of windows, each with the first and last token of the answer.

    A window without the answer is learnt to hold none. One that has only a part of the answer is
    left out: its neighbour has the whole.

    Attributes:
        train: the questions to learn from.
        source: where they are from, for messages.
        dev_summary: what was counted in ``dev``.
    """

    train: list[Question]
    source: str
    dev: Questions
    dev_summary: QuestionSummary
    held_out: Path | None
    notes: tuple[str, ...]

    name = Task.QUESTION_ANSWERING
    has_classes = False

    @property
    def kind(self) -> Kind:
        """What is learnt, as far as the choice of settings goes."""
        return Kind.QUESTIONS

    @property
    def size(self) -> int:
        """How many training examples there are, those without labels included."""
        return len(self.items)

    @property
    def items(self) -> Sequence[Item]:
        """Questions with their contexts, those with labels first."""
        return [*(question.item for question in self.train), *self.unlabelled]

    @property
    def config(self) -> dict[str, Any]:
        """Two outputs for each token, whatever the checkpoint was for before."""
        return {"num_labels": 2}

    @property
    def metric(self) -> str:
        """F1; among unanswerable questions, that at the null threshold which fits best."""
        unanswerable = self.dev_summary.unanswerable
        return "best_f1" if 0 < unanswerable < self.dev_summary.questions else "f1"

    @property
    def facts(self) -> dict[str, Any]:
        """How many questions there are, and how many of them without an answer."""
        unanswerable = sum(not question.answers for question in self.train)
        return {"questions": len(self.train), "unanswerable": unanswerable}

    @property
    def digest(self) -> str:
        """SHA-256 of all questions with their contexts and answers, in order."""
        digest = hashlib.sha256()
        for questions in (self.train, self.dev):
            for question in questions:
                digest.update(json.dumps([question.item, question.answers]).encode())
        digest.update(json.dumps(self.unlabelled).encode())
        return digest.hexdigest()

    def encode(self, tokenizer: Tokenizer, max_length: int) -> EncodedExamples:
        """Windows of ``max_length`` tokens, with ``start_positions`` and ``end_positions``.

        Raises:
            InputError: a question is too long, or no window can hold the whole of an answer; the
                message says where it is.
        """
        spans: list[tuple[int, int]] = []
        learnt: list[list[bool]] = []
        lengths: list[list[int]] = []

        def windows() -> Iterator[Window]:
            pairs = cast(Sequence[tuple[str, str]], self.items)
            questions: list[Question | None] = [*self.train, *repeat(None, len(self.unlabelled))]
            read = question_windows(tokenizer, pairs, max_length)
            for question, of_item in zip(questions, read, strict=True):
                found = self._spans(question, of_item, max_length)
                learnt.append([span is not None for span in found])
                lengths.append([len(window.ids) for window in of_item])
                for window, span in zip(of_item, found, strict=True):
                    if span is not None:
                        spans.append(span)
                        yield window

        try:
            examples = QuestionExamples(windows())
        except InputError as error:
            places = [f"{self.source}, {question.place}" for question in self.train]
            unlabelled = [f"text {i + 1:,} without labels" for i in range(len(self.unlabelled))]
            raise at_place(error, [*places, *unlabelled]) from error
        examples.max_length, examples.learnt, examples.windows = max_length, learnt, lengths
        starts, ends = torch.tensor(spans).T
        examples.add("start_positions", starts)
        examples.add("end_positions", ends)
        return examples

    def _spans(
        self, question: Question | None, windows: Sequence[Window], max_length: int
    ) -> list[tuple[int, int] | None]:
        """First and last token of the answer in each window; None where only a part is there."""
        if question is None:
            return [_NOT_KNOWN] * len(windows)
        if question.span is None:
            return [_NO_ANSWER] * len(windows)
        found = [_span(question.span, window, windows) for window in windows]
        if all(span in (None, _NO_ANSWER) for span in found):
            raise InputError(
                f"{self.source}, {question.place}: the answer is in no window of {max_length} "
                "tokens as a whole. Shorten it, or raise max_length."
            )
        return found

    def loss(self, model: Any, batch: dict[str, Tensor], settings: Decided) -> Tensor:
        """How far answers are missed; with a teacher, alpha * distillation + (1 - alpha) * that."""
        teacher = batch.pop("teacher", None)
        positions = batch.pop("start_positions"), batch.pop("end_positions")
        output = model(**batch)
        both = output.start_logits, output.end_logits
        known = positions[0] != IGNORED
        missed = [
            F.cross_entropy(logits[known], ends[known], reduction="none")
            for logits, ends in zip(both, positions, strict=True)
        ]
        own = mean_of_losses(torch.cat(missed))
        if teacher is None:
            return own
        padding = batch["attention_mask"] == 0
        losses = [
            distillation_losses(
                logits.masked_fill(padding, _IMPOSSIBLE),
                teachers.masked_fill(padding, _IMPOSSIBLE),
                settings.temperature,
            )
            for logits, teachers in zip(both, teacher.unbind(-1), strict=True)
        ]
        return settings.alpha * mean_of_losses(torch.cat(losses)) + (1 - settings.alpha) * own

    def score_of_words(self) -> None:
        """Nothing: words alone don't tell answers."""

    def check_teacher(self, teacher: Pipeline) -> None:
        """Raises InputError unless the teacher answers questions."""
        if not isinstance(teacher, QuestionAnswerer):
            raise InputError(
                f"The teacher is for {teacher.spec.task}, but the data is for {self.name}. "
                "Fine-tune a teacher on this data first."
            )

    def asked(self, examples: EncodedExamples) -> dict[str, Any]:
        """Start and end logits, token by token of all windows."""
        assert isinstance(examples, QuestionExamples)  # from `encode`
        return {"task": self.name, "max_length": examples.max_length}

    def ask(self, teacher: Pipeline, examples: EncodedExamples, places: Sequence[int]) -> Told:
        """The teacher's start and end logits, a row for each token of all windows.

        Raises:
            InputError: the teacher reads less at once than the student, or splits texts into other
                tokens.
        """
        assert isinstance(teacher, QuestionAnswerer)  # by `check_teacher`
        assert isinstance(examples, QuestionExamples)  # from `encode`
        # Longer contexts fill their windows, and shorter ones have one window at any size.
        max_length = max(map(max, examples.windows))
        if max_length > teacher.spec.max_length:
            raise InputError(
                f"The teacher reads {teacher.spec.max_length} tokens at once and the student "
                f"{max_length}. Lower max_length, or choose another teacher."
            )
        items = self.items
        windows = teacher.tokenizer.windows([items[each] for each in places], max_length, OVERLAP)
        for place, of_item in zip(places, windows, strict=True):
            if [len(window.ids) for window in of_item] != examples.windows[place]:
                raise _other_tokens()
        values = teacher.logits([window for of_item in windows for window in of_item])
        rows = [sum(examples.windows[place]) for place in places]
        return Told(torch.from_numpy(np.concatenate(values)), torch.tensor(rows))

    def placed(self, told: Told, examples: EncodedExamples) -> Tensor:
        """Float32 ``[tokens, 2]``, of the windows that are learnt.

        Raises:
            InputError: items have other numbers of tokens.
        """
        assert isinstance(examples, QuestionExamples)  # from `encode`
        if list(map(sum, examples.windows)) != told.rows.tolist():
            raise _other_tokens()
        lengths = torch.tensor([length for windows in examples.windows for length in windows])
        learnt = torch.tensor([kept for windows in examples.learnt for kept in windows])
        return told.values[learnt.repeat_interleave(lengths)]


class QuestionExamples(EncodedExamples):
    """Windows of contexts, with the question before each.

    Attributes:
        max_length: tokens that a window has at most.
        windows: lengths in tokens of all windows of each question.
        learnt: which of them are among the examples; those with only a part of the answer are not.
    """

    max_length: int
    windows: list[list[int]]
    learnt: list[list[bool]]


def prepare_question_answering(
    train: Questions, dev: Questions | None, hold_out: HoldOut, names: list[str] | None
) -> QuestionAnsweringTask:
    """Reads and checks the questions; without dev data, holds those of a tenth of contexts out.

    Raises:
        DataError: questions can't be used, or none has an answer.
        InputError: class names are given.
    """
    if names:
        raise InputError("Label names are for classes, and answers are parts of a text.")
    summary = train.check()
    if summary.unanswerable == summary.questions:
        raise DataError(f"{train.name}: no question has an answer, so there is none to learn.")
    notes = _notes(train, summary)
    questions = list(train)
    held_out = None
    if dev is None:
        contexts = list(dict.fromkeys(question.context for question in questions))
        drawn = set(hold_out.split(contexts, None, train.name)[1])
        dev_questions = [question for question in questions if question.context in drawn]
        questions = [question for question in questions if question.context not in drawn]
        held_out = hold_out.write(map(_row, dev_questions))
        dev = replace(read_questions(held_out), name=hold_out.name)
        notes.append(
            f"No dev data: {len(dev_questions):,} questions about {len(drawn):,} of the contexts, "
            f"drawn with seed {hold_out.seed}, are held out as {dev.name}."
        )
    dev_summary = dev.check()
    if held_out is None:
        notes += _notes(dev, dev_summary)
        notes += shared(
            (question.context for question in questions),
            ((question.place, question.context) for question in dev),
            dev.name,
            "contexts",
        )
    return QuestionAnsweringTask(questions, train.name, dev, dev_summary, held_out, tuple(notes))


def _notes(questions: Questions, summary: QuestionSummary) -> list[str]:
    name = questions.name
    notes = [
        f"{name}: {summary.questions:,} questions, {summary.unanswerable:,} of them without an "
        "answer."
    ]
    if summary.ambiguous:
        notes.append(
            f"{name}: {summary.ambiguous:,} answers have no offset and are in their context more "
            "than once; the first place is taken."
        )
    return [*questions.notes, *notes, *summary.repeats]


def _span(
    characters: tuple[int, int], window: Window, windows: Sequence[Window]
) -> tuple[int, int] | None:
    start, end = characters
    places = range(window.inside.start, window.inside.stop)
    answer = [i for i in places if window.offsets[i][1] > start and window.offsets[i][0] < end]
    if not answer:
        return _NO_ANSWER
    cut_before = window is not windows[0] and start < window.offsets[places[0]][0]
    cut_after = window is not windows[-1] and end > window.offsets[places[-1]][1]
    return None if cut_before or cut_after else (answer[0], answer[-1])


def _other_tokens() -> InputError:
    return InputError(
        "The teacher splits texts into other tokens than the student, so they can't be compared "
        "token by token. Choose a teacher with the same tokenizer."
    )


def _row(question: Question) -> dict[str, Any]:
    """A question with its context and answers, as JSON lines have it."""
    answers = [{"text": answer.text, "answer_start": answer.start} for answer in question.answers]
    return {"question": question.question, "context": question.context, "answers": answers}
