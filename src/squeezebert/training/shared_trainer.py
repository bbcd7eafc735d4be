"""The library's trainer where several processes train together."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PrinterCallback, ProgressCallback, Trainer

from squeezebert.training.processes import leads, number, processes


class SharedTrainer(Trainer):
    """The library's trainer, but it tells nothing, and of several processes one alone writes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for teller in (ProgressCallback, PrinterCallback):
            self.remove_callback(teller)

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
