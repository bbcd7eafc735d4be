"""A trainer's checkpoints on disk: which are whole, and where a stopped training can go on."""

import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from squeezebert.files import replacing_file, sync
from squeezebert.training.processes import leads, wait

MARKER = "config.json"
"""The file by which an output folder is known to be a checkpoint, and may be replaced."""

_SEAL = "seal.json"
_STATE = "trainer_state.json"


def seal(folder: Path) -> None:
    """Notes the CRC-32 of each file in a folder that is complete, once all are on the disk."""
    for path in _files(folder):
        sync(path)
    sums = {path.name: _checksum(path) for path in _files(folder)}
    with replacing_file(folder / _SEAL) as aside:
        aside.write_text(json.dumps(sums))


def is_whole(folder: Path) -> bool:
    """Whether a folder was sealed and its files are as they were then."""
    try:
        sums = json.loads((folder / _SEAL).read_text())
        return bool(sums == {path.name: _checksum(path) for path in _files(folder)})
    except (OSError, ValueError):
        return False


def last_whole_checkpoint(folder: Path, say: Callable[[str], None]) -> Path | None:
    """The newest of a trainer's checkpoints that a training can go on from, if there is one.

    The best checkpoint is loaded when a training ends, so where it is damaged no later one is of
    use. What is of no use is removed.

    Args:
        say: prints a line about each that was damaged after it was complete.
    """
    usable = None
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=step_of, reverse=True):
        if usable is not None:
            break
        if is_whole(checkpoint) and ((best := _best(checkpoint)) is None or is_whole(best)):
            usable = checkpoint
            continue
        if (checkpoint / _SEAL).exists():
            say(f"{checkpoint} can't be gone on from: it is damaged, or the best one so far is.")
        shutil.rmtree(checkpoint)
    return usable


class SealCheckpoints(TrainerCallback):
    """Seals each checkpoint once it is complete; to be added after all that write to it.

    Only then the older ones go, which the library would remove before: killed at any time, a
    training has one that is whole. The two newest stay, and the best ones so far of both, so that
    either can be gone on from.

    Args:
        sealed: told after each.
    """

    def __init__(self, sealed: Callable[[], None]) -> None:
        self._sealed = sealed

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        wait()  # for what others may still be writing there
        if leads():
            saved = saved_checkpoint(args, state)
            seal(saved)
            self._sealed()
            _keep_the_newest(saved.parent)
        wait()


def saved_checkpoint(args: TrainingArguments, state: TrainerState) -> Path:
    """The folder of the checkpoint that a trainer has just saved."""
    assert args.output_dir is not None  # all our trainers have one
    return Path(args.output_dir) / f"checkpoint-{state.global_step}"


def step_of(checkpoint: Path) -> int:
    """The number of steps after which a trainer saved a checkpoint."""
    return int(checkpoint.name.rpartition("-")[2])


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name != _SEAL)


def _checksum(file: Path) -> int:
    total = 0
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            total = zlib.crc32(block, total)
    return total


def _keep_the_newest(folder: Path) -> None:
    """Removes all checkpoints but the two newest, and the best ones so far of both."""
    older_first = sorted(folder.glob("checkpoint-*"), key=step_of)
    newest = older_first[-2:]
    for checkpoint in set(older_first).difference(newest, map(_best, newest)):
        shutil.rmtree(checkpoint)


def _best(checkpoint: Path) -> Path | None:
    """The best checkpoint so far as a whole one has it; they are kept side by side."""
    name = json.loads((checkpoint / _STATE).read_text())["best_model_checkpoint"]
    return None if name is None else checkpoint.parent / Path(name).name
