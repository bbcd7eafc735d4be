"""The tokens of a text or a pair, and of a window of it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Encoding:
    """The tokens of a text or pair, special tokens included.

    Attributes:
        ids: token ids.
        type_ids: 0 for tokens of the first text, 1 for those of the second.
        offsets: for each token, the first character of its text that it covers and the one after
            the last; (0, 0) for special tokens.
        total_tokens: how many tokens there would be without truncation.
        truncated: whether tokens were left out.
        blank: whether a text has no word that the tokenizer knows: it is empty, or emoji, or of
            another script than the vocabulary's.
    """

    ids: list[int]
    type_ids: list[int]
    offsets: list[tuple[int, int]]
    total_tokens: int
    blank: bool = field(default=False, kw_only=True)

    @property
    def truncated(self) -> bool:
        return len(self.ids) < self.total_tokens


@dataclass(frozen=True, slots=True)
class Window(Encoding):
    """The part of a text that a model reads at once, special tokens included; see `windows`.

    Its offsets are those of the whole text. It was not truncated itself.

    Attributes:
        start: how many tokens of the text come before the window's.
        inside: where in ``ids`` the text's tokens are; of a pair, those of the second text.
        own: where in ``ids`` those tokens are that no other window shows with more context; every
            token of the text is one window's own.
    """

    start: int
    inside: slice
    own: slice


def shares(first: int, second: int, room: int) -> tuple[int, int]:
    """How many tokens each of two texts keeps; the longer gives up first."""
    if first + second <= room:
        return first, second
    half = room // 2
    if first <= half:
        return first, room - first
    if second <= half:
        return room - second, second
    return (half, room - half) if first <= second else (room - half, half)
