"""The report of a fine-tuning: numbers as JSON, the same for people, and two pictures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from squeezebert.evaluation import Evaluation
from squeezebert.evaluation.known import Sketch
from squeezebert.evaluation.pictures import draw_scores
from squeezebert.evaluation.report import score_lines
from squeezebert.evaluation.scores import LOWER_IS_BETTER


def write_report(
    folder: Path,
    evaluation: Evaluation,
    history: Sequence[Mapping[str, float]],
    facts: Mapping[str, Any],
    learnt: Sketch,
) -> None:
    """Writes ``report.json``, ``report.md`` and ``curve.png``, and the pictures of `draw_scores`.

    Args:
        history: the trainer's log: entries with ``step`` and either ``loss`` or ``eval_...``.
        facts: what was trained on what and how; ends up in the JSON as it is.
        learnt: by which the training's texts are recognised later.
    """
    report = {
        **facts,
        **learnt.as_json(),
        "evaluation": evaluation.as_json(),
        "history": list(history),
    }
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    metrics = [name for name in evaluation.metrics if name not in LOWER_IS_BETTER]
    draw_curve(history, metrics, folder / "curve.png")
    lines = [
        "# Fine-tuning report",
        "",
        f"{evaluation.examples:,} dev examples, {evaluation.truncated:,} of them truncated.",
        "",
        *score_lines(evaluation, draw_scores(evaluation, folder)),
        "![Loss and dev metric](curve.png)",
        "",
        "## How it was made",
        "",
    ]
    for name, value in facts.items():
        shown = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
        lines.append(f"- {name}: `{shown}`")
    (folder / "report.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


def draw_curve(history: Sequence[Mapping[str, float]], metrics: Sequence[str], path: Path) -> None:
    """Draws the loss and the dev metrics over the steps.

    Args:
        history: as of `write_report`.
        metrics: names of those to draw.
        path: of the picture.
    """
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
