"""Answers to texts, to what comes through stdin, or to the records of a file."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import typer

from squeezebert.cli.notes import note
from squeezebert.cli.predicting.answers import writer_to
from squeezebert.cli.predicting.arrivals import arrivals
from squeezebert.cli.predicting.asking import (
    RECORDS,
    ask,
    chunked,
    remark_on_language,
    skipped_records,
)
from squeezebert.cli.predicting.checks import require_pairs
from squeezebert.cli.predicting.choice import Choice
from squeezebert.cli.predicting.inputs import Record, Records, file_records, stdin_records
from squeezebert.cli.predicting.request import Request
from squeezebert.cli.progress import progress
from squeezebert.data.columns import Columns
from squeezebert.data.formats.decoding import text_lines
from squeezebert.data.rows import leave_out
from squeezebert.errors import DataError, SqueezeBertError
from squeezebert.pipelines import MultiTaskPipeline


def answer_all(asked: Request, choice: Choice) -> None:
    """Writes the answers to a request, and tells on stderr what there is to know of them.

    Raises:
        SqueezeBertError: a record can't be read or answered, or the output can't be written.
    """
    skipped = _Skipped() if asked.on_error == "skip" else None
    with writer_to(asked.output, choice.rendering) as write:
        source = _source(asked, choice, skipped)
        source.tell()
        with progress(shown=_leaves_room_for_a_bar(asked)) as show:
            tally = ask(
                choice.pipeline,
                choice.options,
                source.chunks,
                write,
                skip=skipped,
                show=lambda done: show("answering", done, source.total),
                flush=sys.stdout.flush,
            )
        for fact in tally.notes(choice.limit):
            note(fact)
        source.tell()
        if remark := remark_on_language(asked.model, choice.model, tally.first):
            note(remark)
    if skipped is not None:
        note(skipped_records(skipped.count))


@dataclass
class _Source:
    """What to answer.

    Attributes:
        chunks: what is asked about together.
        records: those of the file or of stdin; None for texts.
        total: how many there are, if that is known.
    """

    chunks: Iterable[list[Record]]
    records: Records | None = None
    total: int | None = None
    _told: set[str] = field(default_factory=set)

    def tell(self) -> None:
        """Tells how the records were read so far, each thing once."""
        for fact in () if self.records is None else self.records.notes:
            if fact not in self._told:
                note(fact)
            self._told.add(fact)


def _source(asked: Request, choice: Choice, skipped: "_Skipped | None") -> _Source:
    if asked.file is None:
        return _Source(chunked(_texts(asked)))
    columns = Columns(asked.text_column, asked.pair_column, asked.labels_column)
    others = choice.elsewhere, choice.kept_elsewhere
    if asked.file == "-":
        records = stdin_records(asked.stdin_format, columns, asked.keep, skipped, *others)
        _require_items(asked, choice, records)
        return _Source(arrivals(records, RECORDS), records)
    read = partial(file_records, Path(asked.file), columns, asked.keep)
    # Read once before, to hear of a bad record now.
    first = read(skipped and leave_out, *others)
    _require_items(asked, choice, first)
    total = sum(1 for _ in first)
    records = read(skipped, *others)
    return _Source(chunked(records), records, total)


def _require_items(asked: Request, choice: Choice, records: Records) -> None:
    """Raises InputError for records that the pipeline can't answer; of several tasks some can."""
    if not isinstance(choice.pipeline, MultiTaskPipeline):
        require_pairs(asked, choice.pipeline, records)


def _texts(asked: Request) -> Iterator[Record]:
    """The texts as they are, or each with a second text, or as a question on what the file says."""
    about = asked.pair
    if asked.context is not None:
        if not asked.context.is_file():
            raise DataError(f"{asked.context}: no such file. --context takes a file with the text.")
        about = "".join(line for _, line in text_lines(asked.context))
    for number, text in enumerate(asked.texts or (), 1):
        yield Record(f"Text {number}", text if about is None else (text, about), {})


def _leaves_room_for_a_bar(asked: Request) -> bool:
    """Whether there is a file to wait for, and no answers are on the same terminal."""
    return asked.file is not None and not (asked.output == "-" and sys.stdout.isatty())


class _Skipped:
    """Tells of records that are left out, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, error: SqueezeBertError) -> None:
        self.count += 1
        typer.echo(f"skipped: {error}", err=True)
