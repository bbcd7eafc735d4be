"""The report of a fine-tuning: numbers as JSON, the same for people, and two pictures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from squeezebert.evaluation import Evaluation
from squeezebert.evaluation.pictures import draw_reliability
from squeezebert.evaluation.scores import LOWER_IS_BETTER

_CELLS_WITH_NUMBERS = 20  # a confusion matrix of more classes is shown by colour alone


def write_report(
    folder: Path,
    evaluation: Evaluation,
    history: Sequence[Mapping[str, float]],
    facts: Mapping[str, Any],
    next_step: str,
) -> None:
    """Writes ``report.json``, ``report.md`` and ``curve.png``, and a picture of what there is.

    ``confusion.png`` is of classes, ``f1.png`` of entities, ``kinds.png`` of kinds of question.

    Args:
        history: the trainer's log: entries with ``step`` and either ``loss`` or ``eval_...``.
        facts: what was trained on what and how; ends up in the JSON as it is.
        next_step: the command to go on with.
    """
    report = {
        **facts,
        "evaluation": evaluation.as_json(),
        "history": list(history),
    }
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    metrics = [name for name in evaluation.metrics if name not in LOWER_IS_BETTER]
    _draw_curve(history, metrics, folder / "curve.png")
    if evaluation.confusion:
        _draw_confusion(evaluation, folder / "confusion.png")
    elif evaluation.per_class:
        _draw_f1(evaluation, folder / "f1.png")
    if evaluation.reliability:
        draw_reliability(evaluation.reliability, folder / "reliability.png")
    if evaluation.per_kind:
        _draw_kinds(evaluation, folder / "kinds.png")
    (folder / "report.md").write_text(_markdown(evaluation, facts, next_step), encoding="utf-8")


def _markdown(evaluation: Evaluation, facts: Mapping[str, Any], next_step: str) -> str:
    lines = [
        "# Fine-tuning report",
        "",
        f"{evaluation.examples:,} dev examples, {evaluation.truncated:,} of them truncated.",
        "",
        "| metric | value | 95 % interval |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {value:.4f} | {_interval(evaluation, name)} |"
            for name, value in evaluation.metrics.items()
        ),
        "",
    ]
    if evaluation.per_class:
        lines += [
            "| class | precision | recall | F1 | examples |",
            "| --- | --- | --- | --- | --- |",
            *(
                f"| {scores.label} | {scores.precision:.4f} | {scores.recall:.4f} "
                f"| {scores.f1:.4f} | {scores.support:,} |"
                for scores in evaluation.per_class
            ),
            "",
        ]
    if evaluation.confusion:
        lines += ["![Confusion matrix](confusion.png)", ""]
    elif evaluation.per_class:
        lines += ["![F1 of each class](f1.png)", ""]
    if evaluation.reliability:
        lines += ["![Reliability](reliability.png)", ""]
    if evaluation.per_kind:
        names = list(evaluation.per_kind[0].metrics)
        lines += [
            f"| kind | {' | '.join(names)} | examples |",
            f"| --- | {'--- | ' * len(names)}--- |",
            *(
                f"| {kind.kind} | {' | '.join(f'{kind.metrics[name]:.4f}' for name in names)} "
                f"| {kind.examples:,} |"
                for kind in evaluation.per_kind
            ),
            "",
            "![Scores by kind](kinds.png)",
            "",
        ]
    lines += ["![Loss and dev metric](curve.png)", "", "## How it was made", ""]
    for name, value in facts.items():
        shown = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
        lines.append(f"- {name}: `{shown}`")
    return "\n".join([*lines, "", "## What next", "", "```", next_step, "```", ""])


def _interval(evaluation: Evaluation, metric: str) -> str:
    if metric not in evaluation.intervals:
        return ""
    low, high = evaluation.intervals[metric]
    return f"{low:.4f} to {high:.4f}"


def _draw_curve(history: Sequence[Mapping[str, float]], metrics: Sequence[str], path: Path) -> None:
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss_axes, metric_axes = figure.subplots(1, 2)
    for axes, names in (
        (loss_axes, ["loss"]),
        (metric_axes, [f"eval_{name}" for name in metrics]),
    ):
        for name in names:
            points = [(entry["step"], entry[name]) for entry in history if name in entry]
            if points:
                label = name.replace("eval_", "dev ")
                axes.plot(*zip(*points, strict=True), marker=".", label=label)
        axes.set(xlabel="step")
        if axes.lines:
            axes.legend(fontsize="small")
    loss_axes.set(ylabel="loss")
    metric_axes.set(ylabel="dev metric")
    figure.savefig(path, dpi=120)


def _draw_f1(evaluation: Evaluation, path: Path) -> None:
    figure = Figure(figsize=(6, 1 + 0.4 * len(evaluation.per_class)), layout="constrained")
    axes = figure.subplots()
    names = [f"{scores.label} ({scores.support:,})" for scores in evaluation.per_class]
    bars = axes.barh(names, [scores.f1 for scores in evaluation.per_class])
    axes.bar_label(bars, fmt="%.3f", padding=2)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.1), xlabel="F1")
    figure.savefig(path, dpi=120)


def _draw_kinds(evaluation: Evaluation, path: Path) -> None:
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    names = [f"{kind.kind}\n{kind.examples:,}" for kind in evaluation.per_kind]
    metrics = list(evaluation.per_kind[0].metrics)
    width = 0.8 / len(metrics)
    for position, metric in enumerate(metrics):
        values = [kind.metrics[metric] for kind in evaluation.per_kind]
        axes.bar(
            [place + position * width for place in range(len(names))], values, width, label=metric
        )
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(names))], names)
    axes.set(ylim=(0, 1), xlabel="kind and its examples")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


def _draw_confusion(evaluation: Evaluation, path: Path) -> None:
    classes = len(evaluation.labels)
    size = min(12.0, 3.5 + 0.45 * classes)
    figure = Figure(figsize=(size + 0.8, size), layout="constrained")
    axes = figure.subplots()
    parts = [[count / (sum(row) or 1) for count in row] for row in evaluation.confusion]
    image = axes.imshow(parts, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="part of the true class")
    axes.set(xlabel="predicted", ylabel="true")
    if classes <= _CELLS_WITH_NUMBERS:
        axes.set_xticks(range(classes), evaluation.labels, rotation=45, ha="right")
        axes.set_yticks(range(classes), evaluation.labels)
        for row, counts in enumerate(evaluation.confusion):
            for column, count in enumerate(counts):
                color = "white" if parts[row][column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=color)
    figure.savefig(path, dpi=120)
