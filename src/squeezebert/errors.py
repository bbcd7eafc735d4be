"""Every error a user can cause.

    SqueezeBertError
    ├── BundleError        a bundle is missing, damaged, foreign or of another version
    ├── CheckpointError    a checkpoint is missing, damaged or of the wrong kind
    ├── DataError          a data file can't be read or doesn't hold what was asked for
    ├── InputError         an item or option handed to us can't be used
    ├── QualityGateError   a model is no good: nothing was learnt, or an export lost too much
    └── MissingExtraError  a feature needs packages that an extra installs

A message names the cause and the remedy. The command line prints it and exits with 2, or with
3 where a model is no good.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Self


class SqueezeBertError(Exception):
    """Base of all errors this package raises on purpose.

    Attributes:
        arguments: what to give to mend it: names of arguments, with a value or what it stands for.
    """

    arguments: Mapping[str, str] = MappingProxyType({})

    def giving(self, **arguments: str) -> Self:
        """The same error, mended by giving these arguments."""
        self.arguments = arguments
        return self

    def told(self, written: Callable[[str, str], str]) -> str:
        """The message, with the name and the value of each argument to give as ``written`` has it.

        The command line writes options there.
        """
        message = super().__str__()
        if not self.arguments:
            return message
        given = " ".join(written(name, value) for name, value in self.arguments.items())
        return f"{message} Give {given}."

    def __str__(self) -> str:
        return self.told("{}={}".format)


class BundleError(SqueezeBertError):
    """A bundle is missing, damaged, foreign or of an unknown version."""


class CheckpointError(SqueezeBertError):
    """A checkpoint is missing, damaged or of the wrong kind."""


class DataError(SqueezeBertError):
    """A data file can't be read or doesn't hold what was asked for."""


class InputError(SqueezeBertError):
    """An item or option handed to us can't be used.

    Attributes:
        reason: what is wrong, without saying of which item.
        index: which of the items it is wrong with, counted from 0; None if with none of them.
        place: where that item comes from, such as "reviews.csv, line 7", where that is known.
    """

    def __init__(self, reason: str, *, index: int | None = None, place: str | None = None) -> None:
        self.reason, self.index, self.place = reason, index, place
        item = place if place is not None or index is None else f"Item {index}"
        super().__init__(reason if item is None else f"{item}: {reason}")

    def at(self, place: str) -> "InputError":
        """The same error, of an item that comes from ``place``."""
        return InputError(self.reason, index=self.index, place=place)


class QualityGateError(SqueezeBertError):
    """Nothing was learnt, or an export lost more quality than tolerated; nothing was written."""


class MissingExtraError(SqueezeBertError, ImportError):
    """A feature needs packages that an extra installs."""

    def __init__(self, feature: str, extra: str, missing: str) -> None:
        super().__init__(
            f"{feature} needs {missing}, which is not installed. "
            f"Run: pip install 'squeezebert[{extra}]'"
        )
