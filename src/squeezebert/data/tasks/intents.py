"""Intents as CLINC150 has them: one JSON file with all splits, and texts out of scope in each."""

import json
from collections.abc import Iterator
from pathlib import Path

from squeezebert.bundle import OUT_OF_SCOPE
from squeezebert.data.rows import Row, Rows, read_json
from squeezebert.errors import DataError

_SPLITS = {"train": "train", "validation": "val", "test": "test"}
_OUTSIDE = "oos"


def is_intents(path: Path) -> bool:
    """Whether a file of labelled texts ends as one of intents does."""
    return path.suffix == ".json"


def open_intents(path: Path, split: str) -> Rows:
    """Opens a split of a file such as CLINC150's ``data_full.json``, with its texts out of scope.

    The file maps "train", "val" and "test", and the same names after "oos_", to lists of
    ``[text, intent]`` (Larson et al. 2019, arXiv 1909.02027). The intent "oos" becomes
    "out_of_scope".

    Args:
        split: "train", "validation" or "test".

    Raises:
        DataError: there is no such file, it is no JSON of this shape, or it lacks the split.
    """
    parts = read_json(path)
    try:
        part = _SPLITS[split]
        pairs = [*parts[part], *parts.get(f"oos_{part}", [])]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: this is no file of intents with a part {_SPLITS.get(split, split)!r}. "
            'It should read {"train": [["text", "intent"], ...], "val": ...}.'
        ) from error
    rows = []
    for number, pair in enumerate(pairs, 1):
        if not isinstance(pair, list) or list(map(type, pair)) != [str, str]:
            raise DataError(
                f'{path}, row {number} of {part!r}: {json.dumps(pair)} is not ["text", "intent"].'
            )
        rows.append({"text": pair[0], "intent": _intent(pair[1])})

    def read() -> Iterator[tuple[int, Row]]:
        yield from enumerate(rows, 1)

    return Rows(str(path), ("text", "intent"), "row", read)


def _intent(name: str) -> str:
    return OUT_OF_SCOPE if name == _OUTSIDE else name
