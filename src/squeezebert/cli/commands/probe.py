"""``squeezebert probe``: how much of its teacher a general checkpoint has kept, in minutes."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from squeezebert.cli.notes import note_namesakes
from squeezebert.cli.options import Clean, Resume

if TYPE_CHECKING:
    from rich.table import Table

    from squeezebert.probe.probe import ProbeReport


def probe(
    checkpoints: Annotated[
        list[str],
        typer.Argument(
            help="Built-in names, folders or hub ids of encoders that are not fine-tuned.",
            callback=note_namesakes,
        ),
    ],
    teacher: Annotated[str, typer.Option(help="The encoder from which they were squeezed.")],
    data: Annotated[
        Path,
        typer.Option(help="Folder with glue/, conll2003/ and text/wiki_2021.txt.xz."),
    ] = Path("data"),
    sst2: Annotated[Path | None, typer.Option(help="Folder of SST-2, if elsewhere.")] = None,
    mrpc: Annotated[Path | None, typer.Option(help="Folder of MRPC, if elsewhere.")] = None,
    stsb: Annotated[Path | None, typer.Option(help="Folder of STS-B, if elsewhere.")] = None,
    conll2003: Annotated[
        Path | None, typer.Option(help="Folder of CoNLL-2003, if elsewhere.")
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Text that no model has seen, if elsewhere; also .xz, .gz.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws examples, their order and heads.")] = 0,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write all figures as JSON.")
    ] = None,
    resume: Resume = False,
    clean: Clean = False,
) -> None:
    """Measure quickly how much of its teacher a general checkpoint has kept."""
    from contextlib import ExitStack
    from dataclasses import replace

    from rich.console import Console

    from squeezebert.cli.progress import progress
    from squeezebert.errors import InputError
    from squeezebert.files import replacing_file, require_file
    from squeezebert.probe.data import ProbeFiles
    from squeezebert.probe.probe import probe as run_probe
    from squeezebert.training.session import open_session

    if json_file not in (None, "-"):
        require_file(Path(json_file))
    given = {"sst2": sst2, "mrpc": mrpc, "stsb": stsb, "conll2003": conll2003, "text": text}
    elsewhere = {name: path for name, path in given.items() if path is not None}
    files = replace(ProbeFiles.under(data), **elsewhere)
    output = None if json_file in (None, "-") else Path(json_file)
    if output is None and (resume or clean):
        raise InputError(
            "The state of a run is kept beside its output; name that with --json FILE."
        )
    with ExitStack() as stack:
        session = None
        if output is not None:
            opened = open_session(output, resume=resume, clean=clean, say=_say)
            session = stack.enter_context(opened)
        with progress(one_bar=True) as show:
            show("loading", 0, 100)
            report = run_probe(
                checkpoints,
                teacher,
                files,
                seed=seed,
                advance=lambda what, part: show(what, round(100 * part), 100),
                session=session,
            )
        figures = json.dumps(report.as_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        if output is not None and session is not None and not session.finished:
            with replacing_file(output) as aside:
                aside.write_text(figures, encoding="utf-8")
            session.finish({})
    if json_file == "-":
        typer.echo(figures, nl=False)
    else:
        Console().print(_table(report))


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _table(report: "ProbeReport") -> "Table":
    """A row for each measure; for each student its score and what it kept of the teacher's."""
    from rich.table import Table

    from squeezebert.probe.probe import mean

    def part(value: float) -> str:
        return "undefined" if math.isnan(value) else f"{100 * value:.1f}"

    students = report.students
    table = Table(title="scores of 100, and the part kept of the teacher's")
    table.add_column("", no_wrap=True)
    for column in ("train / dev", "chance"):
        table.add_column(column, justify="right")
    for model in (report.teacher, *students):
        table.add_column(Path(model.model).name, justify="right")
        if model is not report.teacher:
            table.add_column("kept", justify="right")
    kept = [report.retention(student) for student in students]
    for row, measure in enumerate(report.measures):
        cells = [f"{measure.name} {measure.metric}", f"{measure.train:,} / {measure.dev:,}"]
        cells += [part(measure.chance), part(report.teacher.scores[row])]
        for student, retention in zip(students, kept, strict=True):
            cells += [part(student.scores[row]), part(retention[row])]
        table.add_row(*cells)
    table.add_section()
    blank = [""] * 3
    means = [part(mean(retention)) for retention in kept]
    above = [part(mean(report.retention_above_chance(student))) for student in students]
    for name, values in (("mean", means), ("mean, above chance", above)):
        table.add_row(name, *blank, *(cell for value in values for cell in ("", value)))
    table.add_section()
    for layer in range(max(len(student.errors or ()) for student in students)):
        errors = [
            f"{student.errors[layer]:.3f}" if student.errors and layer < len(student.errors) else ""
            for student in students
        ]
        name = f"error after layer {layer + 1}"
        table.add_row(name, *blank, *(cell for value in errors for cell in (value, "")))
    minutes = [f"{model.seconds / 60:.1f}" for model in (report.teacher, *students)]
    cut = [f"{model.truncated:,}" for model in (report.teacher, *students)]
    for name, (first, *rest) in (("texts cut", cut), ("minutes", minutes)):
        table.add_row(name, *blank[1:], first, *(cell for value in rest for cell in (value, "")))
    return table
