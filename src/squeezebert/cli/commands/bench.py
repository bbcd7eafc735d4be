"""``squeezebert bench``: how fast, small and frugal we are, beside every peer."""

import json
from pathlib import Path
from typing import Annotated

import typer

from squeezebert.cli.notes import note_namesakes


def bench(
    model: Annotated[
        str,
        typer.Argument(
            help="shape:mini, shape:base or shape:LAYERSxHIDDEN; or a checkpoint or a bundle.",
            callback=note_namesakes,
        ),
    ] = "shape:base",
    peers: Annotated[
        str,
        typer.Option(
            help="all, none, or names with commas between: squeezebert, bert-base, minilm, "
            "distilbert, mobilebert; torch, onnxruntime, openvino."
        ),
    ] = "all",
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Measure less of everything: minutes instead of an hour."),
    ] = False,
    shape: Annotated[
        list[str] | None,
        typer.Option(help="Batch to time for all peers, such as 8x128; may be given again."),
    ] = None,
    text: Annotated[
        list[Path] | None,
        typer.Option(
            help="Texts to get through, one a line; with --quick, the first 32 of "
            "each file.  [default: texts as long as those of two known data sets]"
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of every contender.  [default: one for each core]"),
    ] = None,
    core_watts: Annotated[
        float | None,
        typer.Option(min=0, help="Rated power of a core, used where no meter can be read."),
    ] = None,
    grams_per_kwh: Annotated[
        float | None,
        typer.Option(min=0, help="CO2e of electricity.  [default: the world's average]"),
    ] = None,
    accuracy: Annotated[
        Path | None, typer.Option(help="A csv file of scores for a picture beside --output.")
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

    from squeezebert.bench.peers import choose_peers
    from squeezebert.bench.pictures import ACCURACY, LATENCY, draw, read_accuracies
    from squeezebert.bench.report import GOAL_COLUMNS, document, goal_rows
    from squeezebert.bench.run import TABLE_SHAPES, Settings, run
    from squeezebert.bench.texts import known_texts, texts_in
    from squeezebert.bench.turns.turns import QUICK, THOROUGH
    from squeezebert.bench.workload import Shape
    from squeezebert.cli.notes import note
    from squeezebert.cli.progress import progress
    from squeezebert.cli.tables import print_table
    from squeezebert.errors import InputError
    from squeezebert.files import require_file
    from squeezebert.runtime.processors import processors
    from squeezebert.training.energy import CORE_WATTS, GRAMS_PER_KWH, Prices

    effort = QUICK if quick else THOROUGH
    settings = Settings(
        model=model,
        peers=choose_peers(peers, quick),
        shapes=tuple(map(Shape.parse, shape)) if shape else (None if quick else TABLE_SHAPES),
        texts=texts_in(text, effort.texts if quick else None)
        if text
        else known_texts(effort.texts),
        threads=threads or processors(),
        effort=effort,
        prices=Prices(
            CORE_WATTS if core_watts is None else core_watts,
            GRAMS_PER_KWH if grams_per_kwh is None else grams_per_kwh,
        ),
    )
    if accuracy is not None and output is None:
        raise InputError("--accuracy is for the picture of --output, and there is none.")
    accuracies = [] if accuracy is None else read_accuracies(accuracy, settings.timed())
    outputs = [] if json_file in (None, "-") else [Path(json_file)]
    if output is not None:
        images = output.parent / "images"
        outputs += [output, images / LATENCY, images / ACCURACY]
    for file in outputs:  # now, and not after an hour
        require_file(file)
    with (
        tempfile.TemporaryDirectory(prefix="squeezebert-bench-") as folder,
        progress(one_bar=True) as listen,
    ):
        report = run(settings, Path(folder), listen)
    written = json.dumps(report, indent=1, allow_nan=False) + "\n"
    if json_file == "-":
        typer.echo(written, nl=False)
    elif json_file is not None:
        _write(written, Path(json_file))
    if output is not None:  # after the figures, so that a fault in drawing does not lose them
        pictures = draw(report, images, accuracies)
        _write(document(report, [file.relative_to(output.parent) for file in pictures]), output)
    if json_file != "-":
        print_table(GOAL_COLUMNS, goal_rows(report), left=("floor", "reached", "of"))
        for problem in report["problems"]:
            note(problem)


def _write(text: str, file: Path) -> None:
    from squeezebert.files import replacing_file

    with replacing_file(file) as aside:
        aside.write_text(text, encoding="utf-8")
