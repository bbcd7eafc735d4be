"""Questions, each with the context that may hold its answer: SQuAD files, or a row for each.

SQuAD is Rajpurkar et al. 2016 (arXiv 1606.05250); version 2.0 adds questions without an answer
(Rajpurkar et al. 2018, arXiv 1806.03822).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from squeezebert.data.columns import (
    Columns,
    cell,
    is_missing,
    open_table,
    require_characters,
    unclear_column,
)
from squeezebert.data.formats import file_kind, is_data_file
from squeezebert.data.formats.decoding import Text
from squeezebert.data.formats.records import listed_rows, read_json
from squeezebert.data.hub import open_dataset
from squeezebert.data.repeats import Places, Repeats
from squeezebert.data.rows import Row, Rows
from squeezebert.errors import DataError

_ANSWER_COLUMNS = ("answers", "answer")


class TrueAnswer(NamedTuple):
    """A right answer, and its first character in the context; None: where it first occurs."""

    text: str
    start: int | None


class Question(NamedTuple):
    """A question about a context.

    Attributes:
        number: its line, its row or, in a SQuAD file, its position, from 1.
        place: where it is in the source, for messages.
        answers: as different people gave them, the first to learn from; empty where the context
            holds no answer.
    """

    number: int
    place: str
    question: str
    context: str
    answers: tuple[TrueAnswer, ...]

    @property
    def item(self) -> tuple[str, str]:
        """What a pipeline takes."""
        return self.question, self.context

    @property
    def span(self) -> tuple[int, int] | None:
        """The first answer's first character in the context and the one after its last."""
        if not self.answers:
            return None
        text, start = self.answers[0]
        start = self.context.index(text) if start is None else start
        return start, start + len(text)


@dataclass(frozen=True, slots=True)
class QuestionSummary:
    """What one pass over questions counted.

    Attributes:
        questions: all there are.
        unanswerable: those without an answer.
        ambiguous: those whose answer is in the context more than once, with nothing that says
            which it is.
        repeats: what to tell the user about questions that are there more than once.
    """

    questions: int
    unanswerable: int
    ambiguous: int
    repeats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Questions:
    """The questions of one source, read as they are iterated, as often as wanted.

    Attributes:
        name: the file's path or the dataset's name.
        read: yields every question.
        columns: those that were named.
        found: what was noticed in what has been read, ready to be shown.
    """

    name: str
    read: Callable[[], Iterator[Question]]
    columns: Columns
    found: Callable[[], Iterable[str]] = tuple

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user about how the source was read; no column is guessed."""
        self.check()
        return tuple(self.found())

    def __iter__(self) -> Iterator[Question]:
        """Yields every question; checks no values (see `check`)."""
        return self.read()

    def check(self) -> QuestionSummary:
        """Reads all, the first time.

        Raises:
            DataError: there are none, or some have an empty question, context or answer, or an
                answer that is not in the context where it should be (their places are listed).
        """
        return self._summary

    @cached_property
    def _summary(self) -> QuestionSummary:
        questions = unanswerable = ambiguous = 0
        repeats = Repeats(self.name, "questions", "answer")
        problems: dict[str, Places] = {}
        for example in self:
            questions += 1
            unanswerable += not example.answers
            ambiguous += any(
                start is None and example.context.count(text) > 1
                for text, start in example.answers[:1]
            )
            repeats.add(example.place, example.item, example.answers)
            for problem, place in _problems(example):
                problems.setdefault(problem, Places()).add(place)
        if not questions:
            raise DataError(f"{self.name}: holds no question.")
        if problems:
            found = "; ".join(
                f"{len(places):,} with {problem} ({places})" for problem, places in problems.items()
            )
            raise DataError(f"{self.name}: {found}. Correct or remove these questions.")
        return QuestionSummary(questions, unanswerable, ambiguous, tuple(repeats.notes))


def read_questions(
    source: str | Path, split: str = "train", columns: Columns | None = None
) -> Questions:
    """Opens a SQuAD file (.json), a table with a question in each row, or a hub dataset of such
    rows.

    The columns of a table are "question", "context" and "answers" or "answer", unless named. An
    answer is a text, empty where there is none, with its offset in a column "answer_start" or
    without; of a jsonl file or dataset also a list of texts, or SQuAD's texts with their offsets.

    Args:
        split: which split, if ``source`` is a hub dataset.
        columns: question, context and answers as text, pair and label.

    Raises:
        DataError: there is no such source, it is damaged or not of SQuAD's structure, or it has
            not the columns.
    """
    columns = columns or Columns()
    path = Path(source)
    if file_kind(path) == ".json":
        text = Text.of_file(path)
        document = read_json(text)
        if not _is_squad(document):
            return _table(listed_rows(text, document), columns)
        if columns != Columns():
            raise DataError(f"{path}: a SQuAD file has no columns to name.")
        questions = tuple(_squad(document, str(path)))
        return Questions(str(path), lambda: iter(questions), columns, lambda: text.notes)
    if is_data_file(path):
        return _table(open_table(path, columns.text, columns.pair, columns.label), columns)
    rows = open_dataset(str(source), split)
    return _table(rows, columns)


def _problems(example: Question) -> Iterator[tuple[str, str]]:
    """What is wrong with a question, and where."""
    for what in ("question", "context"):
        if not getattr(example, what).strip():
            yield f"an empty {what}", example.place
    for text, start in example.answers:
        if not text.strip():
            yield "an empty answer", example.place
        elif start is None and text not in example.context:
            yield "an answer that is not in the context", f"{example.place}: {text!r}"
        elif start is not None and (start < 0 or not example.context.startswith(text, start)):
            found = example.context[max(start, 0) : max(start, 0) + len(text)]
            yield (
                "an answer that is not in the context at its offset",
                f"{example.place}: {text!r} is not {found!r} at {start}",
            )


def _table(rows: Rows, columns: Columns) -> Questions:
    default = next((name for name in _ANSWER_COLUMNS if name in rows.columns), "answers")
    question, context = columns.text or "question", columns.pair or "context"
    answers = columns.label or default
    for name, argument in (
        (question, "text_column"),
        (context, "pair_column"),
        (answers, "label_column"),
    ):
        if name not in rows.columns:
            raise unclear_column(rows, f"no column {name!r}.", argument)

    def read() -> Iterator[Question]:
        for number, row in rows:
            place = f"{rows.unit} {number}"
            yield Question(
                number,
                place,
                cell(rows, number, row, question),
                cell(rows, number, row, context),
                tuple(_cell_answers(row, answers, f"{rows.name}, {place}")),
            )

    return Questions(rows.name, read, columns, lambda: rows.notes)


def _cell_answers(row: Row, column: str, where: str) -> Iterator[TrueAnswer]:
    """The answers in a cell: a text, a list of texts, or SQuAD's in either of its two layouts."""
    value = row.get(column)
    if _is_blank(value):
        return
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        yield TrueAnswer(str(value), _offset(row.get("answer_start"), where))
    elif isinstance(value, Mapping):  # {"text": [...], "answer_start": [...]}
        texts = _member(value, "text", list, where)
        starts = value.get("answer_start") or [None] * len(texts)
        if not isinstance(starts, list) or len(starts) != len(texts):
            raise DataError(f"{where}: {column!r} has not as many offsets as texts.")
        for text, start in zip(texts, starts, strict=True):
            yield TrueAnswer(_text(text, where), _offset(start, where))
    elif isinstance(value, list):
        for answer in value:
            if is_missing(answer):
                continue
            if isinstance(answer, Mapping):
                text, start = answer.get("text"), answer.get("answer_start")
                yield TrueAnswer(_text(text, where), _offset(start, where))
            else:
                yield TrueAnswer(_text(answer, where), None)
    else:
        raise DataError(
            f"{where}: {column!r} is of type {type(value).__name__} and holds no answers."
        )


