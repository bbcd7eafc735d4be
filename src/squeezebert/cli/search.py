"""Texts of a file to search in, for a model of embeddings: what ``--similar-to`` does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from squeezebert.cli.inputs import Records
from squeezebert.data.columns import Columns, open_table
from squeezebert.data.rows import Row
from squeezebert.errors import DataError, InputError
from squeezebert.pipelines import Embedder, Pipeline, TextSearch


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
    say: Callable[[str], object],
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
        say: told what there is to tell of the file.
        alone: whether columns that are named must be here, as there is no other file.

    Raises:
        DataError: the file can't be used, or has no texts.
        InputError: the model is for something else.
    """
    if not isinstance(pipeline, Embedder):
        raise InputError(
            f"--similar-to needs a model of embeddings, and this one is for {pipeline.spec.task}. "
            "Give --model embed."
        )
    table = open_table(path, text)
    named = [] if keep is None else map(str.strip, keep.split(","))
    elsewhere = () if alone else (*named, *filter(None, [text]))
    records = Records(table, Columns(text), keep, elsewhere=elsewhere)
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
    search = TextSearch(pipeline, [text for text, _ in found], top=top)
    return SearchedFile(search, table.columns, [row for _, row in found])
