"""The Hugging Face Trainer of masked words: its loss, its optimiser, when it measures."""

import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME
from transformers.utils import SAFE_WEIGHTS_NAME

from squeezebert.model.heads import IGNORED
from squeezebert.pretrain.masking import Masking
from squeezebert.pretrain.model import Guesser
from squeezebert.pretrain.settings import TextSettings
from squeezebert.squeeze.muon import Muon
from squeezebert.squeeze.trainer import WEIGHT_DECAY, Sequences, training_arguments
from squeezebert.training.processes import mean_of_all
from squeezebert.training.shared_trainer import SharedTrainer

PERPLEXITY = "eval_perplexity"

_MEASURED_AT_ONCE = 32


class Numbered(Sequences):
    """Sequences with their numbers, by which it is drawn what is hidden."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        return super().__getitem__(index) | {"number": self.indices[index]}


class MaskedTrainer(SharedTrainer):
    """The library's training loop with our losses, and perplexity on held-out text as evaluation.

    Args:
        model: Only what needs gradients learns.
        training: What it learns from.
        measured: What its perplexity is measured on.
        masking: Hides words in both.
        folder: Where checkpoints go.
        steps: How many there will be, in the end.
    """

    def __init__(
        self,
        model: Guesser,
        training: Numbered,
        measured: Numbered,
        masking: Masking,
        settings: TextSettings,
        folder: Path,
        steps: int,
    ) -> None:
        super().__init__(
            model=model,
            args=training_arguments(settings, folder, steps, len(training)),
            train_dataset=training,
            eval_dataset=measured,
        )
        self._guesser = model
        self._masking = masking
        self._measured = measured

    @torch.no_grad()
    def perplexity(self) -> float:
        """The exponential of the mean loss of the words that are hidden in the held-out text."""
        was_training = self._guesser.training
        self._guesser.train(mode=False)
        device = self._guesser.device
        total, count = 0.0, 0
        for start in range(0, len(self._measured), _MEASURED_AT_ONCE):
            stop = min(start + _MEASURED_AT_ONCE, len(self._measured))
            rows = [self._measured[index] for index in range(start, stop)]
            ids = torch.stack([row["input_ids"] for row in rows])
            batch = self._masking.batch(ids, [row["number"] for row in rows], step=0)
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            total += float(self._guesser(**batch)[0])
            count += int((batch["labels"] != IGNORED).sum())
        self._guesser.train(was_training)
        return math.exp(min(total / count, 700))

    def load_end(self, checkpoint: Path) -> None:
        """Takes the weights and the history of a checkpoint that was saved after the last step."""
        self._guesser.load_state_dict(load_file(checkpoint / SAFE_WEIGHTS_NAME), strict=False)
        self._guesser.tie_weights()
        self.state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))

    def create_optimizer(self, *_: Any, **__: Any) -> Muon:
        """Muon for all that learns."""
        self.optimizer = Muon(self._guesser, self.args.learning_rate, WEIGHT_DECAY)
        return self.optimizer

    def compute_loss(
        self, model: torch.nn.Module, inputs: dict[str, Tensor], *_: Any, **__: Any
    ) -> Tensor:
        """The mean losses of hidden words and, of pairs, of their order, together."""
        numbers = inputs["number"].tolist()
        ids = inputs["input_ids"]
        # The next step's number, so that the held-out text's is none of the training's.
        batch = self._masking.batch(ids.cpu(), numbers, self.state.global_step + 1)
        batch = {name: tensor.to(ids.device) for name, tensor in batch.items()}
        words, order = model(**batch).unbind()
        hidden = mean_of_all((batch["labels"] != IGNORED).sum().float())
        loss: Tensor = words / hidden + order / len(ids)
        return loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """The perplexity, logged."""
        metrics = {PERPLEXITY: self.perplexity()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics
