"""What an adaptation and a pre-training have in common: text in, a trained model out."""

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoConfig, PreTrainedTokenizerFast, set_seed

from squeezebert.data.corpus import Progress, tokenise_corpus
from squeezebert.errors import InputError
from squeezebert.files import replacing_folder
from squeezebert.pretrain.curve import write_curve
from squeezebert.pretrain.masking import Masking
from squeezebert.pretrain.model import Guesser
from squeezebert.pretrain.settings import TextSettings
from squeezebert.pretrain.trainer import MaskedTrainer, Numbered
from squeezebert.squeeze.budget import steps_of
from squeezebert.squeeze.squeeze import spread
from squeezebert.training.checkpoints import MARKER, is_whole, seal
from squeezebert.training.predictor import without_progress_bars
from squeezebert.training.processes import leader_first, leads
from squeezebert.training.resuming import train_on
from squeezebert.training.session import Session, open_session

CORPORA = ("text", "held-out")
"""Names of the shards in a run's state, which know what they were made from."""

TOKENIZER = "tokenizer.json"

Say = Callable[[str], None]
"""Prints a line."""

_MEASURED = 128  # sequences


@dataclass(frozen=True)
class TextResult:
    """What a training on raw text came to.

    Attributes:
        tokens: Trained on.
        seconds: Of training, in all sessions.
        perplexities: Of hidden words in held-out text, before and after.
    """

    output: Path
    tokens: int
    seconds: float
    perplexities: tuple[float, float]


@dataclass(frozen=True)
class Plan:
    """What sets one training on raw text apart from another.

    Attributes:
        begin: Writes the model before its first step, a Hugging Face folder with its tokenizer, and
            says what it did.
        special: The tokenizer's special pieces by their role, ``mask_token`` among them.
        in_pairs: Whether the order of segments is learnt too.
        frozen: Whether the embeddings stay as they are.
        record: Name of the file that says how the result came about.
    """

    begin: Callable[[Path, Say], None]
    special: dict[str, str]
    in_pairs: bool
    frozen: bool
    record: str


def train_on_text(
    settings: TextSettings,
    plan: Plan,
    output: Path,
    *,
    resume: bool,
    clean: bool,
    progress: Progress | None,
    say: Say,
) -> TextResult:
    """Begins, trains, and writes the result, each unless an earlier session has done it.

    Args:
        settings: What decides the result.
        plan: What is trained.
        output: The result's folder, written whole at the end.
        resume: Go on with the run that was stopped, if there is one.
        clean: Remove the state of the run at its end.
        progress: Told how far the reading is.
        say: Prints a line.

    Raises:
        InputError: The text is too short, or the stopped run was another one.
        DataError: The text can't be read.
        CheckpointError: The state of the run is damaged.
    """
    with (
        without_progress_bars(),
        open_session(output, resume=resume, clean=clean, say=say, shared=True) as session,
    ):
        session.claim(asdict(settings), CORPORA)
        if session.finished:
            session.say(f"{output} is finished; nothing is left to do.")
            return TextResult(output, **session.result)
        start = session.folder / "start"
        with leader_first():
            if not is_whole(start):
                shutil.rmtree(start, ignore_errors=True)  # a damaged one
                with replacing_folder(start, MARKER) as aside:
                    plan.begin(aside, session.say)
                    seal(aside)
                session.keep()
        result = _trained(settings, plan, start, session, progress)
        session.finish({key: value for key, value in asdict(result).items() if key != "output"})
    return result


def _trained(
    settings: TextSettings,
    plan: Plan,
    start: Path,
    session: Session,
    progress: Progress | None,
) -> TextResult:
    set_seed(settings.seed)
    tokenizer = Tokenizer.from_file(str(start / TOKENIZER))
    mask = plan.special["mask_token"]
    masking = Masking(tokenizer, mask, settings.seed, in_pairs=plan.in_pairs)
    training, measured = _sequences(settings, tokenizer, masking, session, progress)
    # With its configuration: the library would warn of any mixer but one.
    model = Guesser.from_pretrained(start, config=AutoConfig.from_pretrained(start))
    model.transformer.embeddings.requires_grad_(not plan.frozen)

    def trainer_of(model: Guesser, folder: Path, steps: int) -> MaskedTrainer:
        return MaskedTrainer(model, training, measured, masking, settings, folder, steps)

    steps = steps_of(settings, session, lambda *rest: trainer_of(copy.deepcopy(model), *rest))
    trainer = trainer_of(model, session.checkpoints, steps)
    before = trainer.perplexity()
    seconds = train_on(trainer, session, steps)
    result = TextResult(
        output=session.output,
        tokens=steps * settings.batch_size * settings.length,
        seconds=seconds,
        perplexities=(before, trainer.perplexity()),
    )
    if leads():
        _write(result, settings, plan, tokenizer, model, trainer.state.log_history)
    return result


def _sequences(
    settings: TextSettings,
    tokenizer: Tokenizer,
    masking: Masking,
    session: Session,
    progress: Progress | None,
) -> tuple[Numbered, Numbered]:
    """What is learnt from, and what perplexity is measured on."""

    def corpus(name: str, files: tuple[str, ...]) -> Numbered:
        with leader_first():
            made = tokenise_corpus(
                [Path(file) for file in files],
                tokenizer,
                settings.length - masking.extra,
                session.folder / name,
                progress,
            )
        for note in made.notes:
            session.say(note)
        return Numbered(made, range(len(made)))

    text = corpus(CORPORA[0], settings.text)
    if settings.held_out:
        held_out = corpus(CORPORA[1], settings.held_out)
        return text, Numbered(held_out.corpus, spread(len(held_out), _MEASURED))
    kept = min(_MEASURED, max(1, len(text) // 20))
    if len(text) <= kept:
        raise InputError("The text fills one sequence only; give more of it.")
    border = len(text) - kept
    return Numbered(text.corpus, range(border)), Numbered(text.corpus, range(border, len(text)))


def _write(
    result: TextResult,
    settings: TextSettings,
    plan: Plan,
    tokenizer: Tokenizer,
    model: Guesser,
    history: list[dict[str, float]],
) -> None:
    record = {
        "settings": asdict(settings),
        "trained_tokens": result.tokens,
        "seconds": round(result.seconds, 1),
        "held_out_perplexity": dict(zip(("start", "end"), result.perplexities, strict=True)),
    }
    with replacing_folder(result.output, MARKER) as folder:
        model.requires_grad_(True).finished().save_pretrained(folder)
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            model_max_length=model.config.max_position_embeddings,
            **plan.special,
        ).save_pretrained(folder)
        (folder / plan.record).write_text(json.dumps(record, indent=2) + "\n")
        write_curve(history, folder, settings.batch_size * settings.length)
