"""``squeezebert pretrain``: raw text of a language in, a tokenizer and an encoder out."""

from pathlib import Path
from typing import Annotated

import typer

from squeezebert.cli.options import (
    BatchSize,
    Clean,
    HeldOut,
    Minutes,
    PeakRate,
    RawText,
    Resume,
    SequenceLength,
)
from squeezebert.cli.outputs import say_what_is_replaced
from squeezebert.pretrain.settings import PretrainSettings as Defaults
from squeezebert.pretrain.settings import Spelling


def pretrain(
    text: RawText,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the result.")],
    held_out: HeldOut = None,
    tokens: Annotated[int | None, typer.Option(help="Budget in tokens.")] = None,
    minutes: Minutes = None,
    shape: Annotated[
        str,
        typer.Option(help="Shape of the encoder: mini, base, or layers and width, as in 4x256."),
    ] = Defaults.shape,
    spelling: Annotated[
        Spelling, typer.Option(help="Kind of tokenizer to train.")
    ] = Defaults.spelling,
    pieces: Annotated[
        int, typer.Option(help="At most so many pieces in the vocabulary.")
    ] = Defaults.pieces,
    length: SequenceLength = Defaults.length,
    batch_size: BatchSize = Defaults.batch_size,
    learning_rate: PeakRate = Defaults.learning_rate,
    seed: Annotated[int, typer.Option(help="Seed of all that is drawn.")] = Defaults.seed,
    resume: Resume = False,
    clean: Clean = False,
) -> None:
    """Begin an encoder for a language that no teacher knows, from raw text alone."""
    from functools import partial

    from squeezebert.bundle.installed import unmistakable
    from squeezebert.cli.progress import progress
    from squeezebert.pretrain.pretrain import pretrain as run_pretrain
    from squeezebert.training.checkpoints import MARKER

    if not resume:
        say_what_is_replaced(output, MARKER)
    settings = Defaults(
        text=tuple(map(str, text)),
        held_out=tuple(map(str, held_out or ())),
        tokens=tokens,
        minutes=minutes,
        shape=shape,
        spelling=spelling,
        pieces=pieces,
        length=length,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
    )
    with progress() as show:
        done = run_pretrain(
            settings,
            output,
            resume=resume,
            clean=clean,
            progress=partial(show, "tokenising"),
            say=typer.echo,
        )
    before, after = done.perplexities
    typer.echo(
        f"perplexity of hidden words {before:,.1f}, {after:,.1f} (held-out text, before and after)"
    )
    typer.echo(f"{output}: trained on {done.tokens:,} tokens in {done.seconds / 60:.1f} min")
    typer.echo(
        f"Fine-tune it: squeezebert train --from {unmistakable(output)} --train YOUR.csv -o MODEL"
    )
