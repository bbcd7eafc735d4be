"""A part of a tokenizer's vocabulary that leaves tokens as they are where all their pieces stay.

Works on what a ``tokenizer.json`` says, for WordPiece, Unigram, BPE and whole words:

- WordPiece takes the longest piece that fits. With fewer pieces it is still the same, if it stays.
- Unigram takes the pieces of the highest total score. What a character that no piece holds costs
  depends on the lowest score of all, so the piece that has it stays too.
- BPE merges two pieces at a time. A piece stays with all that it can be merged from, and with
  those merges, in their order.
"""

import copy
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from tokenizers import pre_tokenizers

Parts = dict[str, Any]
"""A ``tokenizer.json`` as the library writes it, without padding and truncation."""


def pieces_of(parts: Parts) -> dict[int, str]:
    """Each id's piece, added ones included."""
    model = parts["model"]
    if model["type"] == "Unigram":
        pieces = {index: str(piece) for index, (piece, _) in enumerate(model["vocab"])}
    else:
        pieces = {index: piece for piece, index in model["vocab"].items()}
    return pieces | {added["id"]: added["content"] for added in parts["added_tokens"]}


def indispensable(parts: Parts) -> set[int]:
    """The ids that no part of the vocabulary can do without: special ones, bytes, the unknown."""
    model = parts["model"]
    ids = {piece: index for index, piece in pieces_of(parts).items()}
    stay = {added["id"] for added in parts["added_tokens"]}
    stay |= {ids[piece] for piece in _named(parts.get("post_processor")) if piece in ids}
    if model.get("unk_token") in ids:
        stay.add(ids[model["unk_token"]])
    if model["type"] == "Unigram":
        scores = [score for _, score in model["vocab"]]
        stay.add(scores.index(min(scores)))
        if model["unk_id"] is not None:
            stay.add(model["unk_id"])
    if model["type"] == "BPE":
        stay |= {ids[letter] for letter in pre_tokenizers.ByteLevel.alphabet() if letter in ids}
    if model.get("byte_fallback"):
        stay |= {ids[piece] for byte in range(256) if (piece := f"<0x{byte:02X}>") in ids}
    return stay


def characters(parts: Parts) -> dict[int, str]:
    """The ids whose pieces are one character, bare of what marks a word's beginning or middle."""
    model = parts["model"]
    before = {"▁", model.get("continuing_subword_prefix") or "▁"}
    after = model.get("end_of_word_suffix") or ""
    found = {}
    for index, piece in pieces_of(parts).items():
        bare = next((piece[len(mark) :] for mark in before if piece.startswith(mark)), piece)
        bare = bare.removesuffix(after)
        if len(bare or piece) == 1:
            found[index] = bare or piece
    return found


def script(character: str) -> str | None:
    """What writing a letter is of, as its Unicode name begins: LATIN, CYRILLIC, CJK; else None."""
    if unicodedata.category(character)[0] not in "LM":
        return None
    return unicodedata.name(character, "").split(" ")[0] or None


class Closure:
    """What a piece is merged from, by any of the merges, down to single letters."""

    def __init__(self, parts: Parts) -> None:
        self._sources: dict[int, set[int]] = {}
        model = parts["model"]
        if model["type"] == "BPE":
            for first, second in model["merges"]:
                merged = _merged(first, second, model)
                sources = self._sources.setdefault(model["vocab"][merged], set())
                sources |= {model["vocab"][first], model["vocab"][second]}

    def of(self, index: int, known: Collection[int] = ()) -> set[int]:
        """The piece and all it needs, but for what is ``known`` with all it needs."""
        found: set[int] = set()
        waiting = [index]
        while waiting:
            piece = waiting.pop()
            if piece not in found and piece not in known:
                found.add(piece)
                waiting.extend(self._sources.get(piece, ()))
        return found


def subset(parts: Parts, kept: Sequence[int]) -> Parts:
    """A ``tokenizer.json`` of some pieces, numbered from 0 in the order given.

    Args:
        kept: Ids in rising order; every `indispensable` one, and the `Closure` of each.
    """
    new = {old: index for index, old in enumerate(kept)}
    result = copy.deepcopy({name: part for name, part in parts.items() if name != "model"})
    model = dict(parts["model"])
    if model["type"] == "Unigram":
        vocabulary = model["vocab"]
        model["vocab"] = [vocabulary[old] for old in kept if old < len(vocabulary)]
        if model["unk_id"] is not None:
            model["unk_id"] = new[model["unk_id"]]
    else:
        model["vocab"] = {
            piece: new[old] for piece, old in parts["model"]["vocab"].items() if old in new
        }
    if model["type"] == "BPE":
        model["merges"] = [
            (first, second)
            for first, second in model["merges"]
            if _merged(first, second, model) in model["vocab"]
        ]
    result["model"] = model
    for added in result["added_tokens"]:
        added["id"] = new[added["id"]]
    _renumber(result.get("post_processor"), new)
    return result


def _merged(first: str, second: str, model: Parts) -> str:
    return first + second.removeprefix(model.get("continuing_subword_prefix") or "")


def _processors(processor: Parts | None) -> Iterator[Parts]:
    if processor is not None:
        yield processor
        for inner in processor.get("processors", ()):
            yield from _processors(inner)


def _named(processor: Parts | None) -> Iterable[str]:
    """The pieces that a post-processor puts around texts."""
    for part in _processors(processor):
        for special in part["special_tokens"].values() if "special_tokens" in part else ():
            yield from special["tokens"]
        for role in ("cls", "sep"):
            if role in part:
                yield part[role][0]


def _renumber(processor: Parts | None, new: dict[int, int]) -> None:
    for part in _processors(processor):
        for special in part["special_tokens"].values() if "special_tokens" in part else ():
            special["ids"] = [new[old] for old in special["ids"]]
        for role in ("cls", "sep"):
            if role in part:
                part[role][1] = new[part[role][1]]
