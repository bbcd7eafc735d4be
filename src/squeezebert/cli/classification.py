"""Classes and values as text, as JSON and as csv."""

from typing import Any

from squeezebert.pipelines import Classification

_DIGITS = 6  # of a score; float32 has no more


def line(answer: Classification) -> str:
    """The label and its score, or the value."""
    if answer.value is not None:
        return f"{answer.value:8.3f}"
    width = max(map(len, answer.scores))
    return f"{answer.label:{width}} {answer.score:6.1%}"


def record(answer: Classification) -> dict[str, Any]:
    """The label with the scores of all, or the value; and what the model saw."""
    found: dict[str, Any] = (
        {"value": round(answer.value, _DIGITS)}
        if answer.value is not None
        else {
            "label": answer.label,
            "score": round(answer.score, _DIGITS),
            "scores": {name: round(score, _DIGITS) for name, score in answer.scores.items()},
        }
    )
    return found | {
        "tokens": answer.tokens,
        "total_tokens": answer.total_tokens,
        "truncated": answer.truncated,
    }


def cells(answer: Classification) -> dict[str, Any]:
    """The record with a column for each score."""
    row: dict[str, Any] = {}
    for name, value in record(answer).items():
        if name == "scores":
            row |= {f"score_{label}": score for label, score in value.items()}
        else:
            row[name] = value
    return row
