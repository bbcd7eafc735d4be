"""Checkpoints on disk: how one is known, and where a stopped run can go on."""

import shutil
from pathlib import Path

MARKER = "config.json"
"""The file by which an output folder is known to be a checkpoint, and may be replaced."""


def last_complete_checkpoint(folder: Path) -> Path | None:
    """The newest of a trainer's checkpoints that was written to its end, if there is one.

    The trainer writes its state last, so a checkpoint without it was cut short; such are removed.
    """
    checkpoints = sorted(
        folder.glob("checkpoint-*"),
        key=lambda path: int(path.name.rpartition("-")[2]),
        reverse=True,
    )
    for checkpoint in checkpoints:
        if (checkpoint / "trainer_state.json").exists():
            return checkpoint
        shutil.rmtree(checkpoint)
    return None
