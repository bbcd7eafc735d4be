"""Numbers that are sent are finite."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from math import isfinite
from typing import Any

import numpy as np

from squeezebert.serve.refusals import Unusable


def check_finite(predictions: list[Any]) -> None:
    """Raises Unusable for the first prediction that holds a number that is not finite."""
    for index, prediction in enumerate(predictions):
        if not _finite(prediction):
            raise Unusable(
                f"Item {index}: the model's result is not a finite number. The text can't be "
                "answered by this model; the bundle may be damaged.",
                item=index,
            )


def field_names(value: Any) -> tuple[str, ...]:
    """The names of the fields of a dataclass's instance."""
    kind: Any = type(value)
    return _names_of(kind)


@cache
def _names_of(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _finite(value: Any) -> bool:
    match value:
        case None | bool() | int() | str():
            return True
        case float():
            return isfinite(value)
        case np.ndarray():
            return bool(np.isfinite(value).all())
        case Mapping():
            return all(map(_finite, value.values()))
        case tuple() | list():
            return all(map(_finite, value))
    if is_dataclass(value):
        return all(_finite(getattr(value, name)) for name in field_names(value))
    return bool(np.isfinite(value))
