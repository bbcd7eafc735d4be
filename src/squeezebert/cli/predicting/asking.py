"""Asks a pipeline about records, a bounded part of them at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from squeezebert.bundle.installed import name_of
from squeezebert.cli.predicting.answers import Write
from squeezebert.cli.predicting.inputs import Record
from squeezebert.data.repeats import counted
from squeezebert.errors import InputError, SqueezeBertError
from squeezebert.pipelines import MultiTaskPipeline
from squeezebert.pipelines.items import at_place
from squeezebert.pipelines.words.languages import LOOKED_AT, remark_on
from squeezebert.tokenizer import Item

# What is held in memory at a time.
RECORDS = 256
_CHARACTERS = 1 << 20

Answering = Callable[..., Sequence[Any]]
"""A pipeline of one task or several."""

Skip = Callable[[SqueezeBertError], object]
"""Told of a record that can't be used, which is then left out."""


@dataclass
class Tally:
    """How much was asked, and what has to be told of the answers.

    Attributes:
        records: that were answered.
        truncated: of how many the model saw only a part.
        blank: how many have no word that the model knows.
        first: some of the items.
    """

    records: int = 0
    truncated: int = 0
    blank: int = 0
    first: list[Item] = field(default_factory=list)

    def notes(self, limit: str) -> Iterator[str]:
        """What to tell; ``limit`` is what `squeezebert.cli.predicting.choice.Choice` says of it."""
        if not self.records:
            yield "there were no texts."
        if self.truncated:
            yield f"{self.truncated} of {self.records} texts had more {limit}."
        if self.blank:
            yield (
                f"{self.blank} of {self.records} texts were empty or held no word that the model "
                "knows; the answers to them mean nothing."
            )


def ask(
    pipeline: Answering,
    options: Mapping[str, Any],
    chunks: Iterable[list[Record]],
    write: Write,
    *,
    skip: Skip | None = None,
    show: Callable[[int], object] = lambda done: None,
    flush: Callable[[], object] = lambda: None,
) -> Tally:
    """Writes the answers to records.

    Args:
        options: of the pipeline.
        chunks: records that are asked about together.
        skip: told of each record that can't be answered; None raises the error.
        show: told how many records are done.
        flush: called after each chunk.

    Raises:
        SqueezeBertError: a record can't be read or answered; the message has its place.
    """
    tally = Tally()
    done = 0
    for chunk in chunks:
        answered, answers = _answers(pipeline, options, chunk, skip)
        for record, answer in zip(answered, answers, strict=True):
            write(record.item, answer, record.kept)
        flush()
        tally.records += len(answered)
        tally.first += [record.item for record in answered[: LOOKED_AT - len(tally.first)]]
        tally.truncated += sum(answer.truncated for answer in answers)
        tally.blank += sum(answer.blank for answer in answers)
        done += len(chunk)
        show(done)
    return tally


def skipped_records(number: int) -> str:
    """How many records were left out, in words."""
    return f"{counted(number, 'records')} {'was' if number == 1 else 'were'} skipped."


def remark_on_language(model: str, pipeline: Any, items: Sequence[Item]) -> str | None:
    """What to tell if the items are in a language that a model hardly reads.

    Args:
        model: its name, or its folder.
        pipeline: of the model, which has a tokenizer, or of several tasks of it.
        items: that it was asked about.
    """
    if isinstance(pipeline, MultiTaskPipeline):
        pipeline = pipeline.task(next(iter(pipeline.tasks)))
    return remark_on(name_of(model), pipeline.tokenizer, pipeline.spec, items)


def chunked(records: Iterable[Record]) -> Iterator[list[Record]]:
    """The records in parts of a bounded size."""
    chunk: list[Record] = []
    characters = 0
    for record in records:
        chunk.append(record)
        characters += len("".join(record.item))
        if len(chunk) == RECORDS or characters > _CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _answers(
    pipeline: Answering, options: Mapping[str, Any], records: list[Record], skip: Skip | None
) -> tuple[list[Record], Sequence[Any]]:
    """The records that could be answered, and their answers; others are skipped, if they may be."""
    while records:
        choices = [record.choices for record in records if record.choices is not None]
        labels = {"labels": choices} if choices else {}
        try:
            return records, pipeline([record.item for record in records], **options, **labels)
        except InputError as error:
            placed = at_place(error, [record.place for record in records])
            if skip is None or error.index is None:
                raise placed from error
            skip(placed)
            records = [*records[: error.index], *records[error.index + 1 :]]
    return [], []
