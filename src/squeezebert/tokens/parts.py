"""Long texts, encoded part by part."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import tokenizers

Encode = Callable[[str], tokenizers.Encoding]

PART = 1 << 16
"""Characters of a part; a text of no more is encoded at once."""

CONTEXT = 1 << 9
"""Characters beside a part that are encoded with it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a text, encoded with what stands beside it.

    Attributes:
        passed: how many characters come before those that were encoded.
        start, end: the part, in the whole text.
        last: whether the text ends with it.
    """

    encoding: tokenizers.Encoding
    passed: int
    start: int
    end: int
    last: bool

    @property
    def own(self) -> slice:
        """Which tokens begin in the part."""
        starts = [self.passed + start for start, _ in self.encoding.offsets]
        stop = len(starts) if self.last else bisect_left(starts, self.end)
        return slice(bisect_left(starts, self.start), stop)

    def __len__(self) -> int:
        own = self.own
        return cast(int, own.stop - own.start)

    def around(self, place: int) -> list[tuple[int, int, int]]:
        """Id, first character and the one after the last of the tokens near a place in the text."""
        near = place - self.passed
        return [
            (token, self.passed + start, self.passed + end)
            for token, (start, end) in zip(self.encoding.ids, self.encoding.offsets, strict=True)
            if end > near - CONTEXT // 2 and start < near + CONTEXT // 2
        ]


def parts_of(text: str, encode: Encode) -> Iterator[Part]:
    """Encodes a text part by part: the library takes 400 bytes of memory for each character.

    A part is encoded with what stands beside it, and its own tokens are those that begin in it.
    Where it ends, its tokens and the next part's have to agree; if they don't, as in the middle
    of an endless word, it ends elsewhere.
    """
    part, length = _part(text, encode, 0, PART), PART
    while not part.last:
        following = _part(text, encode, part.end, PART)
        if part.around(part.end) == following.around(part.end):
            yield part
            part, length = following, PART
        else:
            length *= 2
            part = _part(text, encode, part.start, length)
    yield part


def _part(text: str, encode: Encode, start: int, length: int) -> Part:
    end = min(start + length, len(text))
    if end < len(text):
        end = max(end - length // 2, text.rfind(" ", start, end))
    passed = max(start - CONTEXT, 0)
    encoding = encode(text[passed : end + CONTEXT])
    return Part(encoding, passed, start, end, last=end == len(text))
