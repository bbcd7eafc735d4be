"""What a tokenizer's pieces are for: by their role in it, never by their name."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import tokenizers

from squeezebert.errors import InputError

_BYTE_SPACE = "\u0120"  # as byte-level BPE writes one


def frame(tokenizer: tokenizers.Tokenizer) -> tuple[list[int], list[int]]:
    """The ids of the special tokens before and after the tokens of a single text.

    Raises:
        InputError: The tokenizer has no pieces.
    """
    example = tokenizer.post_process(any_encoding(tokenizer))
    places = [place for place, text in enumerate(example.sequence_ids) if text is not None]
    return example.ids[: places[0]], example.ids[places[-1] + 1 :]


def unknown_piece(tokenizer: tokenizers.Tokenizer) -> str | None:
    """The piece that stands for what the others can't spell, if there is one."""
    model = json.loads(tokenizer.to_str())["model"]
    if model["type"] == "Unigram":
        return None if model["unk_id"] is None else str(model["vocab"][model["unk_id"]][0])
    piece = model.get("unk_token")
    return piece if piece is not None and piece in model["vocab"] else None


def spells_every_byte(tokenizer: tokenizers.Tokenizer) -> bool:
    """Whether there is a piece for each byte, so that nothing is ever unknown."""
    parts = json.loads(tokenizer.to_str())
    words = tokenizer.get_vocab(with_added_tokens=False)
    if parts["model"].get("byte_fallback"):
        return all(f"<0x{byte:02X}>" in words for byte in range(256))
    if not any(part.get("type") == "ByteLevel" for part in _parts(parts)):
        return False
    return all(letter in words for letter in tokenizers.pre_tokenizers.ByteLevel.alphabet())


def begins_words(tokenizer: tokenizers.Tokenizer) -> Callable[[str], bool]:
    """Says of a piece whether a word begins with it; where pieces don't show it, all do."""
    parts = json.loads(tokenizer.to_str())
    if continuing := parts["model"].get("continuing_subword_prefix"):
        return lambda piece: not piece.startswith(continuing)
    kinds = {part["type"]: part for part in _parts(parts)}
    if space := kinds.get("Metaspace", {}).get("replacement"):
        return lambda piece: piece.startswith(space)
    if "ByteLevel" in kinds:
        return lambda piece: piece.startswith(_BYTE_SPACE)
    return lambda piece: True


def any_encoding(tokenizer: tokenizers.Tokenizer) -> tokenizers.Encoding:
    """One text that has tokens, without special ones."""
    for text in _samples(tokenizer):
        try:
            encoding = tokenizer.encode(text, add_special_tokens=False)
        except Exception:
            continue
        if encoding.ids:
            return encoding
    raise InputError("The tokenizer has no pieces. Give one that was trained.")


def _samples(tokenizer: tokenizers.Tokenizer) -> Iterator[str]:
    yield "a"
    yield from tokenizer.get_vocab()


def _parts(parts: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The normaliser and the splitter of a ``tokenizer.json``, and what they are sequences of."""
    for part in (parts["normalizer"], parts["pre_tokenizer"]):
        if part is not None:
            yield part
            yield from part.get("normalizers", ())
            yield from part.get("pretokenizers", ())
