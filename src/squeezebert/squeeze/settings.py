"""What decides the result of a squeeze."""

from dataclasses import dataclass

from squeezebert.bundle.architecture import Mixer
from squeezebert.errors import InputError
from squeezebert.training.checks import require_positive, require_seed


@dataclass(frozen=True)
class SqueezeSettings:
    """Everything that decides the result, as kept beside it in ``squeeze.json``."""

    teacher: str
    text: tuple[str, ...]
    held_out: tuple[str, ...] = ()
    """Text to measure the error on; without it, the end of ``text`` is kept from training."""
    tokens: int | None = None
    minutes: float | None = None
    """The budget, as tokens to train on or as time; one of the two. 0 tokens: only the start."""
    mixer: Mixer = Mixer.GROUPED
    groups: int = 2
    """Of query, key and value."""
    neurons: int | None = None
    """Of the feed-forward, dense; without it 5/8 of the width. With two groups, a layer then has as
    many weights as SqueezeBERT's own, with four groups and the teacher's neurons."""
    kernel_size: int = 3
    student: str | None = None
    """An earlier student, squeezed from the same teacher, to go on from."""
    length: int = 128
    batch_size: int = 16
    learning_rate: float = 3e-3
    seed: int = 0

    def check(self) -> None:
        """Raises InputError on settings that make no sense together."""
        if (self.tokens is None) == (self.minutes is None):
            raise InputError("Give the budget as tokens or as minutes, one of the two.")
        if self.tokens is not None and self.tokens < 0:
            raise InputError(f"tokens can't be negative, and they are {self.tokens}.")
        if self.minutes is not None:
            require_positive("minutes", self.minutes)
        require_positive("learning_rate", self.learning_rate)
        require_seed(self.seed)
        if self.length < 8 or self.batch_size < 1:
            raise InputError("Sequences need at least 8 tokens, a batch at least 1 sequence.")
