"""How long a training has taken, from its first session on."""

import json
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from squeezebert.files import replacing_file
from squeezebert.training.checkpoints import saved_checkpoint
from squeezebert.training.processes import leads

FILE = "elapsed.json"


class Elapsed(TrainerCallback):
    """Counts from when it is made, and keeps the count in each of the trainer's checkpoints.

    Args:
        resumed: the checkpoint that the training goes on from, with the time it took till then.
    """

    def __init__(self, resumed: Path | None) -> None:
        self._start = time.monotonic()
        self._before = 0.0
        if resumed is not None:
            self._before = float(json.loads((resumed / FILE).read_text())["seconds"])

    @property
    def seconds(self) -> float:
        """In this session, and in those before it up to the save that the next one went on from."""
        return self._before + time.monotonic() - self._start

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if not leads():
            return
        with replacing_file(saved_checkpoint(args, state) / FILE) as aside:
            aside.write_text(json.dumps({"seconds": self.seconds}))
