"""Whether examples are among those that a model learnt from, by a few hashes of them."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from squeezebert.tokenizer import Item
from squeezebert.tokens.items import texts_of

_KEPT = 512
_TOLD = 0.1  # part of the examples from which on it is told
_BY_CHANCE = 1  # such as a greeting


@dataclass(slots=True)
class Sketch:
    """The least hashes of many items, by which it is seen how many of them others have.

    As "bottom-k" in Broder 1997, "On the resemblance and containment of documents". No text can be
    read from it, but of a text at hand it can be asked whether it is among these few.

    Attributes:
        count: how many items there were.
    """

    count: int = 0
    _least: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))

    @classmethod
    def of_text(cls, text: str, count: int) -> "Sketch":
        """What `as_text` wrote.

        Raises:
            ValueError: it wrote something else.
        """
        return cls(count, np.frombuffer(b64decode(text, validate=True), "<u8"))

    def as_text(self) -> str:
        """Up to 6 kB of plain letters."""
        return b64encode(self._least.astype("<u8").tobytes()).decode("ascii")

    def as_json(self) -> dict[str, Any]:
        """What `known_part` looks for in a manifest."""
        return {"rows": self.count, "texts": self.as_text()}

    def add(self, items: Iterable[Item]) -> None:
        """Takes some more items."""
        hashes = np.fromiter(map(_hash, items), np.uint64)
        self.count += len(hashes)
        self._least = np.unique(np.concatenate([self._least, hashes]))[:_KEPT]

    def part_of(self, items: Iterable[Item]) -> float:
        """About which part of other items are among these, 0..1; 0 if it may be chance."""
        hashes = np.fromiter(map(_hash, items), np.uint64)
        found = len(np.intersect1d(self._least, hashes))
        if found <= _BY_CHANCE:
            return 0.0
        return min(1.0, found / len(self._least) * self.count / len(hashes))


def known_part(provenance: object, head: str, items: Iterable[Item]) -> float:
    """About which part of some items a model has learnt from, as far as it tells.

    Args:
        provenance: of the manifest; of a checkpoint, its training's report as ``training``.
        head: the one that is to be scored, which of a combined bundle has learnt for itself.
        items: to be scored.

    Returns:
        0..1; 0 if it is too small to matter.
    """
    match provenance:
        case {"heads": {**of_heads}}:
            return known_part(of_heads.get(head), head, items)
        case {"training": {**training}}:
            return known_part(training, head, items)
        case {"texts": str(text), "rows": int(count)}:
            try:
                part = Sketch.of_text(text, count).part_of(items)
            except ValueError:  # damaged
                return 0.0
            return part if part >= _TOLD else 0.0
    return 0.0


def _hash(item: Item) -> int:
    joined = "\0".join(texts_of(item)).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(joined, digest_size=8).digest(), "little")
