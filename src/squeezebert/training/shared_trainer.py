"""The library's trainer where several processes train together, and what it tells."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import ProgressCallback, Trainer, TrainerControl, TrainerState, TrainingArguments

from squeezebert.training.processes import leads, number, processes

_UNTOLD = ("epoch", "grad_norm", "learning_rate", "total_flos")  # and what begins by "train_"


class Bar(ProgressCallback):
    """The library's bar, and above it a readable line for what is measured."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Writes "step 20/60: loss 10.79"."""
        told = [
            f"{name.removeprefix('eval_').replace('_', ' ')} {value:,.4g}"
            for name, value in (logs or {}).items()
            if name not in _UNTOLD and not name.startswith("train_")
        ]
        if told and self.training_bar is not None:
            step = f"step {state.global_step:,}/{state.max_steps:,}"
            self.training_bar.write(f"{step}: {', '.join(told)}")


class SharedTrainer(Trainer):
    """The library's trainer, but that of several processes one alone writes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        if self.pop_callback(ProgressCallback) is not None:
            self.add_callback(Bar)

    def training_step(self, *args: Any, **rest: Any) -> Tensor:
        """One step, in which each of several processes draws its own dropout.

        What it draws follows from the seed, the step and its number, so that no process but the
        first has to save a state of its generator.
        """
        if processes() > 1:
            place = (self.args.seed, self.state.global_step, number())
            torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))
        loss: Tensor = super().training_step(*args, **rest)
        return loss

    def _save_rng_state(self, output_dir: str) -> None:
        if leads():
            super()._save_rng_state(output_dir)
