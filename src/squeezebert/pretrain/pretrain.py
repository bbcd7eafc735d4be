"""Begins a SqueezeBERT from raw text alone, for a language that no teacher knows."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from transformers import set_seed

from squeezebert.bundle.costs import costs, shape_named, total
from squeezebert.data.corpus import Progress
from squeezebert.data.raw_text import checked_lines
from squeezebert.data.reservoir import Reservoir
from squeezebert.files import require_replaceable
from squeezebert.model.from_bundle import config_of
from squeezebert.pretrain.model import Guesser
from squeezebert.pretrain.run import (
    TOKENIZER,
    Plan,
    Say,
    TextResult,
    train_on_text,
)
from squeezebert.pretrain.settings import PretrainSettings
from squeezebert.pretrain.spelling import SPECIAL, trained_tokenizer
from squeezebert.training.checkpoints import MARKER
from squeezebert.training.memory import require_memory

RECORD = "pretrain.json"

_LINES = 50_000  # that the tokenizer is trained on, drawn from all


def pretrain(
    settings: PretrainSettings,
    output: Path,
    *,
    resume: bool = False,
    clean: bool = False,
    progress: Progress | None = None,
    say: Say = print,
) -> TextResult:
    """Trains a tokenizer and an encoder: masked words, and the order of two segments.

    Args:
        settings: What decides the result.
        output: The result's folder, written whole at the end: checkpoint with the head that guesses
            words, tokenizer, ``pretrain.json``, perplexity as ``curve.csv`` and ``curve.png``.
        resume: Go on with the run that was stopped, if there is one.
        clean: Remove the state of the run at its end.
        progress: Told how far the reading is.
        say: Prints a line.

    Raises:
        InputError: Settings don't fit together, or ``output`` holds something else than a
            checkpoint.
        DataError: The text can't be used.
        CheckpointError: The state of the run is damaged.
    """
    settings.check()
    require_replaceable(output, MARKER)
    _require_possible(settings)
    plan = Plan(
        begin=partial(_begin, settings),
        special=dict(SPECIAL),
        in_pairs=True,
        frozen=False,
        record=RECORD,
    )
    return train_on_text(
        settings, plan, output, resume=resume, clean=clean, progress=progress, say=say
    )


def _require_possible(settings: PretrainSettings) -> None:
    """Raises InputError for a shape that can't be, or can't be trained here."""
    shape = shape_named(settings.shape)
    words = shape.vocab_size * shape.hidden_size  # the text may hold fewer
    require_memory(total(costs(shape, settings.length)).parameters - words)


def _begin(settings: PretrainSettings, folder: Path, say: Say) -> None:
    """Writes the tokenizer, and the model with random weights."""
    tokenizer = trained_tokenizer(_sample(settings), settings.spelling, settings.pieces)
    say(f"A {settings.spelling} tokenizer of {tokenizer.get_vocab_size():,} pieces is trained.")
    set_seed(settings.seed)
    pad = tokenizer.get_vocab()[SPECIAL["pad_token"]]
    config = config_of(shape_named(settings.shape), pad)
    config.vocab_size = tokenizer.get_vocab_size()
    config.max_position_embeddings = max(config.max_position_embeddings, settings.length)
    Guesser(config).save_pretrained(folder)
    tokenizer.save(str(folder / TOKENIZER))


def _sample(settings: PretrainSettings) -> Iterator[str]:
    """Some lines of the text, any as likely as another."""
    reservoir = Reservoir(_LINES, settings.seed)
    kept: list[str] = []
    for line in checked_lines(settings.text):
        place = reservoir.place()
        if place == len(kept):
            kept.append(line)
        elif place is not None:
            kept[place] = line
    return iter(kept)
