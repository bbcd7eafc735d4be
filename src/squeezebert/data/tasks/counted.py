"""Examples of which nothing is to be checked but that there are some."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar

from squeezebert.errors import DataError


class Counted(ABC, Iterable[Any]):
    """Examples of one source, which are counted when it is checked."""

    none: ClassVar[str]
    """What to say of a source that has no example."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The source, for messages."""

    def check(self) -> int:
        """Reads the whole source, the first time, and returns how many examples there are.

        Raises:
            DataError: there are none.
        """
        return self._count

    @cached_property
    def _count(self) -> int:
        count = sum(1 for _ in self)
        if not count:
            raise DataError(f"{self.name}: {self.none}.")
        return count
