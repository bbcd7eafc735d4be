"""What guesses of hidden words are scored on: plain texts, of which one word each is hidden."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from squeezebert.data.columns import Columns
from squeezebert.data.tasks.counted import Counted
from squeezebert.data.tasks.embedding import Texts, read_embedding
from squeezebert.errors import DataError
from squeezebert.tokens.items import HIDDEN, HIDDEN_MARKS

_WORD = re.compile(r"[^\W\d_]+")


class HiddenWordExample(NamedTuple):
    """A text with a word hidden; ``number`` is its line or row in the source, from 1."""

    number: int
    item: str
    word: str


@dataclass(frozen=True)
class HiddenWords(Counted):
    """Texts of one source, each with a word hidden that its number decides; wordless ones are out.

    Attributes:
        texts: the source.
    """

    texts: Texts

    none = "there are no words to hide"

    @property
    def name(self) -> str:
        return self.texts.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user about how the source was read."""
        return self.texts.notes

    @property
    def columns(self) -> Columns:
        """The column of the text, if it was named."""
        return self.texts.columns

    def __iter__(self) -> Iterator[HiddenWordExample]:
        """Yields every text that has a word, and hides none already."""
        for number, text in self.texts:
            words = list(_WORD.finditer(text))
            if words and not any(mark in text for mark in HIDDEN_MARKS):
                start, end = random.Random(number).choice(words).span()
                hidden = f"{text[:start]}{HIDDEN}{text[end:]}"
                yield HiddenWordExample(number, hidden, text[start:end])


def read_hidden_words(source: str | Path, split: str, columns: Columns) -> HiddenWords:
    """Opens texts.

    Raises:
        DataError: no such source, it has pairs of texts, or no column that is a text's.
        InputError: columns are named that don't go together.
    """
    texts = read_embedding(source, split, columns)
    if not isinstance(texts, Texts):
        raise DataError(
            f"{texts.name}: it has pairs of texts, and words are hidden in single ones. Name the "
            "column of the text."
        )
    return HiddenWords(texts)
