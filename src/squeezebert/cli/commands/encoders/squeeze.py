"""``squeezebert squeeze``: a teacher and plain text in, a SqueezeBERT checkpoint out."""

from pathlib import Path
from typing import Annotated

import typer

from squeezebert.bundle.architecture import Mixer
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
from squeezebert.squeeze.settings import SqueezeSettings as Defaults


def squeeze(
    teacher: Annotated[
        str, typer.Argument(help="Folder or hub id of a BERT, RoBERTa or MPNet encoder.")
    ],
    text: RawText,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the student.")],
    held_out: HeldOut = None,
    tokens: Annotated[
        int | None, typer.Option(help="Budget in tokens; 0 writes the start itself.")
    ] = None,
    minutes: Minutes = None,
    mixer: Annotated[
        Mixer, typer.Option(help="Kind of the position-wise layers.")
    ] = Defaults.mixer,
    groups: Annotated[int, typer.Option(help="Groups of query, key and value.")] = Defaults.groups,
    neurons: Annotated[
        int | None, typer.Option(help="Neurons of the feed-forward.  [default: 5/8 of the width]")
    ] = None,
    kernel_size: Annotated[
        int, typer.Option(help="Taps of a separable layer.")
    ] = Defaults.kernel_size,
    student: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Earlier student to go on from: built-in name or folder.",
            callback=note_namesakes,
        ),
    ] = None,
    length: SequenceLength = Defaults.length,
    batch_size: BatchSize = Defaults.batch_size,
    learning_rate: PeakRate = Defaults.learning_rate,
    seed: Annotated[int, typer.Option(help="Seed of the order of training.")] = Defaults.seed,
    resume: Resume = False,
    clean: Clean = False,
) -> None:
    """Turn a BERT-family teacher into a SqueezeBERT of the same width and depth."""
    from functools import partial

    from squeezebert.bundle.installed import unmistakable
    from squeezebert.cli.progress import progress
    from squeezebert.cli.tables import print_table
    from squeezebert.squeeze.settings import SqueezeSettings
    from squeezebert.squeeze.squeeze import Listener
    from squeezebert.squeeze.squeeze import squeeze as run_squeeze
    from squeezebert.training.checkpoints import MARKER

    if not resume:
        say_what_is_replaced(output, MARKER)
    settings = SqueezeSettings(
        teacher=teacher,
        text=tuple(map(str, text)),
        held_out=tuple(map(str, held_out or ())),
        tokens=tokens,
        minutes=minutes,
        mixer=mixer,
        groups=groups,
        neurons=neurons,
        kernel_size=kernel_size,
        student=student,
        length=length,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
    )
    with progress() as show:
        listener = Listener(partial(show, "tokenising"), partial(show, "fitting layers"))
        result = run_squeeze(
            settings, output, resume=resume, clean=clean, listener=listener, say=typer.echo
        )

    print_table(
        ("layer", "start", "end"),
        [
            (layer, f"{before:.3f}", f"{after:.3f}")
            for layer, (before, after) in enumerate(
                zip(result.start_errors, result.errors, strict=True), start=1
            )
        ],
        title="relative error on held-out text",
        to_stderr=True,
    )
    typer.echo(f"{output}: trained on {result.tokens:,} tokens in {result.seconds / 60:.1f} min")
    typer.echo(
        f"Fine-tune it: squeezebert train --from {unmistakable(output)} --train YOUR.csv -o MODEL"
    )
