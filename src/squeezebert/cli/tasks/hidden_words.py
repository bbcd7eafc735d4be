"""Guessed words as text, as JSON and as csv."""

import json
from typing import Any

from squeezebert.cli.marks import in_one_line, marked
from squeezebert.cli.records import DIGITS
from squeezebert.pipelines import Guesses
from squeezebert.tokenizer import Item


def line(item: Item, answer: Guesses) -> str:
    """The text, and below it the guesses of each hidden word."""
    found = (
        "  " + ", ".join(f"{marked(guess.word)} {guess.score:.1%}" for guess in hidden.guesses)
        for hidden in answer.hidden
    )
    return "\n".join([in_one_line(item), *found])


def record(answer: Guesses) -> dict[str, Any]:
    """The hidden words with their places and guesses; and how the text was read."""
    hidden = [
        {
            "start": one.start,
            "end": one.end,
            "guesses": [
                {"word": guess.word, "score": round(guess.score, DIGITS)} for guess in one.guesses
            ],
        }
        for one in answer.hidden
    ]
    return {"hidden": hidden, "windows": answer.windows, "blank": answer.blank}


def cells(answer: Guesses) -> dict[str, Any]:
    """The record, the hidden words as JSON in one cell."""
    found = record(answer)
    return found | {"hidden": json.dumps(found["hidden"], ensure_ascii=False)}
