"""What the records of several tasks have in the same words."""

from collections.abc import Mapping
from typing import Any, Protocol

DIGITS = 6
"""Of a score or a vector's number; float32 has no more."""


class _Read(Protocol):
    @property
    def tokens(self) -> int: ...
    @property
    def total_tokens(self) -> int: ...
    @property
    def truncated(self) -> bool: ...
    @property
    def blank(self) -> bool: ...


def reading(answer: _Read) -> dict[str, Any]:
    """How much of the item the model saw."""
    return {
        "tokens": answer.tokens,
        "total_tokens": answer.total_tokens,
        "truncated": answer.truncated,
        "blank": answer.blank,
    }


def beside(kept: Mapping[str, Any], answered: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a row before the answer; with "input_" before a name that the answer has.

    It is there more than once where the row has a column of the name with "input_" already.
    """
    renamed = {}
    for name, value in kept.items():
        new = name
        while new in answered or (new != name and new in kept):
            new = f"input_{new}"
        renamed[new] = value
    return renamed | dict(answered)
