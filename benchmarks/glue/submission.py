"""The files of a GLUE test submission: a row for each example, with its number and the answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.glue.tasks import GlueTask

from squeezebert.data.columns import cell, open_table, text_columns
from squeezebert.files import replacing_file
from squeezebert.pipelines import Pipeline
from squeezebert.tokenizer import Item

LOWEST, HIGHEST = 0.0, 5.0  # of the values of STS-B


def write_answers(task: GlueTask, test: Path, model: Pipeline, folder: Path) -> Path:
    """Answers the test examples, and writes the task's file of a submission."""
    numbers, items = zip(*_examples(test), strict=True)
    answers: list[Any] = model(items)
    path = folder / f"{task.name}.tsv"
    with replacing_file(path) as aside, aside.open("w", encoding="utf-8") as file:
        file.write("index\tprediction\n")
        for number, answer in zip(numbers, answers, strict=True):
            file.write(f"{number}\t{_written(answer)}\n")
    return path


def _examples(test: Path) -> Iterator[tuple[str, Item]]:
    rows = open_table(test)
    text, pair, _ = text_columns(rows)
    for number, row in rows:
        first = cell(rows, number, row, text)
        item = first if pair is None else (first, cell(rows, number, row, pair))
        yield cell(rows, number, row, "index"), item


def _written(answer: Any) -> str:
    if answer.value is None:
        return str(answer.label)
    return f"{min(max(answer.value, LOWEST), HIGHEST):.3f}"
