"""What is chosen where a setting is left open, by the encoder and what it learns from how much.

Measured by ``benchmarks/finetune_defaults.py``; the table is in docs/training.md.
"""

from collections.abc import Mapping
from enum import StrEnum

from squeezebert.finetune.settings import Chosen

_SMALL_WIDTH = 512  # of hidden states; an encoder up to it takes rates that break a BERT-base
_FEW_LAYERS = 6  # more of them, and narrow ones, take smaller rates: all tokens become alike
_MANY_CLASSES = 10


class Kind(StrEnum):
    """What is learnt, as far as it matters for how fast."""

    CLASSES = "a few classes"
    MANY_CLASSES = "many classes"
    PAIRS = "pairs"
    ENTITIES = "entities"
    QUESTIONS = "questions"
    EMBEDDINGS = "embeddings"


_RATES: Mapping[Kind, float] = {
    Kind.CLASSES: 2e-4,
    Kind.MANY_CLASSES: 8e-4,
    Kind.PAIRS: 2e-4,
    Kind.ENTITIES: 5e-4,
    Kind.QUESTIONS: 3e-4,
    Kind.EMBEDDINGS: 2e-4,
}
_RATE_OF_FEW_ROWS = 2  # times that of many: so few steps get nowhere otherwise
_RATE_OF_LARGE = 5e-5
_RATE_OF_DEEP = 1.5e-4
_RATE_OF_WIDE_BY_TOKEN = 5e-5  # of one as ``base``: at 1.5e-4 it hardly finds entities

# Up to so many examples: epochs and batch size.
_BY_ROWS = ((1_000, (15, 16)), (5_000, (8, 32)), (20_000, (6, 32)), (100_000, (4, 32)))
_BEYOND = (3, 64)
_MOST_EPOCHS_OF_LARGE = 5


def kind_of_classes(classes: int, *, in_pairs: bool) -> Kind:
    """What texts or pairs with so many classes are; a value counts as one class."""
    if in_pairs:
        return Kind.PAIRS
    return Kind.CLASSES if classes < _MANY_CLASSES else Kind.MANY_CLASSES


def choose(kind: Kind, rows: int, width: int, layers: int, neurons: int, longest: int) -> Chosen:
    """What is chosen.

    A wide encoder with fewer neurons than its width is a squeezed one, as ``base``, which wants
    more steps than BERT-base.

    Args:
        rows: training examples.
        width: of the encoder's hidden states.
        layers: of the encoder.
        neurons: of its feed-forward.
        longest: tokens that the encoder can read at once.
    """
    epochs, batch_size = next((chosen for most, chosen in _BY_ROWS if rows <= most), _BEYOND)
    max_length = min(longest, 384 if kind == Kind.QUESTIONS else 128)
    if width > _SMALL_WIDTH and neurons < width:
        by_token = kind in (Kind.ENTITIES, Kind.QUESTIONS)
        rate = _RATE_OF_WIDE_BY_TOKEN if by_token else _RATE_OF_DEEP
        return Chosen(epochs, rate, batch_size, max_length, freeze_embeddings=True)
    if width > _SMALL_WIDTH:
        epochs = min(epochs, _MOST_EPOCHS_OF_LARGE)
        return Chosen(epochs, _RATE_OF_LARGE, batch_size, max_length, freeze_embeddings=False)
    few = rows <= _BY_ROWS[0][0] and kind in (Kind.CLASSES, Kind.PAIRS, Kind.ENTITIES)
    rate = _RATES[kind] * (_RATE_OF_FEW_ROWS if few else 1)
    if layers > _FEW_LAYERS:
        rate = min(rate, _RATE_OF_DEEP)
    return Chosen(epochs, rate, batch_size, max_length, freeze_embeddings=True)
