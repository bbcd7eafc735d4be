"""Several bundles over one encoder as one bundle, with the heads of all."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from squeezebert.bundle.heads import HeadSpec
from squeezebert.bundle.installed import find_bundle, name_of
from squeezebert.bundle.manifest import CARD, Manifest
from squeezebert.bundle.reading import Bundle, locate_files, read_bundle
from squeezebert.bundle.tensors import Tensor, integers_and_scale, scheme_of
from squeezebert.bundle.writing import write_bundle
from squeezebert.errors import InputError


@dataclass(frozen=True, slots=True)
class _Member:
    """A bundle to be combined, by the name that its only head gets."""

    name: str
    bundle: Bundle

    def heads(self) -> Iterator[tuple[HeadSpec, dict[str, Tensor]]]:
        """Each head as it will be, with its tensors under the names that its task gives them."""
        of_heads = _without_encoder(self.bundle)
        heads = self.bundle.manifest.heads
        prefixes = sorted({head.prefix for head in heads}, key=len, reverse=True)
        owner = {
            name: next((prefix for prefix in prefixes if name.startswith(prefix)), None)
            for name in of_heads
        }  # the longest one: "" has what is left
        for head in heads:
            tensors = {
                name.removeprefix(head.prefix): tensor
                for name, tensor in of_heads.items()
                if owner[name] == head.prefix
            }
            name = self.named(head.name)
            yield replace(head, name=name, prefix=f"{name}."), tensors

    def named(self, head: str) -> str:
        """The name that a head of the bundle gets."""
        return self.name if len(self.bundle.manifest.heads) == 1 else head

    def provenance(self) -> Mapping[str, Any]:
        """The provenance of each head."""
        stated = self.bundle.manifest.provenance
        of_heads = stated.get("heads")
        return of_heads if isinstance(of_heads, Mapping) else {self.name: stated}

    def evaluation(self) -> Iterator[dict[str, Any]]:
        """All scores, with the name of the head that they are of."""
        first = self.bundle.manifest.heads[0].name
        for score in self.bundle.manifest.evaluation:
            yield {**score, "head": self.named(score.get("head", first))}

    def card(self) -> str:
        """The model card with its headings a level deeper; "" if there is none."""
        if CARD not in self.bundle.manifest.files:
            return ""
        file = locate_files(self.bundle.path, self.bundle.manifest)[CARD]
        return _deeper(file.read_text(encoding="utf-8", errors="replace"))


def combine_bundles(names_or_paths: Sequence[str | Path], output: str | Path) -> Manifest:
    """Writes one bundle with the heads of several, whose encoders are the same to the bit.

    A head of a bundle that has no other gets the bundle's name; heads of a bundle with several keep
    theirs. Each answers as before: thresholds, lengths and scores stay what they were.

    Args:
        names_or_paths: names of installed bundles, or bundles' folders.
        output: the folder, which appears whole or not at all; an earlier bundle there is replaced.

    Raises:
        InputError: there is no such bundle, encoders or tokenizers differ, two heads would have one
            name, or ``output`` exists and is no bundle.
        BundleError: a bundle can't be used, or the new one not be written.
    """
    members = [_Member(name_of(each), read_bundle(find_bundle(each))) for each in names_or_paths]
    if len(members) < 2:
        raise InputError("Name two bundles or more to combine.")
    first = members[0].bundle
    for other in members[1:]:
        _check_alike(members[0], other)
    heads: list[HeadSpec] = []
    head_tensors: dict[str, Tensor] = {}
    for member in members:
        for head, tensors in member.heads():
            if head.name in (known.name for known in heads):
                raise InputError(
                    f"Two heads would be called {head.name!r}. Rename the folder of one of them: a "
                    "head gets its bundle's name."
                )
            heads.append(head)
            head_tensors |= {head.prefix + name: tensor for name, tensor in tensors.items()}
    encoder = first.manifest.architecture.shapes()
    return write_bundle(
        output,
        heads=heads,
        architecture=first.manifest.architecture,
        tensors={name: first.tensors[name] for name in encoder},
        head_tensors=head_tensors,
        tokenizer_json=first.tokenizer_json,
        provenance={
            "heads": {name: of for each in members for name, of in each.provenance().items()}
        },
        evaluation=[score for member in members for score in member.evaluation()],
        card=_card(Path(output).resolve().name, heads, members),
    )


def _check_alike(one: _Member, other: _Member) -> None:
    """Raises InputError unless two bundles have the same encoder and the same tokenizer."""
    pair = f"{one.name} and {other.name}"
    ours, theirs = one.bundle, other.bundle
    shape = ours.manifest.architecture
    if shape != theirs.manifest.architecture:
        raise InputError(
            f"{pair} have encoders of different shapes, so they are no heads over one encoder."
        )
    names = shape.shapes()
    differing = [name for name in names if not _equal(ours.tensors[name], theirs.tensors[name])]
    if differing:
        raise InputError(
            f"{pair} have different encoders: {len(differing)} of {len(names)} tensors differ, "
            f"such as {differing[0]}. Combine bundles of one encoder that was trained on all of "
            "their tasks, or not trained at all."
        )
    if _tokenizing(ours) != _tokenizing(theirs):
        raise InputError(f"{pair} have the same encoder, but different tokenizers.")


def _equal(one: Tensor, other: Tensor) -> bool:
    return scheme_of(one) == scheme_of(other) and all(
        np.array_equal(mine, theirs)
        for mine, theirs in zip(integers_and_scale(one), integers_and_scale(other), strict=True)
        if mine is not None and theirs is not None
    )


def _tokenizing(bundle: Bundle) -> dict[str, Any]:
    """What the tokenizer does; the limits that a training left in its file are not asked for."""
    stated: dict[str, Any] = json.loads(bundle.tokenizer_json)
    return stated | {"truncation": None, "padding": None}


def _without_encoder(bundle: Bundle) -> dict[str, Tensor]:
    encoder = bundle.manifest.architecture.shapes()
    return {name: tensor for name, tensor in bundle.tensors.items() if name not in encoder}


def _card(name: str, heads: Sequence[HeadSpec], members: Sequence[_Member]) -> str:
    lines = [
        f"# {name}",
        "",
        "Several models over one encoder, which reads a text once for all of them.",
        "",
        "| task | kind |",
        "| --- | --- |",
        *(f"| `{head.name}` | {head.task} |" for head in heads),
        "",
    ]
    return "\n".join(lines) + "".join(f"\n{card}" for member in members if (card := member.card()))


def _deeper(markdown: str) -> str:
    """Each heading a level deeper; lines of code that begin with # stay."""
    lines, code = [], False
    for line in markdown.splitlines():
        code ^= line.startswith("```")
        lines.append(f"#{line}" if line.startswith("#") and not code else line)
    return "\n".join(lines) + "\n"
