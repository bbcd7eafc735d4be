"""How many steps a budget buys, in tokens or in minutes."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
from transformers import (
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from squeezebert.errors import CheckpointError
from squeezebert.files import replacing_file
from squeezebert.squeeze.trainer import evaluation_interval, save_interval
from squeezebert.training.processes import leads, told, wait
from squeezebert.training.session import Session

TRIAL_STEPS = 5


class Budget(Protocol):
    """Of a training on sequences: tokens or minutes."""

    @property
    def tokens(self) -> int | None: ...
    @property
    def minutes(self) -> float | None: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def length(self) -> int: ...


def steps_of(budget: Budget, session: Session, trial: Callable[[Path, int], Trainer]) -> int:
    """Steps that a budget buys; one in minutes is timed once and then kept for the run.

    Args:
        trial: Makes a trainer of a copy of the model, given a folder and a number of steps.

    Raises:
        CheckpointError: What was kept is damaged.
    """
    if budget.tokens is not None:
        return round(budget.tokens / (budget.batch_size * budget.length))
    assert budget.minutes is not None
    file = session.folder / "steps.json"
    if not told(file.exists()):
        with TemporaryDirectory(dir=session.folder) as folder:
            costs = measured_costs(trial(Path(folder), TRIAL_STEPS))
        steps = affordable_steps(60 * budget.minutes, costs)
        if leads():
            with replacing_file(file) as aside:
                aside.write_text(json.dumps({"steps": steps}))
        wait()
    try:
        return int(json.loads(file.read_text())["steps"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{file} is damaged ({error}). Remove {session.folder} to start anew."
        ) from error


@dataclass(frozen=True)
class Costs:
    """Seconds that the parts of a training take, each once."""

    step: float
    evaluation: float
    save: float

    def of(self, steps: int) -> float:
        """Seconds that a training of so many steps takes."""
        evaluations = steps // evaluation_interval(steps)
        saves = steps // save_interval(steps)
        return steps * self.step + evaluations * self.evaluation + saves * self.save


def affordable_steps(seconds: float, costs: Costs) -> int:
    """The most steps that take no longer, evaluations and saves included; at least one."""
    most = int(seconds / costs.step)
    return next((steps for steps in range(most, 1, -1) if costs.of(steps) <= seconds), 1)


def measured_costs(trial: Trainer) -> Costs:
    """Times steps, an evaluation and a save, on the device and with the precision of the training.

    Args:
        trial: Trains `TRIAL_STEPS` steps; its student and its folder are for no other use.
    """
    clock = _Clock()
    trial.add_callback(clock)
    trial.train()
    # The first step builds what later ones reuse, so time counts from its end.
    return Costs(
        step=float(np.median(np.diff(clock.step_ends))),
        evaluation=clock.evaluated - clock.step_ends[-1],
        save=clock.saved - clock.evaluated,
    )


class _Clock(TrainerCallback):
    """Notes when things are done; the last step is the one to evaluate and save after."""

    def __init__(self) -> None:
        self.step_ends: list[float] = []

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.step_ends.append(time.monotonic())
        control.should_log = False
        control.should_evaluate = control.should_save = state.global_step == state.max_steps

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.evaluated = time.monotonic()

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        self.saved = time.monotonic()
