"""Trains and scores the GLUE tasks whose files are there, but MNLI and QQP, with the defaults.

    python -m benchmarks.glue DATA -o RESULTS
    python -m benchmarks.glue DATA -o RESULTS --only RTE MRPC --from my-encoder
    python -m benchmarks.glue DATA -o RESULTS --qnli qnli_derived/train.tsv.xz

DATA has a folder for each task, as GLUE has them: CoLA/train.tsv, CoLA/dev.tsv, CoLA/test.tsv. A
task that another one helps (RTE and MRPC: entailment; QNLI: questions) is trained from the built-in
bundle of that one too, and the better on dev data counts. Every training goes on where it stopped,
and what is finished is not done again. RESULTS has a checkpoint for each training, `glue.json`,
`glue.md`, `glue.png`, and in `submission` the files for GLUE's server, of tasks with test data.
What is missing of a submission is named.
"""

import argparse
import json
import random
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.glue.submission import write_answers
from benchmarks.glue.table import best, draw, table
from benchmarks.glue.tasks import SUBMITTED, TASKS, GlueTask
from benchmarks.machine import processor

from squeezebert.data.formats.unpacking import unpacked
from squeezebert.errors import InputError, SqueezeBertError
from squeezebert.files import replacing_file
from squeezebert.finetune.finetune import finetune
from squeezebert.finetune.settings import Settings
from squeezebert.training.predictor import load_predictor

START = "mini"
say = partial(print, flush=True)


def starts(task: GlueTask, start: str) -> Iterator[str]:
    """What a task is trained from, one after the other; other bundles are of `mini`'s encoder."""
    yield start
    if task.after is not None and start == START:
        yield task.after


def trained(
    task: GlueTask, train: Path, dev: Path, start: str, output: Path, note: str
) -> dict[str, Any]:
    """One training with the defaults, or what an earlier run of this program made of it."""
    say(f"\n{task.name} from {start}")
    folder = output / f"{task.name}-{Path(start).name}"
    finetune(start, task.read(train), task.read(dev), folder, Settings(), resume=True, say=say)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return {
        "task": task.name,
        "start": start,
        "folder": folder.name,
        "rows": report["train_examples"],
        "note": note,
        "dev_rows": report["evaluation"]["examples"],
        "metrics": {name: value or 0 for name, value in report["evaluation"]["metrics"].items()},
        "minutes": report["minutes"],
        "learning_rate": report["learning_rate"],
        "epochs": report["epochs"],
        "batch_size": report["batch_size"],
    }


def cut(task: GlueTask, train: Path, rows: int, output: Path) -> Path:
    """A training file with so many of its rows, drawn at random, as lines."""
    with unpacked(train) as opened:
        lines = opened.stream.read().decode("utf-8").rstrip("\n").split("\n")
    header = [] if task.columns.text is not None else [lines.pop(0)]
    if len(lines) <= rows:
        return train
    path = output / "cut" / f"{task.name}.{rows}.tsv"
    chosen = random.Random(0).sample(lines, rows)
    with replacing_file(path) as aside:
        aside.write_text("\n".join([*header, *chosen]) + "\n", encoding="utf-8")
    return path


def earlier(given: argparse.Namespace) -> list[dict[str, Any]]:
    """What earlier runs wrote of tasks that this one leaves out."""
    file = given.output / "glue.json"
    if not given.only or not file.is_file():
        return []
    found = json.loads(file.read_text(encoding="utf-8"))["results"]
    return [result for result in found if result["task"] not in given.only]


def run(given: argparse.Namespace) -> None:
    """Trains, and writes all results again after each training."""
    results = earlier(given)
    written, missing = [], [name for name in SUBMITTED if name not in (t.name for t in TASKS)]
    for task in TASKS:
        if given.only and task.name not in given.only:
            if not (given.output / "submission" / f"{task.name}.tsv").is_file():
                missing.append(task.name)
            continue
        train, dev, test = (task.file(given.data, part) for part in ("train", "dev", "test"))
        note = ""
        if train is None and task.name == "QNLI" and given.qnli is not None:
            train, note = given.qnli, "derived, not GLUE's own"
        if train is None or dev is None:
            print(f"{task.name}: no {'train' if train is None else 'dev'}.tsv in {given.data}.")
            missing.append(task.name)
            continue
        if given.rows and (part := cut(task, train, given.rows, given.output)) != train:
            train, note = part, ", ".join(filter(None, (note, "a part, drawn at random")))
        for start in starts(task, given.start):
            results.append(trained(task, train, dev, start, given.output, note))
            write(results, given.output)
        if test is None:
            missing.append(task.name)
            continue
        chosen = best(results, task)
        assert chosen is not None  # just trained
        model = load_predictor(given.output / chosen["folder"])
        written.append(write_answers(task, test, model, given.output / "submission"))
    if not results:
        raise InputError(f"{given.data} has no folder of a GLUE task with train.tsv and dev.tsv.")
    print("", table(results), "", sep="\n")
    if written:
        print("For the test server:", *written, sep="\n  ")
    print(f"Missing for a whole submission: {', '.join(f'{name}.tsv' for name in missing)}")


def write(results: list[dict[str, Any]], output: Path) -> None:
    """Writes the results as JSON, as a table and as a picture."""
    about = {"benchmark": "glue", "machine": processor(), "results": results}
    with replacing_file(output / "glue.json") as aside:
        aside.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    with replacing_file(output / "glue.md") as aside:
        aside.write_text(table(results) + "\n", encoding="utf-8")
    draw(results, output / "glue.png")


def main(arguments: list[str] | None = None) -> int:
    """Runs it; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.glue",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("data", type=Path, help="folder with a folder for each task")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--from", dest="start", default=START, help="encoder to start from")
    parser.add_argument("--only", nargs="+", choices=[task.name for task in TASKS])
    parser.add_argument("--rows", type=int, help="train on so many rows of each task at most")
    parser.add_argument("--qnli", type=Path, help="training file of QNLI, where GLUE's isn't there")
    try:
        run(parser.parse_args(arguments))
    except SqueezeBertError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
