"""A part of the training examples held out, where there is no dev data."""

from dataclasses import dataclass
from pathlib import Path

from squeezebert.data.split import held_out
from squeezebert.errors import DataError

_PART = 0.1


@dataclass(frozen=True, slots=True)
class HoldOut:
    """How a part is held out.

    Attributes:
        seed: the same seed holds out the same examples.
        folder: where the part is written.
        output: where its file will be in the end, for messages.
    """

    seed: int
    folder: Path
    output: Path

    def draw(self, classes: list[str] | None, examples: int, source: str) -> set[int]:
        """The positions to hold out, a tenth of each class; None draws from all alike.

        Raises:
            DataError: there are too few examples.
        """
        positions = set(held_out(classes, examples, _PART, self.seed))
        if not positions:
            raise DataError(
                f"{source}: {examples} examples are too few to hold some out. "
                "Give dev data with --dev."
            )
        return positions
