"""What each task brings to the command line: its predictions as text, as JSON and as csv."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from squeezebert.cli import classification, embedding


@dataclass(frozen=True, slots=True)
class Rendering:
    """How the predictions of a task are shown.

    Attributes:
        line: at a terminal, before the item.
        record: as JSON has it, after the item.
        cells: as a row of csv has it, after the item; the same columns for every prediction.
    """

    line: Callable[[Any], str]
    record: Callable[[Any], dict[str, Any]]
    cells: Callable[[Any], dict[str, Any]]


RENDERINGS: Mapping[str, Rendering] = {
    "classification": Rendering(classification.line, classification.record, classification.cells),
    "embedding": Rendering(embedding.line, embedding.record, embedding.cells),
}
