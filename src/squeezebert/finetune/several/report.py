"""The overview of a training on several tasks: which there are, and how good each is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from squeezebert.data.columns import Columns
from squeezebert.errors import CheckpointError
from squeezebert.finetune.report import draw_curve
from squeezebert.finetune.run import Result
from squeezebert.finetune.tasks import TrainingTask

TASKS_FILE = "tasks.json"
"""By which the folder of several tasks is known."""


@dataclass(frozen=True)
class TrainedTask:
    """One of the tasks in a folder of several.

    Attributes:
        folder: its checkpoint.
        task: what it is for.
        dev: examples on which it was measured.
        columns: of theirs, as they were named.
    """

    folder: Path
    task: str
    dev: str
    columns: Columns


def write_overview(
    folder: Path,
    tasks: Mapping[str, TrainingTask],
    results: Mapping[str, Result],
    facts: Mapping[str, Any],
    history: Sequence[Mapping[str, float]],
) -> None:
    """Writes ``tasks.json``, ``report.json``, ``report.md`` and ``curve.png``.

    Args:
        tasks: by name.
        results: by name.
        facts: how it was made, as JSON has it.
        history: the trainer's log.
    """
    stated = {
        name: {
            "task": task.name,
            "dev": None if task.held_out is not None else _from_anywhere(task.dev.name),
            "columns": asdict(task.dev.columns),
        }
        for name, task in tasks.items()
    }
    _write_json(folder / TASKS_FILE, stated)
    scores = {name: result.evaluation.as_json()["metrics"] for name, result in results.items()}
    _write_json(folder / "report.json", {**facts, "metrics": scores, "history": list(history)})
    draw_curve(history, ["mean"], folder / "curve.png")
    lines = [
        "# One encoder for several tasks",
        "",
        "| task | kind | dev examples | metric | score | most frequent answer |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, result in results.items():
        metric = result.baseline.metric
        found = result.evaluation
        lines.append(
            f"| [{name}]({name}/report.md) | {found.task} | {found.examples:,} | {metric} | "
            f"{found.metrics[metric]:.4f} | {result.baseline.score:.4f} |"
        )
    lines += ["", "![Loss and mean of the dev metrics](curve.png)", "", "## How it was made", ""]
    lines += [f"- {name}: `{json.dumps(value)}`" for name, value in facts.items()]
    (folder / "report.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


def read_tasks(folder: Path) -> dict[str, TrainedTask]:
    """The tasks in a folder that a training on several left, by name.

    Raises:
        CheckpointError: there are none, or the list of them is damaged.
    """
    file = folder / TASKS_FILE
    try:
        stated = json.loads(file.read_text(encoding="utf-8"))
        return {
            name: TrainedTask(
                folder / name,
                str(each["task"]),
                _from_here(each["dev"] or folder / name / "held_out.jsonl"),
                Columns(**each["columns"]),
            )
            for name, each in stated.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{file} is damaged ({error}). Train again.") from error


def _from_anywhere(source: str) -> str:
    """A file's whole path, as the folder may be used from elsewhere; other names as they are."""
    path = Path(source)
    return str(path.absolute()) if path.exists() else source


def _from_here(source: str | Path) -> str:
    """A file below the working directory as a command there would call it."""
    path = Path(source)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _write_json(file: Path, value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")
