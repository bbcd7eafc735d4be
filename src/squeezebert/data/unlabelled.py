"""Texts without labels, to learn from by what a teacher says of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from squeezebert.bundle import Task
from squeezebert.data.columns import Columns, cell, open_table, text_columns
from squeezebert.data.formats import file_kind, is_data_file
from squeezebert.data.hub import open_dataset
from squeezebert.data.tasks import Examples
from squeezebert.data.tasks.classification import Table
from squeezebert.data.tasks.entities import has_tagged_words, read_entities
from squeezebert.data.tasks.question_answering import read_questions
from squeezebert.errors import DataError
from squeezebert.tokenizer import Item


class Unlabelled(NamedTuple):
    """What was read.

    Attributes:
        items: texts or pairs.
        notes: what to tell the user about them.
    """

    items: tuple[Item, ...]
    notes: tuple[str, ...]


def read_unlabelled(source: str, task: str, columns: Columns, like: Examples) -> Unlabelled:
    """Reads texts, a line each, or tables, whose labels are left alone.

    For entities it may be a file of words and tags, for questions a SQuAD file; tags and answers
    are left alone too.

    Args:
        source: a file, or the name of a hub dataset, whose part for training is read.
        task: that the texts are for.
        columns: of the texts, as named for the training data; guessed if the source hasn't them.
        like: the training examples, which say whether the task has pairs of texts.

    Raises:
        DataError: there is no such source, it holds no texts, pairs where the task has single texts
            or the other way round, or no column can be guessed.
    """
    in_pairs = task == Task.QUESTION_ANSWERING or (
        task == Task.CLASSIFICATION and isinstance(like, Table) and like.pair is not None
    )
    path = Path(source)
    if task == Task.ENTITIES and is_data_file(path) and has_tagged_words(path):
        texts = read_entities(source)
        return _found(source, [example.text for example in texts], 0, texts.notes)
    if task == Task.QUESTION_ANSWERING and file_kind(path) == ".json":
        questions = read_questions(source)
        return _found(source, [question.item for question in questions], 0, questions.notes)
    return _of_table(source, columns, in_pairs)


def _of_table(source: str, columns: Columns, in_pairs: bool) -> Unlabelled:
    path = Path(source)
    if file_kind(path) == ".txt":
        columns = Columns()  # others than those of a table to learn from
    rows = open_table(path, columns.text) if is_data_file(path) else open_dataset(source, "train")
    if columns.text not in rows.columns:
        columns = Columns()
    text, pair, guessed = text_columns(rows, columns.text, columns.pair)
    if in_pairs != (pair is not None):
        have, need = ("single texts", "pairs") if in_pairs else ("pairs", "single texts")
        raise DataError(
            f"{rows.name} has {have}, and the task is about {need}. Name another file, or name the "
            "columns for the training data as this file has them too."
        )
    blank = 0

    def items() -> Iterator[Item]:
        nonlocal blank
        for number, row in rows:
            first = cell(rows, number, row, text)
            second = None if pair is None else cell(rows, number, row, pair)
            if not first.strip() or (second is not None and not second.strip()):
                blank += 1
                continue
            yield first if second is None else (first, second)

    found = list(items())
    shown = (
        ()
        if rows.columns == ("text",) or not guessed
        else (f"{rows.name}: guessed {', '.join(guessed)}.",)
    )
    return _found(rows.name, found, blank, (*shown, *rows.notes))


def _found(name: str, items: list[Item], blank: int, notes: tuple[str, ...]) -> Unlabelled:
    if not items:
        raise DataError(f"{name}: there are no texts.")
    said = f"{name}: {len(items):,} without labels, of which the teacher says what they are."
    empty = (f"{name}: {blank:,} empty ones are left out.",) if blank else ()
    return Unlabelled(tuple(items), (*notes, said, *empty))
