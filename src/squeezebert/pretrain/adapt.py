"""Continues a SqueezeBERT on a user's own raw text, without labels."""

from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import AutoConfig, set_seed
from transformers.utils import logging as transformers_logging

from squeezebert.bundle.architecture import Mixer
from squeezebert.data.corpus import Progress
from squeezebert.data.raw_text import check_text, checked_lines
from squeezebert.errors import CheckpointError, InputError
from squeezebert.files import require_replaceable
from squeezebert.model import SqueezeBertConfig, SqueezeBertSeparableConfig
from squeezebert.model.compact import find_checkpoint
from squeezebert.model.hub import require_model
from squeezebert.model.roles import require_pieces, tokenizer_of
from squeezebert.pretrain.growing import grow, grown_state, words_a_second
from squeezebert.pretrain.model import Guesser
from squeezebert.pretrain.run import (
    TOKENIZER,
    Plan,
    Say,
    TextResult,
    train_on_text,
)
from squeezebert.pretrain.settings import AdaptSettings
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.squeeze import Listener, SqueezeResult, squeeze
from squeezebert.training.checkpoints import MARKER

RECORD = "adapt.json"

_TIMED = 200  # lines of the text


def adapt(
    settings: AdaptSettings,
    output: Path,
    *,
    resume: bool = False,
    clean: bool = False,
    progress: Progress | None = None,
    say: Say = print,
) -> TextResult:
    """Trains a checkpoint on, by masked words, and keeps the head that guesses them.

    The embeddings stay as they are, so that models adapted from one checkpoint share them; with
    new words they learn.

    Args:
        settings: What decides the result.
        output: The result's folder, written whole at the end: checkpoint, tokenizer,
            ``adapt.json``, perplexity as ``curve.csv`` and ``curve.png``.
        resume: Go on with the run that was stopped, if there is one.
        clean: Remove the state of the run at its end.
        progress: Told how far the reading is.
        say: Prints a line.

    Raises:
        InputError: Settings don't fit together, words can't be added, or ``output`` holds something
            else than a checkpoint.
        CheckpointError: The checkpoint is no SqueezeBERT or can't be used.
        DataError: The text can't be used.
    """
    settings.check()
    require_replaceable(output, MARKER)
    require_model(settings.checkpoint)
    source = Path(find_checkpoint(settings.checkpoint))
    tokenizer, special = tokenizer_of(source)
    require_pieces(tokenizer, special, settings.checkpoint)
    if "mask_token" not in special:
        raise InputError(
            "The tokenizer has no piece that hides a word. Name one as mask_token in "
            "tokenizer_config.json."
        )
    check_text(settings.text, tokenizer)
    plan = Plan(
        begin=partial(_begin, settings, source, tokenizer),
        special=special,
        in_pairs=False,
        frozen=not settings.grow,
        record=RECORD,
    )
    return train_on_text(
        settings, plan, output, resume=resume, clean=clean, progress=progress, say=say
    )


def adapt_with_teacher(
    settings: AdaptSettings,
    output: Path,
    *,
    resume: bool = False,
    clean: bool = False,
    progress: Progress | None = None,
    say: Say = print,
) -> SqueezeResult:
    """Draws a checkpoint on to the teacher that it was squeezed from, on a text of its own.

    It is `squeezebert.squeeze.squeeze.squeeze` from an earlier student, in that student's shape.

    Raises:
        InputError: The checkpoint isn't the teacher's student, or as of `adapt`.
        CheckpointError: The checkpoint or the teacher can't be used.
        DataError: The text can't be used.
    """
    settings.check()
    assert settings.teacher is not None
    require_model(settings.checkpoint)
    config = _loaded(settings.checkpoint, Path(find_checkpoint(settings.checkpoint))).config
    separable = isinstance(config, SqueezeBertSeparableConfig)
    squeezing = SqueezeSettings(
        teacher=settings.teacher,
        text=settings.text,
        held_out=settings.held_out,
        tokens=settings.tokens,
        minutes=settings.minutes,
        mixer=Mixer.SEPARABLE if separable else Mixer.GROUPED,
        groups=config.q_groups,
        neurons=config.intermediate_size,
        kernel_size=config.kernel_size if separable else SqueezeSettings.kernel_size,
        student=settings.checkpoint,
        length=settings.length,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
    )
    listener = Listener(tokenising=progress)
    return squeeze(squeezing, output, resume=resume, clean=clean, listener=listener, say=say)


def _begin(
    settings: AdaptSettings, source: Path, tokenizer: Tokenizer, folder: Path, say: Say
) -> None:
    """Writes the model before its first step, with new words if there are some."""
    set_seed(settings.seed)  # a head that starts fresh is drawn
    model = _loaded(settings.checkpoint, source)
    state = model.state_dict()
    config = model.config
    if settings.grow:
        growth = grow(tokenizer, checked_lines(settings.text), settings.grow)
        earlier = tokenizer
        config.vocab_size = grown_state(state, config.vocab_size, growth.new)
        tokenizer = growth.tokenizer
        before, after = growth.pieces_a_word
        say(
            f"{len(growth.new):,} words are added: {before:.3f} pieces a word before, {after:.3f} "
            f"with them, so {1 - after / before:.0%} less to read."
        )
    grown = Guesser(config)
    grown.load_state_dict(state)
    if settings.grow:
        readers = [(model.transformer, earlier), (grown.transformer, tokenizer)]
        lines = list(islice(checked_lines(settings.text), _TIMED))
        slow, fast = words_a_second(readers, lines, settings.length)
        say(f"It reads {slow:,.0f} words a second before, {fast:,.0f} with them.")
    grown.save_pretrained(folder)
    tokenizer.save(str(folder / TOKENIZER))


def _loaded(name: str, folder: Path) -> Guesser:
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # heads that start fresh are expected
    try:
        config = AutoConfig.from_pretrained(folder)
        if not isinstance(config, SqueezeBertConfig):
            raise CheckpointError(
                f"{name} is a {config.model_type}, and a SqueezeBERT is adapted. Make one from it "
                "with `squeezebert squeeze`."
            )
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
        model: Any = Guesser.from_pretrained(folder, config=config)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{name} can't be loaded: {error}") from error
    finally:
        transformers_logging.set_verbosity(verbosity)
    loaded: Guesser = model
    return loaded
