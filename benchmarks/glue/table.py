"""The scores beside those of others, as a table and as a picture."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.glue.tasks import TASKS, GlueTask
from matplotlib.figure import Figure

HEADER = (
    "| task, dev | metric | squeezebert | start | trained on | minutes | BERT-base, dev (quoted) | "
    "TinyBERT-4, test (quoted) |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def best(results: Sequence[Mapping[str, Any]], task: GlueTask) -> Mapping[str, Any] | None:
    """The best training of a task on its dev data; None if there is none."""
    of_task = [result for result in results if result["task"] == task.name]
    return max(of_task, key=lambda result: result["metrics"][task.metric], default=None)


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Markdown; the last row is the mean over the quoted tasks, if all are there."""
    return "\n".join([HEADER, *_rows(results)])


def _rows(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    scores: list[float] = []
    for task in TASKS:
        result = best(results, task)
        if result is None:
            continue
        score = 100 * result["metrics"][task.metric]
        if task.bert is not None:
            scores.append(score)
        others = [
            f"{other['start']} {100 * other['metrics'][task.metric]:.1f}"
            for other in results
            if other["task"] == task.name and other is not result
        ]
        start = result["start"] + (f" ({', '.join(others)})" if others else "")
        trained = f"{result['rows']:,} rows" + (f", {result['note']}" if result["note"] else "")
        yield (
            f"| {task.name} ({result['dev_rows']:,}) | {task.metric} | **{score:.1f}** | {start} | "
            f"{trained} | {result['minutes']} | {_shown(task.bert)} | {_shown(task.tinybert)} |"
        )
    quoted = [task for task in TASKS if task.bert is not None]
    if len(scores) == len(quoted):
        ours, bert, tinybert = (
            f"{sum(each) / len(each):.1f}"
            for each in (scores, [t.bert or 0 for t in quoted], [t.tinybert or 0 for t in quoted])
        )
        yield f"| mean of {len(quoted)} | | **{ours}** | | | | {bert} | {tinybert} |"


def _shown(score: float | None) -> str:
    return "" if score is None else f"{score:.1f}"


def draw(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Bars for each task, ours beside the quoted ones."""
    found = [(task, result) for task in TASKS if (result := best(results, task)) is not None]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    series = {
        "squeezebert": [100 * result["metrics"][task.metric] for task, result in found],
        "BERT-base, dev (quoted)": [task.bert or 0 for task, _ in found],
        "TinyBERT-4, test (quoted)": [task.tinybert or 0 for task, _ in found],
    }
    for place, (name, heights) in enumerate(series.items()):
        axes.bar([x + 0.27 * (place - 1) for x in range(len(found))], heights, 0.25, label=name)
    axes.set_xticks(range(len(found)), [f"{task.name}\n{task.metric}" for task, _ in found])
    axes.set(ylabel="points", ylim=(0, 100))
    axes.legend(fontsize="small", ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.15))
    figure.savefig(path, dpi=120)