def _is_blank(value: object) -> bool:
    """Whether a cell is empty, or NaN also as a csv writes it."""
    return is_missing(value) or (isinstance(value, str) and value.strip() in ("", "nan", "NaN"))


def _is_squad(document: Any) -> bool:
    """Whether a JSON file is meant as SQuAD: all but lists of objects with a question each."""
    if isinstance(document, list):
        return not document
    rows = document.get("data") if isinstance(document, Mapping) else None
    return not (isinstance(rows, list) and rows and _has_question(rows[0]))


def _has_question(row: Any) -> bool:
    return isinstance(row, Mapping) and "question" in row


def _squad(document: Any, name: str) -> Iterator[Question]:
    number = 0
    for article_place, article in _members(document, "data", name, ""):
        for place, paragraph in _members(article, "paragraphs", name, article_place):
            context = _characters(paragraph, "context", f"{name}, {place}")
            for question_place, question in _members(paragraph, "qas", name, place):
                number += 1
                where = f"{name}, {question_place}"
                yield Question(
                    number,
                    question_place,
                    _characters(question, "question", where),
                    context,
                    _squad_answers(question, where),
                )


def _squad_answers(question: Any, where: str) -> tuple[TrueAnswer, ...]:
    answers = tuple(
        TrueAnswer(_member(answer, "text", str, where), _offset(answer.get("answer_start"), where))
        for answer in _member(question, "answers", list, where)
    )
    impossible = question.get("is_impossible", not answers)
    if impossible is not (not answers):
        raise DataError(
            f"{where}: 'is_impossible' is {json.dumps(impossible)}, "
            f"but there are {len(answers)} answers. Correct either."
        )
    return answers


def _members(parent: Any, key: str, name: str, place: str) -> Iterator[tuple[str, Any]]:
    """Place and value of every member of a list, such as ``.data[0].paragraphs[2]``."""
    members = _member(parent, key, list, f"{name}, {place or 'at the top'}")
    for index, member in enumerate(members):
        yield f"{place}.{key}[{index}]", member


def _member(parent: Any, key: str, kind: type, where: str) -> Any:
    value = parent.get(key) if isinstance(parent, Mapping) else None
    if not isinstance(value, kind):
        raise DataError(
            f"{where}: there is no {key!r} with a {'text' if kind is str else kind.__name__}. "
            "SQuAD's structure is data, paragraphs, qas, answers."
        )
    return value


def _characters(parent: Any, key: str, where: str) -> str:
    text: str = _member(parent, key, str, where)
    require_characters(text, f"{where}: {key!r}")
    return text


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{where}: an answer is of type {type(value).__name__}, not a text.")
    return value


def _offset(value: object, where: str) -> int | None:
    """A whole number, also as csv and pandas write it; None where there is none."""
    if _is_blank(value):
        return None
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            number = float(value)
            if number.is_integer():
                return int(number)
    except ValueError:
        pass
    raise DataError(f"{where}: 'answer_start' is {value!r}, not a whole number.")
