"""JSON files of labelled texts: lists of objects, or intents with all splits as CLINC150 has them.

Larson et al. 2019, arXiv 1909.02027. Each split of intents has texts out of scope beside it.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from squeezebert.bundle import OUT_OF_SCOPE
from squeezebert.data.columns import TEXT_NAMES
from squeezebert.data.formats import file_kind
from squeezebert.data.formats.decoding import Text
from squeezebert.data.formats.records import listed_rows, read_json
from squeezebert.data.rows import Row, Rows
from squeezebert.errors import DataError

_SPLITS = {"train": "train", "validation": "val", "test": "test"}
_OUTSIDE = "oos"


def is_json(path: Path) -> bool:
    """Whether a file is named as JSON is, packed or not."""
    return file_kind(path) == ".json"


def has_splits(path: Path) -> bool:
    """Whether a JSON file holds several splits.

    Raises:
        DataError: it is no JSON.
    """
    return _has_splits(read_json(Text.of_file(path)))


def open_json(path: Path, split: str) -> Rows:
    """Opens a list of objects, or a split of a file such as CLINC150's ``data_full.json``.

    The latter maps "train", "val" and "test" to lists of ``[text, intent]`` or of objects; texts
    out of scope are under the same names after "oos_". The intent "oos" becomes "out_of_scope".

    Args:
        split: "train", "validation" or "test"; of a list there is only one.

    Raises:
        DataError: there is no such file, it is no JSON of such a shape, or it lacks the split.
    """
    text = Text.of_file(path)
    value = read_json(text)
    if not _has_splits(value):
        return listed_rows(text, value)
    part = _SPLITS.get(split, split)
    pairs, outside = value.get(part), value.get(f"oos_{part}", [])
    if not isinstance(pairs, list) or not isinstance(outside, list):
        raise DataError(
            f"{path}: this is no file of intents with a part {part!r}. "
            'It should read {"train": [["text", "intent"], ...], "val": ...}.'
        )
    found = [*pairs, *outside]
    if found and isinstance(found[0], dict):
        return listed_rows(text, list(map(_renamed, found)))
    rows: list[Row] = []
    for number, pair in enumerate(found, 1):
        if not isinstance(pair, list) or list(map(type, pair)) != [str, str]:
            raise DataError(
                f'{path}, row {number} of {part!r}: {json.dumps(pair)} is not ["text", "intent"].'
            )
        rows.append({"text": pair[0], "intent": _intent(pair[1])})

    def read() -> Iterator[tuple[int, Row]]:
        yield from enumerate(rows, 1)

    return Rows(str(path), ("text", "intent"), "row", read, lambda: text.notes)


def _has_splits(value: Any) -> bool:
    return isinstance(value, Mapping) and not value.keys().isdisjoint(_SPLITS.values())


def _renamed(row: Any) -> Any:
    """An object with its intent as `_intent` names it, whichever key it has but that of a text."""
    if not isinstance(row, dict):
        return row
    return {
        key: value if key.lower() in TEXT_NAMES else _intent(value) for key, value in row.items()
    }


def _intent(name: object) -> object:
    return OUT_OF_SCOPE if name == _OUTSIDE else name
