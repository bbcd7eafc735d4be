"""How a body is read, and what a client is told that can't be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema

from squeezebert.serve.refusals import BadRequest, Unusable

_WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is no field of this request",
    "string_type": "must be a text",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "bool_type": "must be true or false",
}

_ITEMS = ("items", "input", "inputs")  # fields that hold the items of a request


@dataclass(frozen=True)
class OneOf:
    """Marks a union of types: what is none of them is told in these words, once for all of them."""

    words: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """The schema of the union, with one error of its own."""
        schema = handler(source)
        assert schema["type"] == "union"
        return {
            **schema,
            "custom_error_type": "one_of",
            "custom_error_message": f"must be {self.words}",
        }


def parsed(adapter: TypeAdapter[Any], body: bytes, name: str = "The body") -> Any:
    """What a body says.

    Args:
        name: the body's in messages.

    Raises:
        BadRequest: it is no JSON.
        Unusable: it is not what was asked for.
    """
    if not body.strip():
        raise BadRequest(f"{name} is empty. Send JSON.")
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place, kind = first["loc"], first["type"]
        if kind == "json_invalid":
            raise BadRequest(f"{name} is no JSON: {first['msg']}.") from error
        where = ".".join(map(str, place)) or name
        is_item = place and place[0] in _ITEMS and isinstance(place[-1], int)
        item = int(place[-1]) if is_item else None
        raise Unusable(f"{where} {_told(kind, first['msg'])}.", item=item) from error


def _told(kind: str, message: str) -> str:
    """What is wrong with a field, as the end of a sentence that begins with its name."""
    if kind == "one_of":
        return message
    return _WORDS.get(kind, f"can't be used: {message[:1].lower()}{message[1:]}")
