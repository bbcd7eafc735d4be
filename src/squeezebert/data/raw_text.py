"""Raw text to learn from: its lines, and whether there is anything in it to be learnt."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer

from squeezebert.data.formats.decoding import Text
from squeezebert.errors import DataError
from squeezebert.vocabulary import unknown_piece

_LOOKED_AT = 10_000  # lines
_UNKNOWN = 0.5  # of all pieces; more teach nothing


def checked_lines(files: Sequence[str | Path]) -> Iterator[str]:
    """The lines of text files that are not blank.

    Raises:
        DataError: A file is missing or can't be read, or all lines are the same.
    """
    first, differ, number = None, False, 0
    for name in files:
        if not Path(name).is_file():
            raise DataError(f"{name}: no such text file.")
        for _, raw in Text.of_file(Path(name)).lines():
            if line := raw.strip():
                number += 1
                first = first or line
                differ = differ or line != first
                yield line
    if not number:
        raise DataError(f"{_listed(files)}: there is no word in it.")
    if number > 1 and not differ:
        raise _repeats(files, number)


def check_text(files: Sequence[str | Path], tokenizer: Tokenizer) -> None:
    """Looks at the beginning of text files, as the rest is read when it is tokenised.

    Raises:
        DataError: A file is missing or can't be read, all lines are the same, or the tokenizer
            doesn't know most of it.
    """
    lines = list(islice(checked_lines(files), _LOOKED_AT))
    if len(lines) > 1 and len(set(lines)) == 1:
        raise _repeats(files, len(lines))
    mark = unknown_piece(tokenizer)
    if mark is None:
        return
    encodings = tokenizer.encode_batch_fast(lines, add_special_tokens=False)
    ids = [index for encoding in encodings for index in encoding.ids]
    unknown = tokenizer.get_vocab()[mark]
    share = ids.count(unknown) / len(ids) if ids else 1.0
    if share > _UNKNOWN:
        raise DataError(
            f"{_listed(files)}: the tokenizer knows next to nothing of it: {share:.0%} of its "
            f"pieces are {mark}. Give text in a script that it was trained on, and in UTF-8."
        )


def _listed(files: Sequence[str | Path]) -> str:
    return ", ".join(map(str, files))


def _repeats(files: Sequence[str | Path], number: int) -> DataError:
    return DataError(
        f"{_listed(files)}: one line, {number:,} times. There is nothing to learn from it; give "
        "running text."
    )
