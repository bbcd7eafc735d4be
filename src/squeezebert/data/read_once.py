"""Examples that are read and checked once, however often they are scored."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from squeezebert.data.tasks import Example, Examples


class ReadOnce:
    """Examples kept in memory, with the result of their check; all else is that of the source."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    def __iter__(self) -> Iterator[Example]:
        return iter(self._kept)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._examples, name)

    def check(self) -> Any:
        """What the source's check counted."""
        return self._checked

    @cached_property
    def _kept(self) -> list[Example]:
        return list(self._examples)

    @cached_property
    def _checked(self) -> Any:
        return self._examples.check()
