"""What the records of several tasks have in the same words."""

from collections.abc import Mapping
from typing import Any, Protocol

from squeezebert.data.columns import names_beside

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
    """What is kept of a row before the answer, by `names_beside`."""
    names = names_beside(kept, answered)
    return {names[name]: value for name, value in kept.items()} | dict(answered)
