"""What a step that was stopped goes on from: all that changes as it learns.

It is kept every few minutes, and goes away with the end of the step.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from squeezebert.files import replacing_file

KEPT_EVERY = 600.0  # seconds


class Unfinished:
    """The state of a step, beside what it will write.

    Args:
        path: What the step will write.
        settings: A state of other settings is not gone on from.
        changed: The tensors that change.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], changed: Sequence[Tensor]) -> None:
        self._file = path.with_name(path.name + ".unfinished")
        self._settings, self._changed = dict(settings), changed
        self._kept = time.monotonic()

    def found(self) -> dict[str, Any] | None:
        """What `keep` was given last, and puts the tensors back; None if there is nothing."""
        if not self._file.is_file():
            return None
        state = torch.load(self._file, weights_only=False)
        if state["settings"] != self._settings:
            print(f"{self._file.name} is of other settings or data; this begins anew.", flush=True)
            return None
        for tensor, before in zip(self._changed, state["changed"], strict=True):
            tensor.data.copy_(before)
        facts: dict[str, Any] = state["facts"]
        return facts

    def is_due(self) -> bool:
        """Whether it was kept long ago."""
        return time.monotonic() - self._kept > KEPT_EVERY

    def keep(self, facts: Mapping[str, Any]) -> None:
        """Keeps the tensors, and what else the step goes on from."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        state = {"settings": self._settings, "facts": dict(facts), "changed": list(self._changed)}
        with replacing_file(self._file) as aside:
            torch.save(state, aside)
        self._kept = time.monotonic()

    def forget(self) -> None:
        """The step is finished."""
        self._file.unlink(missing_ok=True)
