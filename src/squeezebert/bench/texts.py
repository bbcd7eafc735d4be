"""How long real texts are, in tokens of bert-base-uncased's vocabulary, special ones included."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from squeezebert.bundle import find_bundle, read_bundle
from squeezebert.errors import DataError, InputError
from squeezebert.tokenizer import Tokenizer

_LONGEST = 512

# How many texts have 0, 1, 2, ... tokens. Time depends on lengths alone, so no text is needed.
_COUNTS = {
    # Development set of SST-2 (Socher et al. 2013, in GLUE): 872 sentences.
    "sst2": [
        0, 0, 0, 0, 2, 1, 2, 7, 12, 12, 22, 17, 28, 20, 28, 23, 23, 23, 34, 29, 38, 29, 31, 25, 30,
        37, 31, 33, 27, 26, 27, 23, 24, 16, 21, 21, 15, 13, 12, 17, 17, 18, 8, 4, 14, 3, 3, 5, 4, 5,
        2, 1, 2, 4, 2, 1,
    ],
    # Validation set of CLINC150 (Larson et al. 2019): 3,000 queries.
    "clinc150": [
        0, 0, 0, 17, 27, 56, 123, 238, 321, 355, 351, 389, 311, 202, 168, 122, 88, 54, 45, 37, 24,
        25, 12, 10, 9, 4, 10, 1, 0, 1,
    ],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Texts:
    """How long texts are, by their name, and which ones are left out."""

    lengths: dict[str, list[int]]
    left_out: tuple[str, ...] = ()


def known_texts(count: int) -> Texts:
    """``count`` texts, or all that there are, of SST-2 and CLINC150 in some order."""
    random = np.random.default_rng(0)
    drawn = {}
    for name, counts in _COUNTS.items():
        lengths = np.repeat(np.arange(len(counts)), counts)
        drawn[name] = random.permutation(lengths)[:count].tolist()
    return Texts(drawn)


def texts_in(files: Sequence[Path], count: int | None = None) -> Texts:
    """The lines of text files, of each the first ``count`` or all, named as the files are.

    Raises:
        InputError: two files have the same name but for the folder and the ending.
        DataError: a file can't be read as text or has no lines.
    """
    named: dict[str, Path] = {}
    for file in files:
        if file.stem in named:
            raise InputError(
                f"{named[file.stem]} and {file} would both be called {file.stem!r}. Rename one."
            )
        named[file.stem] = file
    # The built-in model has bert-base-uncased's vocabulary.
    tokenizer = Tokenizer.from_json(read_bundle(find_bundle("sentiment")).tokenizer_json)
    lengths, left_out = {}, []
    for name, file in named.items():
        lines = _lines(file)
        encodings = tokenizer.encode_batch(lines[:count], _LONGEST)
        lengths[name] = [len(encoding.ids) for encoding in encodings]
        if len(encodings) < len(lines):
            left_out.append(f"{file}: all but the first {len(encodings):,} of {len(lines):,} texts")
    return Texts(lengths, tuple(left_out))


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} can't be read as text: {error}") from error
    if not lines:
        raise DataError(f"{file} holds no text. Give a file with a text on each line.")
    return lines
