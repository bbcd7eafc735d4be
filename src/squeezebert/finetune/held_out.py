"""A part of the training examples held out, where there is no dev data."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from squeezebert.data.split import drawn_apart
from squeezebert.data.twins import first_twins
from squeezebert.errors import DataError
from squeezebert.files import replacing_file
from squeezebert.tokenizer import Item
from squeezebert.training.processes import leads

_PART = 0.1
FILE = "held_out.jsonl"
"""The part, in the folder of the result."""

Example = TypeVar("Example")


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

    @property
    def name(self) -> str:
        """The file's path in the end."""
        return str(self.output / FILE)

    def split(
        self,
        examples: Sequence[Example],
        classes: Sequence[str] | None,
        source: str,
        items: Iterable[Item] | None = None,
    ) -> tuple[list[Example], list[Example]]:
        """The examples to learn from, and a tenth of each class; None draws from all alike.

        Args:
            examples: to draw from.
            classes: of each.
            source: where they are from, for messages.
            items: their texts or pairs; those that differ in case, spaces, punctuation or digits
                alone are drawn together, if there are others.

        Raises:
            DataError: there are too few examples.
        """
        count = len(examples)
        twins = np.arange(count) if items is None else first_twins(items)
        drawn = set(drawn_apart(classes, count, _PART, self.seed, twins)[0])
        if not drawn:
            raise DataError(
                f"{source}: too few to hold some out ({len(examples)} in all). Give more of them, "
                "or dev data."
            )
        kept = [example for place, example in enumerate(examples) if place not in drawn]
        return kept, [examples[place] for place in sorted(drawn)]

    def write(self, rows: Iterable[Mapping[str, Any]]) -> Path:
        """Writes the part, a JSON object each line, and returns its file.

        Of several processes, the leading one does so, and before the others come here.
        """
        path = self.folder / FILE
        if not leads():
            return path
        with replacing_file(path) as aside, aside.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        return path
