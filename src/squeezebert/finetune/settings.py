"""How to fine-tune."""

from dataclasses import dataclass, fields

from squeezebert.errors import InputError
from squeezebert.training.checks import require_positive, require_seed


@dataclass(frozen=True)
class Settings:
    """How to fine-tune; what is None is chosen by the encoder and the data.

    Attributes:
        epochs: passes over the training data.
        learning_rate: its peak; it warms up over 6 % of the steps and falls linearly to 0.
        batch_size: examples in a step.
        max_length: tokens an example is cut to, special tokens included.
        freeze_embeddings: leaves the word embeddings as they are.
        balance_classes: gives each class the same weight in the loss, however rare it is.
        seed: decides fresh weights, order, dropout and what is held out.
        patience: stops after so many evaluations (two an epoch) without a better dev metric.
        temperature: softens teacher and student when distilling.
        alpha: weight of the teacher in 0..1; the labels weigh 1 - alpha.
        minutes: at most, of training; the learning rate falls in time for that. 0 sets no limit.

    Raises:
        InputError: a value makes no sense.
    """

    epochs: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    max_length: int | None = None
    freeze_embeddings: bool | None = None
    balance_classes: bool = False
    seed: int = 0
    patience: int = 8
    temperature: float = 2.0
    alpha: float = 0.9
    minutes: float = 0.0

    def __post_init__(self) -> None:
        """Raises InputError if a value makes no sense."""
        for name in ("epochs", "batch_size", "max_length", "patience"):
            if (count := getattr(self, name)) is not None and count < 1:
                raise InputError(f"{name} must be at least 1, and it is {count}.")
        for name in ("learning_rate", "temperature"):
            if (value := getattr(self, name)) is not None:
                require_positive(name, value)
        if not self.minutes >= 0:
            raise InputError(f"minutes must be 0 or more, and it is {self.minutes}.")
        require_seed(self.seed)
        if not 0 <= self.alpha <= 1:
            raise InputError(f"alpha must be in 0..1, and it is {self.alpha}.")

    def decided(self, chosen: "Chosen") -> "Decided":
        """These settings, with what is chosen in place of what is None."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        for field in fields(chosen):
            if given[field.name] is None:
                given[field.name] = getattr(chosen, field.name)
        return Decided(**given)


@dataclass(frozen=True)
class Chosen:
    """A value for each setting that may be left open."""

    epochs: int
    learning_rate: float
    batch_size: int
    max_length: int
    freeze_embeddings: bool


@dataclass(frozen=True)
class Decided(Settings):
    """Settings with nothing left open."""

    epochs: int
    learning_rate: float
    batch_size: int
    max_length: int
    freeze_embeddings: bool
