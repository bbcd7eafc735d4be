"""Bundles that are damaged or malicious in one place each, with digests that are right."""

import copy
import gzip
import hashlib
import json
import random
import struct
from pathlib import Path
from typing import Any

from squeezebert.bundle.manifest import MANIFEST, TOKENIZER, part_name

NASTY: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 3, 10**6, 2**31 - 1, 2**31, 2**63, 2**70, -(2**70)),
    *(0.5, -0.5, 1e-320, 1e-30, 1e30, 1e300, "1e999", "NaN", "-Infinity", "", "x", "\ud800"),
    *(
        "a" * 70_000,
        "[UNK]",
        "float32",
        "entities",
        "pair",
        [],
        {},
        [0],
        [[0]],
        [1, 2, 3],
        {"x": 0},
    ),
    [[[[[[[[]]]]]]]],
)
BARE = ("1e999", "NaN", "-Infinity")  # as numbers, which json writes as text
FLOATS = (b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\xff\x7f\x7f", b"\0\0\x80\xff", b"\1\0\0\0")
NUMBERS = (0.0, 1e-45, 6e-8, 1e-6, 50.0, 1e3, 9.9e3, 1e4, 6e4, 1e30)  # weights, of either sign

Files = dict[str, bytes]


def read(bundle: Path) -> Files:
    """The contents of every file of a bundle by name."""
    return {file.name: file.read_bytes() for file in bundle.iterdir()}


def write(files: Files, folder: Path) -> None:
    """Replaces what a folder holds."""
    for file in folder.iterdir():
        file.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def mutant(files: Files, chance: random.Random) -> Files:
    """A copy with one to three changes of one kind."""
    often = (_manifest, _tokenizer)
    kind = chance.choice((*often, *often, _header, _values, _weights, _bytes, _cut))
    changed = dict(files)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        kind(changed, chance)
    return changed


def _manifest(files: Files, chance: random.Random) -> None:
    files[MANIFEST] = _edited(files[MANIFEST], chance)


def _tokenizer(files: Files, chance: random.Random) -> None:
    text = gzip.decompress(files[TOKENIZER])
    edit = _edited if chance.random() < 0.9 else _damaged
    _replace(files, TOKENIZER, gzip.compress(edit(text, chance), 1))


def _header(files: Files, chance: random.Random) -> None:
    name = _part(files, chance)
    data = files[name]
    size = int.from_bytes(data[:8], "little")
    header = _edited(data[8 : 8 + size], chance)
    length = len(header) if chance.random() < 0.9 else chance.choice((0, 2**31, 2**64 - 1))
    _replace(files, name, length.to_bytes(8, "little") + header + data[8 + size :])


def _values(files: Files, chance: random.Random) -> None:
    name = _part(files, chance)
    data = files[name]
    start = 8 + int.from_bytes(data[:8], "little")
    at = chance.randrange(start, len(data) - 4)
    at -= (at - start) % 4
    value = chance.choice((*FLOATS, chance.randbytes(4)))
    _replace(files, name, data[:at] + value + data[at + 4 :])


def _weights(files: Files, chance: random.Random) -> None:
    """All values of a tensor, or of every tensor of a part, are huge, tiny or 0."""
    name = _part(files, chance)
    data = files[name]
    start = 8 + int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8:start])
        tensors = [header[name] for name in sorted(header) if name != "__metadata__"]
        for tensor in tensors if chance.random() < 0.3 else [chance.choice(tensors)]:
            begin, end = (start + offset for offset in tensor["data_offsets"])
            value = _value(tensor["dtype"], chance)
            data = data[:begin] + value * ((end - begin) // len(value)) + data[end:]
    except (ValueError, LookupError, TypeError):  # an earlier change left no such header
        return
    _replace(files, name, data)


def _value(dtype: str, chance: random.Random) -> bytes:
    number = chance.choice((-1, 1)) * chance.choice(NUMBERS)
    if dtype == "F32":
        return struct.pack("<f", number)
    return struct.pack("<e", max(-6e4, min(number, 6e4))) if dtype == "F16" else chance.randbytes(1)


def _cut(files: Files, chance: random.Random) -> None:
    """A file that ends too early, with the digest of the whole one or its own."""
    name = chance.choice(sorted(files))
    data = files[name][: chance.randrange(len(files[name]) + 1)]
    if chance.random() < 0.3 or name == MANIFEST:
        files[name] = data
    else:
        _replace(files, name, data)


def _bytes(files: Files, chance: random.Random) -> None:
    name = chance.choice(sorted(files))
    data = _damaged(files[name], chance)
    if name == MANIFEST:
        files[name] = data
    else:
        _replace(files, name, data)


def _part(files: Files, chance: random.Random) -> str:
    return chance.choice(sorted(name for name in files if name.endswith(".safetensors")))


def _replace(files: Files, name: str, data: bytes) -> None:
    """Puts new contents in place, and their size and digest into the manifest."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        manifest = json.loads(files[MANIFEST])
        del manifest["files"][name]
    except (ValueError, KeyError, TypeError):  # an earlier change left no such manifest
        files[name] = data
        return
    del files[name]
    if name.endswith(".safetensors"):
        part: Any = name.partition("-")[0]
        name = part_name(part, digest)
    manifest["files"][name] = {"sha256": digest, "bytes": len(data)}
    files[name] = data
    files[MANIFEST] = json.dumps(manifest).encode()


def _edited(text: bytes, chance: random.Random) -> bytes:
    """JSON with one value replaced, removed, doubled or put elsewhere."""
    try:
        tree = json.loads(text)
    except ValueError:
        return _damaged(text, chance)
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    if isinstance(tree, dict | list):
        walk(tree)
    if not places:
        return _damaged(text, chance)
    node, key = chance.choice(places)
    change = chance.random()
    if change < 0.6:
        node[key] = copy.deepcopy(chance.choice(NASTY))
    elif change < 0.75:
        del node[key]
    elif change < 0.9:
        other, at = chance.choice(places)
        node[key] = copy.deepcopy(other[at])
    elif isinstance(node, dict):
        node[chance.choice(("x", "type", "scheme", ""))] = copy.deepcopy(node[key])
    else:
        node.append(copy.deepcopy(node[key]))
    written = json.dumps(tree)
    for number in BARE:
        written = written.replace(f'"{number}"', number)
    return written.encode()


def _damaged(data: bytes, chance: random.Random) -> bytes:
    """Some bytes replaced, removed or added."""
    at = chance.randrange(len(data) + 1)
    cut = chance.choice((0, 1, 1, 8, 1000))
    return data[:at] + chance.randbytes(chance.choice((0, 1, 1, 8))) + data[at + cut :]
