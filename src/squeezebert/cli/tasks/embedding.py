"""Vectors, similarities and what a search found, as text, as JSON and as csv."""

from collections.abc import Mapping, Sequence
from typing import Any

from squeezebert.cli.marks import in_one_line, one_line
from squeezebert.cli.records import DIGITS, beside, reading
from squeezebert.pipelines import Embedding, SearchResult, Similarity
from squeezebert.tokenizer import Item

_SHOWN = 4  # numbers of a vector in a line

Answer = Embedding | Similarity | SearchResult

Rows = Sequence[Mapping[str, Any]]
"""Of each text that is searched in, what is to be shown with it."""


def line(item: Item, answer: Answer, rows: Rows = ()) -> str:
    """A similarity or the beginning of a vector with the item, or the nearest texts below it."""
    shown = in_one_line(item)
    match answer:
        case Similarity():
            return f"{answer.score:7.4f}  {shown}"
        case SearchResult():
            lines = [shown]
            for match in answer.matches:
                lines.append(f"{match.score:7.4f}  {in_one_line(match.text)}")
                row = rows[match.index] if rows else {}
                lines += (f"{'':9}{name}: {one_line(str(row[name]))}" for name in row)
            return "\n".join(lines)
    numbers = " ".join(f"{value:.4f}" for value in answer.vector[:_SHOWN])
    return f"[{numbers} ... {len(answer.vector)} numbers]  {shown}"


def record(answer: Answer, rows: Rows = ()) -> dict[str, Any]:
    """The vector, the similarity or all matches; and what the model saw."""
    found: dict[str, Any]
    match answer:
        case Similarity():
            found = {"similarity": round(answer.score, DIGITS)}
        case SearchResult():
            found = {
                "matches": [
                    beside(
                        rows[match.index] if rows else {},
                        {
                            "index": match.index,
                            "text": match.text,
                            "score": round(match.score, DIGITS),
                        },
                    )
                    for match in answer.matches
                ]
            }
        case Embedding():
            found = {"vector": [round(value, DIGITS) for value in answer.vector.tolist()]}
    return found | reading(answer)


def cells(answer: Answer, rows: Rows = ()) -> dict[str, Any]:
    """The record with a column for each number of a vector, or what is said of each match."""
    row: dict[str, Any] = {}
    for name, value in record(answer, rows).items():
        if name == "vector":
            row |= {f"vector_{index}": number for index, number in enumerate(value)}
        elif name == "matches":
            for rank, match in enumerate(value, 1):
                answered = {"match": match.pop("text"), "score": match.pop("score")}
                del match["index"]
                row |= {f"{name}_{rank}": cell for name, cell in beside(match, answered).items()}
        else:
            row[name] = value
    return row
