"""Schemes of tags that mark the words of entities, and what they are in IOB2.

In all of them a word outside of entities is O. IOB2 marks the first word of an entity B- and its
others I-; IOB1 has B- only for an entity which touches one of its type before it (Ramshaw and
Marcus 1995; Tjong Kim Sang and Veenstra 1999). IO has only I-, or the bare types. IOBES, BILOU and
BMES mark the last word too, and entities of one word.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

_PREFIXED = re.compile(r"([BIOELSUMW])-(\S+)")
_BARE = re.compile(r"[A-Za-z][\w./]*")
# In IOBES and its like: what begins an entity, and what ends one.
_FIRST, _LAST = frozenset("BSUW"), frozenset("ESLUW")
_SCHEMES = {
    "IO": frozenset("I"),
    "IOB2": frozenset("BI"),
    "IOBES": frozenset("BIES"),
    "BILOU": frozenset("BILU"),
    "BMES": frozenset("BMES"),
    "BMEW": frozenset("BMEW"),
}


class Tags(NamedTuple):
    """The tags of one sentence.

    Attributes:
        tags: in IOB2, one for each word.
        broken: places of tags that begin an entity in a way that the scheme does not have. They
            are read as the beginning of one, as CoNLL's own scorer does.
    """

    tags: tuple[str, ...]
    broken: tuple[int, ...]


def is_tag(tag: str) -> bool:
    """Whether a tag is O or has one of the prefixes."""
    return tag == "O" or _PREFIXED.fullmatch(tag) is not None


def scheme_of(sentences: Sequence[Sequence[str]]) -> str | None:
    """The scheme that most entities of these tags are in; None if they are no tags.

    "IO" stands for bare types alone: with I- in front, it is read as IOB1, which differs nowhere.
    """
    distinct = {tag for tags in sentences for tag in tags}
    found = {match[1] for tag in distinct if (match := _PREFIXED.fullmatch(tag))}
    strange = {tag for tag in distinct if not is_tag(tag)}
    if strange:
        bare = not found and "O" in distinct and all(map(_BARE.fullmatch, strange))
        return "IO" if bare else None
    if found <= _SCHEMES["IOB2"]:
        return _iob1_or_iob2(sentences)
    return next((name for name, prefixes in _SCHEMES.items() if found <= prefixes), None)


def to_iob2(tags: Sequence[str], scheme: str) -> Tags:
    """The tags of a sentence in IOB2."""
    if scheme == "IO":
        tags = [tag if tag == "O" else f"I-{tag}" for tag in tags]
    if scheme in ("IO", "IOB1", "IOB2"):
        inside, marked = _beginnings(tags)
        read = tuple(
            f"B-{_type(tag)}" if tag.startswith("I-") and not _continues(before, tag) else tag
            for before, tag in pairwise(("O", *tags))
        )
        return Tags(read, tuple(inside if scheme == "IOB2" else marked))
    found, broken = [], []
    open_type = None
    for place, tag in enumerate(tags):
        if tag == "O":
            found.append("O")
            open_type = None
            continue
        prefix, kind = tag[0], _type(tag)
        continues = prefix not in _FIRST and kind == open_type
        if not continues and prefix not in _FIRST:
            broken.append(place)
        found.append(f"{'I' if continues else 'B'}-{kind}")
        open_type = None if prefix in _LAST else kind
    return Tags(tuple(found), tuple(broken))


def broken_note(name: str, scheme: str, places: str, count: int) -> str:
    """What to tell of tags that are broken, and of the places where they are."""
    return (
        f"{name}: broken {scheme} on {places} ({count:,} in all); each of these tags is read as "
        "the beginning of an entity."
    )


def _iob1_or_iob2(sentences: Iterable[Sequence[str]]) -> str:
    inside = marked = 0
    for tags in sentences:
        as_iob1, as_iob2 = _beginnings(tags)
        inside += len(as_iob1)
        marked += len(as_iob2)
    return "IOB1" if inside > marked else "IOB2"


def _beginnings(tags: Sequence[str]) -> tuple[list[int], list[int]]:
    """Places where an entity begins as only IOB1 has it, and as only IOB2 has it."""
    inside: list[int] = []
    marked: list[int] = []
    for place, (before, tag) in enumerate(pairwise(("O", *tags))):
        if tag != "O" and not _continues(before, tag):
            (inside if tag.startswith("I-") else marked).append(place)
    return inside, marked


def _continues(before: str, tag: str) -> bool:
    """Whether the word before is of the same type."""
    return before != "O" and _type(before) == _type(tag)


def _type(tag: str) -> str:
    return tag[2:]
