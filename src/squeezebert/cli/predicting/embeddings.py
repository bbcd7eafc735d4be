"""What a file is to a model of embeddings: ``--examples`` to learn, ``--similar-to`` to search."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from squeezebert.cli.predicting.inputs import Records
from squeezebert.data.columns import Columns, open_table
from squeezebert.data.rows import Row
from squeezebert.data.tasks.classification import Table, open_labelled, with_columns
from squeezebert.errors import DataError, InputError
from squeezebert.learn import FewShotClassifier
from squeezebert.pipelines import Embedder, Pipeline, TextSearch
from squeezebert.tokenizer import Item

Say = Callable[[str], object]
"""Told which columns were guessed, and what else there is to tell of a file."""


def learn(
    pipeline: Pipeline, source: str, columns: Columns, say: Say
) -> tuple[Pipeline, Sequence[str]]:
    """A classifier over a model of embeddings, and the columns of the examples.

    Args:
        pipeline: a model of embeddings.
        source: the examples.
        columns: those named for all files of the command; here they hold if they are there.

    Raises:
        DataError: the examples can't be used, or are too few.
        InputError: the model is for something else.
    """
    embedder = _embedder(pipeline, "--examples")
    table = _examples(source, columns)
    for found in table.notes:
        say(found)
    return FewShotClassifier(embedder, table), table.rows.columns


def part_among(items: Iterable[Item], source: str, columns: Columns) -> float:
    """Which part of some items is among the examples of `learn`; errors are those of `learn`."""
    known = {hash(example.item) for example in _examples(source, columns)}
    found = [hash(item) in known for item in items]
    return sum(found) / max(1, len(found))


def _examples(source: str, columns: Columns) -> Table:
    rows = open_labelled(source, "train", columns)
    text, pair, label = (
        name if name in rows.columns else None
        for name in (columns.text, columns.pair, columns.label)
    )
    return with_columns(rows, text, pair, label)


@dataclass(frozen=True, slots=True)
class SearchedFile:
    """A file that is searched in.

    Attributes:
        search: finds its texts.
        columns: all that it has.
        rows: of each text, what is to be shown with it.
    """

    search: TextSearch
    columns: Sequence[str]
    rows: Sequence[Row]


def search_in(
    path: Path,
    pipeline: Pipeline,
    text: str | None,
    keep: str | None,
    top: int,
    say: Say,
    *,
    alone: bool,
) -> SearchedFile:
    """Reads and embeds the texts of a file.

    Args:
        path: of the file.
        pipeline: a model of embeddings.
        text: the column of texts, as it was named for all files of the command.
        keep: columns to show with a text that is found, as `Records` takes them.
        top: how many texts are found.
        alone: whether columns that are named must be here, as there is no other file.

    Raises:
        DataError: the file can't be used, or has no texts.
        InputError: the model is for something else.
    """
    embedder = _embedder(pipeline, "--similar-to")
    table = open_table(path, text)
    named = [] if keep is None else map(str.strip, keep.split(","))
    records = Records(
        table,
        Columns(text),
        keep,
        elsewhere=() if alone or text is None else (text,),
        kept_elsewhere=() if alone else tuple(named),
    )
    if records.are_pairs:
        raise DataError(
            f"{path}: it was read as pairs of texts, and single ones are searched in. Name the "
            "column of the texts with --text-column."
        )
    read = list(records)
    found = [
        (record.item, record.kept)
        for record in read
        if isinstance(record.item, str) and record.item.strip()
    ]
    for note in records.notes:
        say(note)
    if len(found) < len(read):
        say(
            f"{len(read) - len(found)} empty texts of {path} are left out, and not counted by "
            "index."
        )
    if not found:
        raise DataError(
            f"{path}: there are no texts to search in; name their column with --text-column."
        )
    search = TextSearch(embedder, [text for text, _ in found], top=top)
    return SearchedFile(search, table.columns, [row for _, row in found])


def _embedder(pipeline: Pipeline, option: str) -> Embedder:
    if not isinstance(pipeline, Embedder):
        raise InputError(
            f"{option} needs a model of embeddings, and this one is for {pipeline.spec.task}. "
            "Give --model embed."
        )
    return pipeline
