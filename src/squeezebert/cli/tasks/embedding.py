"""Vectors, similarities and what a search found, as text, as JSON and as csv."""

from typing import Any

from squeezebert.cli.marks import in_one_line
from squeezebert.cli.records import DIGITS, reading
from squeezebert.pipelines import Embedding, SearchResult, Similarity
from squeezebert.tokenizer import Item

_SHOWN = 4  # numbers of a vector in a line

Answer = Embedding | Similarity | SearchResult


def line(item: Item, answer: Answer) -> str:
    """A similarity or the beginning of a vector with the item, or the nearest texts below it."""
    shown = in_one_line(item)
    match answer:
        case Similarity():
            return f"{answer.score:7.4f}  {shown}"
        case SearchResult():
            found = (f"{match.score:7.4f}  {in_one_line(match.text)}" for match in answer.matches)
            return "\n".join([shown, *found])
    numbers = " ".join(f"{value:.4f}" for value in answer.vector[:_SHOWN])
    return f"[{numbers} ... {len(answer.vector)} numbers]  {shown}"


def record(answer: Answer) -> dict[str, Any]:
    """The vector, the similarity or all matches; and what the model saw."""
    found: dict[str, Any]
    match answer:
        case Similarity():
            found = {"similarity": round(answer.score, DIGITS)}
        case SearchResult():
            found = {
                "matches": [
                    {
                        "index": match.index,
                        "text": match.text,
                        "score": round(match.score, DIGITS),
                    }
                    for match in answer.matches
                ]
            }
        case Embedding():
            found = {"vector": [round(value, DIGITS) for value in answer.vector.tolist()]}
    return found | reading(answer)


def cells(answer: Answer) -> dict[str, Any]:
    """The record with a column for each number of a vector, or for each match's text and score."""
    row: dict[str, Any] = {}
    for name, value in record(answer).items():
        if name == "vector":
            row |= {f"vector_{index}": number for index, number in enumerate(value)}
        elif name == "matches":
            for rank, match in enumerate(value, 1):
                row |= {f"match_{rank}": match["text"], f"score_{rank}": match["score"]}
        else:
            row[name] = value
    return row
