"""How many steps of a squeeze a budget in minutes buys."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import (
    ProgressCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from squeezebert.squeeze.trainer import (
    SqueezeTrainer,
    evaluation_interval,
    save_interval,
)

TRIAL_STEPS = 5


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


def measured_costs(trial: SqueezeTrainer) -> Costs:
    """Times steps, an evaluation and a save, on the device and with the precision of the training.

    Args:
        trial: Trains `TRIAL_STEPS` steps; its student and its folder are for no other use.
    """
    clock = _Clock()
    trial.remove_callback(ProgressCallback)  # it would print the trial's scores
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
