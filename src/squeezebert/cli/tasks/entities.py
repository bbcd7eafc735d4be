"""Named entities as text, as JSON and as csv."""

import json
from dataclasses import asdict
from typing import Any

from squeezebert.cli.records import DIGITS
from squeezebert.pipelines import Entities


def line(answer: Entities) -> str:
    """Each entity with its type and score."""
    found = (f"{found.text} [{found.type} {found.score:.1%}]" for found in answer.entities)
    return ", ".join(found) or "no entities"


def record(answer: Entities) -> dict[str, Any]:
    """The entities with all that is known of them; and how the text was read."""
    entities = [asdict(found) | {"score": round(found.score, DIGITS)} for found in answer.entities]
    return {"entities": entities, "windows": answer.windows}


def cells(answer: Entities) -> dict[str, Any]:
    """The record, the entities as JSON in one cell."""
    found = record(answer)
    return found | {"entities": json.dumps(found["entities"], ensure_ascii=False)}
