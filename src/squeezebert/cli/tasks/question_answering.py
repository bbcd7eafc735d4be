"""Answers as text, as JSON and as csv."""

from typing import Any, cast

from squeezebert.cli.marks import faint, in_context, one_line
from squeezebert.cli.records import DIGITS
from squeezebert.pipelines import Answer
from squeezebert.tokenizer import Item


def line(item: Item, answer: Answer) -> str:
    """The question, then the answer where it stands in the context, or that there is none."""
    question, context = cast(tuple[str, str], item)
    if answer.start is None or answer.end is None:
        return f"{one_line(question)}\n  {faint('no answer')}  {answer.score:.1%}"
    shown = in_context(context, answer.start, answer.end)
    return f"{one_line(question)}\n  {shown}  {answer.score:.1%}"


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
        "blank": answer.blank,
    }
