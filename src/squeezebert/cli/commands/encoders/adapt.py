"""``squeezebert adapt``: an encoder and raw text of a field in, one that knows the field out."""

from pathlib import Path
from typing import Annotated

import typer

from squeezebert.cli.notes import note_namesakes
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
from squeezebert.pretrain.settings import AdaptSettings as Defaults


def adapt(
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="SqueezeBERT to train on: folder, or the name of a built-in one.",
            callback=note_namesakes,
        ),
    ],
    text: RawText,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the result.")],
    held_out: HeldOut = None,
    tokens: Annotated[int | None, typer.Option(help="Budget in tokens.")] = None,
    minutes: Minutes = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            help="Teacher that the encoder was squeezed from. Without it, the encoder "
            "learns by guessing masked words."
        ),
    ] = None,
    grow: Annotated[
        int,
        typer.Option(
            help="At most so many words to add that the tokenizer breaks into many pieces."
        ),
    ] = Defaults.grow,
    length: SequenceLength = Defaults.length,
    batch_size: BatchSize = Defaults.batch_size,
    learning_rate: PeakRate = Defaults.learning_rate,
    seed: Annotated[int, typer.Option(help="Seed of all that is drawn.")] = Defaults.seed,
    resume: Resume = False,
    clean: Clean = False,
) -> None:
    """Train an encoder on with raw text of a field or a dialect, without labels."""
    from functools import partial

    from squeezebert.bundle.installed import unmistakable
    from squeezebert.cli.progress import progress
    from squeezebert.pretrain.adapt import adapt as run_adapt
    from squeezebert.pretrain.adapt import adapt_with_teacher
    from squeezebert.training.checkpoints import MARKER

    if not resume:
        say_what_is_replaced(output, MARKER)
    settings = Defaults(
        checkpoint=checkpoint,
        text=tuple(map(str, text)),
        held_out=tuple(map(str, held_out or ())),
        tokens=tokens,
        minutes=minutes,
        teacher=teacher,
        grow=grow,
        length=length,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
    )
    with progress() as show:
        tokenising = partial(show, "tokenising")
        if teacher is not None:
            drawn = adapt_with_teacher(
                settings, output, resume=resume, clean=clean, progress=tokenising, say=typer.echo
            )
            tokens_seen, seconds = drawn.tokens, drawn.seconds
            change = f"error of the last layer {drawn.start_errors[-1]:.3f}, {drawn.errors[-1]:.3f}"
        else:
            done = run_adapt(
                settings, output, resume=resume, clean=clean, progress=tokenising, say=typer.echo
            )
            tokens_seen, seconds = done.tokens, done.seconds
            before, after = done.perplexities
            change = f"perplexity of hidden words {before:,.1f}, {after:,.1f}"
    typer.echo(f"{change} (held-out text, before and after)")
    typer.echo(f"{output}: trained on {tokens_seen:,} tokens in {seconds / 60:.1f} min")
    typer.echo(
        f"Fine-tune it: squeezebert train --from {unmistakable(output)} --train YOUR.csv -o MODEL"
    )
