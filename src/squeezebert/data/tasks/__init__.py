"""What each task brings to read: labelled examples of its own kind."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from squeezebert.bundle import Task
from squeezebert.data.columns import Columns
from squeezebert.data.formats import is_data_file
from squeezebert.data.tasks.classification import read_classification
from squeezebert.data.tasks.embedding import read_embedding
from squeezebert.data.tasks.entities import read_entities
from squeezebert.data.tasks.hidden_words import read_hidden_words
from squeezebert.data.tasks.intents import has_splits, is_json
from squeezebert.data.tasks.question_answering import read_questions
from squeezebert.tokenizer import Item


class Example(Protocol):
    """An item and, under a name of the task's own, what a model should say of it."""

    @property
    def number(self) -> int:
        """Its line or row in the source, from 1."""

    @property
    def item(self) -> Item:
        """What a pipeline takes."""


class Examples(Protocol):
    """Labelled examples of one source; iterating reads it from the start, as often as wanted."""

    @property
    def name(self) -> str:
        """The source."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user about how the source was read; reads it, if it is not yet."""

    @property
    def columns(self) -> Columns:
        """The columns that were named to read it in this way, none where they were guessed."""

    def __iter__(self) -> Iterator[Example]:
        """Yields every example."""

    def check(self) -> Any:
        """Reads the whole source, the first time, and says what it counted.

        Raises:
            DataError: examples can't be used; their numbers are listed.
        """


class Reader(Protocol):
    """Opens the examples of a task."""

    def __call__(self, source: str | Path, split: str, columns: Columns) -> Examples:
        """Opens a data file or, where it is none, the split of a hub dataset.

        Raises:
            DataError: there is no such source, or it has not the columns named.
        """


def _read_classification(source: str | Path, split: str, columns: Columns) -> Examples:
    return read_classification(
        source,
        split=split,
        text_column=columns.text,
        pair_column=columns.pair,
        label_column=columns.label,
    )


def _read_entities(source: str | Path, split: str, columns: Columns) -> Examples:
    return read_entities(source, columns, split=split)


READERS: Mapping[str, Reader] = {
    Task.CLASSIFICATION: _read_classification,
    Task.EMBEDDING: read_embedding,
    Task.ENTITIES: _read_entities,
    Task.QUESTION_ANSWERING: read_questions,
    Task.FILL_MASK: read_hidden_words,
}


def is_undivided(source: str, task: str) -> bool:
    """Whether a source has no splits: all files but JSON of several splits."""
    path = Path(source)
    return is_data_file(path) and not (
        task == Task.CLASSIFICATION and is_json(path) and has_splits(path)
    )
