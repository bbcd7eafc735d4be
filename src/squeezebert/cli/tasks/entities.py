"""Named entities as text, as JSON and as csv."""

import json
from dataclasses import asdict
from typing import Any

from squeezebert.cli.marks import faint, marked, one_line
from squeezebert.cli.records import DIGITS
from squeezebert.pipelines import Entities
from squeezebert.tokenizer import Item


def line(item: Item, answer: Entities) -> str:
    """The text with each entity marked and followed by its type and score."""
    text = one_line("".join(item))
    parts, end = [], 0
    for found in answer.entities:
        parts += [text[end : found.start], marked(text[found.start : found.end], found.type)]
        parts.append(faint(f" [{found.type} {found.score:.1%}]"))
        end = found.end
    return "".join([*parts, text[end:], "" if parts else faint("  [no entities]")])


def record(answer: Entities) -> dict[str, Any]:
    """The entities with all that is known of them; and how the text was read."""
    entities = [asdict(found) | {"score": round(found.score, DIGITS)} for found in answer.entities]
    return {"entities": entities, "windows": answer.windows, "blank": answer.blank}


def cells(answer: Entities) -> dict[str, Any]:
    """The record, the entities as JSON in one cell."""
    found = record(answer)
    return found | {"entities": json.dumps(found["entities"], ensure_ascii=False)}
