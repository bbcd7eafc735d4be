"""Answers as text, as JSON and as csv."""

from typing import Any

from squeezebert.cli.records import DIGITS
from squeezebert.pipelines import Answer


def line(answer: Answer) -> str:
    """The answer with its probability, or that there is none."""
    return f"{answer.answer if answer.answer is not None else '(no answer)'} {answer.score:.1%}"


def record(answer: Answer) -> dict[str, Any]:
    """The answer and where it is, and the next best."""
    return {
        **cells(answer),
        "candidates": [
            {
                "answer": candidate.answer,
                "score": round(candidate.score, DIGITS),
                "start": candidate.start,
                "end": candidate.end,
            }
            for candidate in answer.candidates
        ],
    }


def cells(answer: Answer) -> dict[str, Any]:
    """The answer, its probability and its place; and in how many windows the context was read."""
    return {
        "answer": answer.answer,
        "score": round(answer.score, DIGITS),
        "start": answer.start,
        "end": answer.end,
        "no_answer_margin": round(answer.no_answer_margin, DIGITS),
        "windows": answer.windows,
    }
