"""Where a pipeline was loaded from, so that another process can load it again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Origin:
    """What was loaded, and how.

    Attributes:
        name: an installed bundle's name, or the absolute path of a folder; those of several bundles
            that were loaded together.
        digest: SHA-256 of its manifest, which holds those of all its files; of all manifests.
        threads: how many its engine uses at most.
        load: what loads it again, given this.
        task: of what was loaded, the pipeline of this task; None is all of it.
    """

    name: str | tuple[str, ...]
    digest: str
    threads: int | None
    load: "Callable[[Origin], Any]"
    task: str | None = None


class Reloaded:
    """A pipeline that is pickled as its origin: a megabyte less to send, and no engine.

    A process loads each bundle once, however many copies of a pipeline it gets.
    """

    origin: Origin | None = None

    def __reduce_ex__(self, protocol: Any) -> Any:
        """For `pickle`; a pipeline that was not loaded from a bundle is pickled as it is."""
        if self.origin is None:
            return super().__reduce_ex__(protocol)
        return self.origin.load, (self.origin,)
