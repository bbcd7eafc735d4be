"""Scores for people to read: Markdown with tables, pictures and what was answered wrongly."""

import math
from collections.abc import Mapping
from pathlib import Path

from squeezebert.evaluation.pictures import are_drawable, draw_scores
from squeezebert.evaluation.scores import Evaluation, KindScores

REPORT = "evaluation.md"
"""The report's file, by which a folder is known to hold nothing else that is worth keeping."""


def write_evaluation(evaluation: Evaluation, model: str, data: str, folder: Path) -> None:
    """Writes ``evaluation.md`` and its pictures into a folder.

    Args:
        model: what was scored.
        data: on what.
    """
    lines = [
        "# Evaluation",
        "",
        f"`{model}` on `{data}`: {evaluation.examples:,} examples, {evaluation.truncated:,} of "
        "them truncated.",
        "",
        *score_lines(evaluation, draw_scores(evaluation, folder)),
        *_mistake_lines(evaluation),
    ]
    (folder / REPORT).write_text("\n".join(lines), encoding="utf-8")


def score_lines(evaluation: Evaluation, pictures: Mapping[str, str]) -> list[str]:
    """Lines of Markdown: tables of the scores, and pictures by file name and title."""
    lines = [
        "| metric | value | 95 % interval |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {_value(value)} | {_interval(evaluation, name)} |"
            for name, value in evaluation.metrics.items()
        ),
        "",
    ]
    if evaluation.per_class:
        labels = [scores.label for scores in evaluation.per_class]
        if not are_drawable(labels):  # the pictures have their numbers
            labels = [f"{number}: {label}" for number, label in enumerate(labels, start=1)]
        lines += [
            "| class | precision | recall | F1 | examples |",
            "| --- | --- | --- | --- | --- |",
            *(
                f"| {label} | {scores.precision:.4f} | {scores.recall:.4f} "
                f"| {scores.f1:.4f} | {scores.support:,} |"
                for label, scores in zip(labels, evaluation.per_class, strict=True)
            ),
            "",
        ]
    if evaluation.per_kind:
        names = list(evaluation.per_kind[0].metrics)
        lines += [
            f"| kind | {' | '.join(names)} | examples |",
            f"| --- | {'--- | ' * len(names)}--- |",
            *(_kind_line(kind) for kind in evaluation.per_kind),
            "",
        ]
    for file, title in pictures.items():
        lines += [f"![{title}]({file})", ""]
    return lines


def _value(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.4f}"


def _interval(evaluation: Evaluation, metric: str) -> str:
    if metric not in evaluation.intervals:
        return ""
    low, high = evaluation.intervals[metric]
    return f"{low:.4f} to {high:.4f}"


def _kind_line(kind: KindScores) -> str:
    values = " | ".join(f"{value:.4f}" for value in kind.metrics.values())
    return f"| {kind.kind} | {values} | {kind.examples:,} |"


def _mistake_lines(evaluation: Evaluation) -> list[str]:
    if not evaluation.wrong:
        return []
    lines = [f"## Answered wrongly: {evaluation.wrong:,}", ""]
    if len(evaluation.mistakes) < evaluation.wrong:
        lines += [f"The first {len(evaluation.mistakes)}:", ""]
    for mistake in evaluation.mistakes:
        lines += [
            f"{mistake.number}: expected {_code(mistake.expected)}, predicted "
            f"{_code(mistake.predicted)}:",
            "",
            *(f"    {line}" for line in mistake.text.splitlines()),
            "",
        ]
    return lines


def _code(text: str) -> str:
    """Markdown that shows any text as it is."""
    fence = "``" if "`" in text else "`"
    return f"{fence} {text} {fence}" if text else "nothing"
