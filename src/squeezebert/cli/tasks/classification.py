"""Classes and values as text, as JSON and as csv."""

from dataclasses import replace
from typing import Any

from squeezebert.cli.marks import in_one_line, marked
from squeezebert.cli.records import DIGITS, reading
from squeezebert.pipelines import Classification
from squeezebert.tokenizer import Item


def line(item: Item, answer: Classification) -> str:
    """The label and its score, the labels with theirs, or the value; then the item."""
    return f"{_found(answer)}  {in_one_line(item)}"


def _found(answer: Classification) -> str:
    if answer.value is not None:
        return marked(f"{answer.value:8.3f}")
    if answer.labels is not None:
        given = [f"{marked(label)} {answer.scores[label]:.1%}" for label in answer.labels]
        return ", ".join(given) or f"no label ({answer.label} {answer.score:.1%})"
    width = max(map(len, answer.scores))
    return f"{marked(f'{answer.label:{width}}', answer.label)} {answer.score:6.1%}"


def line_of_best(count: int, item: Item, answer: Classification) -> str:
    """The likeliest labels with their scores; then the item."""
    best = with_best(count, answer)
    found = ", ".join(f"{marked(label)} {score:.1%}" for label, score in best.scores.items())
    refused = "" if answer.label in answer.scores else f"{marked(answer.label)}: "
    return f"{refused}{found}  {in_one_line(item)}"


def record_of_best(count: int, answer: Classification) -> dict[str, Any]:
    """The record with the scores of the likeliest labels alone, the likeliest first."""
    return record(with_best(count, answer))


def cells_of_best(count: int, answer: Classification) -> dict[str, Any]:
    """The record with a column for each rank in place of one for each label."""
    row = cells(replace(answer, scores={}))
    for rank, (label, score) in enumerate(with_best(count, answer).scores.items(), 1):
        row |= {f"label_{rank}": label, f"score_{rank}": round(score, DIGITS)}
    return row


def with_best(count: int, answer: Classification) -> Classification:
    """The answer with the scores of the likeliest labels alone."""
    ranked = sorted(answer.scores.items(), key=lambda each: each[1], reverse=True)
    return replace(answer, scores=dict(ranked[:count]))


def record(answer: Classification) -> dict[str, Any]:
    """The label or labels with the scores of all, or the value; and what the model saw."""
    scores = {name: round(score, DIGITS) for name, score in answer.scores.items()}
    found: dict[str, Any]
    if answer.value is not None:
        found = {"value": round(answer.value, DIGITS)}
    elif answer.labels is not None:
        found = {"labels": list(answer.labels), "scores": scores}
    else:
        found = {"label": answer.label, "score": round(answer.score, DIGITS), "scores": scores}
    return found | reading(answer)


def cells(answer: Classification) -> dict[str, Any]:
    """The record with a column for each score, and several labels apart by "|"."""
    row: dict[str, Any] = {}
    for name, value in record(answer).items():
        if name == "scores":
            row |= {f"score_{label}": score for label, score in value.items()}
        elif name == "labels":
            row[name] = "|".join(value)
        else:
            row[name] = value
    return row
