"""How to fine-tune."""

from dataclasses import dataclass

from squeezebert.errors import InputError
from squeezebert.training.checks import require_positive, require_seed


@dataclass(frozen=True)
class Settings:
    """How to fine-tune.

    Attributes:
        epochs: passes over the training data.
        learning_rate: its peak; it warms up over 6 % of the steps and falls linearly to 0.
        batch_size: examples in a step.
        max_length: tokens an example is cut to, special tokens included.
        seed: decides fresh weights, order, dropout and what is held out.
        freeze_embeddings: leaves the word embeddings as they are.
        patience: stops after so many evaluations (two an epoch) without a better dev metric.
        temperature: softens teacher and student when distilling.
        alpha: weight of the teacher in 0..1; the labels weigh 1 - alpha.
    """

    epochs: int = 3
    learning_rate: float = 5e-5
    batch_size: int = 32
    max_length: int = 128
    seed: int = 0
    freeze_embeddings: bool = False
    patience: int = 4
    temperature: float = 2.0
    alpha: float = 0.9

    def __post_init__(self) -> None:
        """Raises InputError if a value makes no sense."""
        for name in ("epochs", "batch_size", "max_length", "patience"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, and it is {getattr(self, name)}.")
        for name in ("learning_rate", "temperature"):
            require_positive(name, getattr(self, name))
        require_seed(self.seed)
        if not 0 <= self.alpha <= 1:
            raise InputError(f"alpha must be in 0..1, and it is {self.alpha}.")
