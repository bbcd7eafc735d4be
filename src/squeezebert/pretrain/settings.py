"""What decides the result of an adaptation, and of a pre-training."""

from dataclasses import dataclass
from enum import StrEnum

from squeezebert.errors import InputError
from squeezebert.training.checks import require_positive, require_seed


class Spelling(StrEnum):
    """The kinds of tokenizer that can be trained."""

    UNIGRAM = "unigram"
    WORDPIECE = "wordpiece"


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """What both have in common."""

    text: tuple[str, ...]
    held_out: tuple[str, ...] = ()
    """Text to measure perplexity on; without it, the end of ``text`` is kept from training."""
    tokens: int | None = None
    minutes: float | None = None
    """The budget, as tokens to train on or as time; one of the two."""
    length: int = 128
    batch_size: int = 16
    learning_rate: float = 2e-3
    seed: int = 0

    def check(self) -> None:
        """Raises InputError on settings that make no sense together."""
        if (self.tokens is None) == (self.minutes is None):
            raise InputError("Give the budget as tokens or as minutes, one of the two.")
        if self.tokens is not None and self.tokens < self.batch_size * self.length:
            raise InputError(
                f"{self.tokens} tokens are less than a step, which takes "
                f"{self.batch_size * self.length}."
            )
        if self.minutes is not None:
            require_positive("minutes", self.minutes)
        require_positive("learning_rate", self.learning_rate)
        require_seed(self.seed)
        if self.length < 16 or self.batch_size < 1:
            raise InputError("Sequences need at least 16 tokens, a batch at least 1 sequence.")


@dataclass(frozen=True, kw_only=True)
class AdaptSettings(TextSettings):
    """Of an adaptation, as kept beside its result in ``adapt.json``."""

    checkpoint: str
    teacher: str | None = None
    """An encoder to be drawn to; without one, hidden words are guessed."""
    grow: int = 0
    """Words to add to the vocabulary, at most."""
    learning_rate: float = 5e-4

    def check(self) -> None:
        """Raises InputError on settings that make no sense together."""
        super().check()
        if self.teacher is not None and self.grow:
            raise InputError("A teacher can't read new words. Grow the vocabulary without one.")
        if self.grow < 0:
            raise InputError(f"grow is {self.grow}; it is how many words to add.")


@dataclass(frozen=True, kw_only=True)
class PretrainSettings(TextSettings):
    """Of a pre-training, as kept beside its result in ``pretrain.json``."""

    shape: str = "mini"
    spelling: Spelling = Spelling.UNIGRAM
    pieces: int = 16_000
    """Of the vocabulary, at most."""

    def check(self) -> None:
        """Raises InputError on settings that make no sense together."""
        super().check()
        if self.pieces < 100:
            raise InputError(f"{self.pieces} pieces can spell no language; give at least 100.")
