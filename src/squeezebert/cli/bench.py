"""``squeezebert bench``: how fast, small and frugal we are, beside every peer."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from squeezebert.bench.run import Listener


def bench(
    model: Annotated[
        str,
        typer.Argument(help="mini, base or LAYERSxHIDDEN; or a checkpoint, a bundle, a built-in."),
    ] = "base",
    peers: Annotated[
        str,
        typer.Option(
            help="all, none, or names with commas between: squeezebert, bert-base, minilm, "
            "distilbert, mobilebert; torch, onnxruntime, openvino."
        ),
    ] = "all",
    quick: Annotated[
        bool, typer.Option("--quick", help="Less of everything: minutes, not an hour.")
    ] = False,
    shape: Annotated[
        list[str] | None,
        typer.Option(help="Batch to time for all peers, such as 8x128; may be given again."),
    ] = None,
    text: Annotated[
        list[Path] | None,
        typer.Option(help="Texts to get through, one a line; else the lengths of known ones."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of every contender; else all cores.")
    ] = None,
    core_watts: Annotated[
        float | None, typer.Option(min=0, help="Rated power a core, where no meter can be read.")
    ] = None,
    grams_per_kwh: Annotated[
        float | None, typer.Option(min=0, help="CO2e of electricity; else the world's average.")
    ] = None,
    accuracy: Annotated[
        Path | None, typer.Option(help="csv file of scores, for the picture of --output.")
    ] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write all figures to this file; - is stdout.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write a page, and pictures in images/.")
    ] = None,
) -> None:
    """Measure latency, throughput, memory and energy beside other engines.

    Prints a table of the figures aimed at.
    """
    import tempfile

    from squeezebert.bench.energy import CORE_WATTS, GRAMS_PER_KWH, Prices
    from squeezebert.bench.machine import usable_cores
    from squeezebert.bench.peers import choose_peers
    from squeezebert.bench.pictures import draw, read_accuracies
    from squeezebert.bench.report import document, goals_table
    from squeezebert.bench.run import TABLE_SHAPES, Settings, run
    from squeezebert.bench.texts import known_lengths, lengths_in
    from squeezebert.bench.turns import QUICK, THOROUGH
    from squeezebert.bench.workload import Shape
    from squeezebert.files import replacing_file

    effort = QUICK if quick else THOROUGH
    if accuracy is not None:
        read_accuracies(accuracy)  # to hear of a mistake now
    settings = Settings(
        model=model,
        peers=choose_peers(peers, quick),
        shapes=tuple(map(Shape.parse, shape)) if shape else (None if quick else TABLE_SHAPES),
        texts={file.stem: lengths_in(file, effort.texts) for file in text}
        if text
        else known_lengths(effort.texts),
        threads=threads or usable_cores(),
        effort=effort,
        prices=Prices(
            CORE_WATTS if core_watts is None else core_watts,
            GRAMS_PER_KWH if grams_per_kwh is None else grams_per_kwh,
        ),
    )
    with tempfile.TemporaryDirectory(prefix="squeezebert-bench-") as folder, _progress() as listen:
        report = run(settings, Path(folder), listen)
    if output is not None:
        pictures = draw(report, output.parent / "images", accuracy)
        page = document(report, [picture.relative_to(output.parent) for picture in pictures])
        with replacing_file(output) as aside:
            aside.write_text(page, encoding="utf-8")
    written = json.dumps(report, indent=1, allow_nan=False) + "\n"
    if json_file == "-":
        typer.echo(written, nl=False)
        return
    if json_file is not None:
        with replacing_file(Path(json_file)) as aside:
            aside.write_text(written, encoding="utf-8")
    typer.echo(goals_table(report))
    for problem in report["problems"]:
        typer.echo(f"note: {problem}", err=True)


@contextmanager
def _progress() -> "Iterator[Listener]":
    """Shows what is measured and the time left, on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")
        yield lambda what, done, total: progress.update(
            task, description=what, completed=done, total=total
        )
