"""Compact checkpoints: a general checkpoint in a third of its size, unpacked where it is used.

A compact checkpoint is a folder like a Hugging Face one, but for two files: ``compact.safetensors``
holds the word embeddings as integers of 8 bits (one float16 scale for each row) or 4 (one for each
block of a row), all else in float16 or, if asked for, matrices in 8 bits too, and
``tokenizer.json`` is gzipped. The checkpoints that
come with the package are such folders.
"""

import gzip
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeAlias

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from squeezebert.bundle import BlockQuantised, Quantised, Tensor, look_up
from squeezebert.bundle.architecture import WORDS
from squeezebert.bundle.manifest import MANIFEST
from squeezebert.bundle.quantise import WordBits, quantise_rows, quantise_table
from squeezebert.bundle.tensors import stays_float, stored_arrays
from squeezebert.errors import CheckpointError
from squeezebert.files import replacing_folder
from squeezebert.model.from_bundle import write_encoder

WEIGHTS = "compact.safetensors"
SCALE = ".scale"
TOKENIZER = "tokenizer.json.gz"

LayerBits: TypeAlias = Literal[8, 16]
"""Bits of a value in a matrix of a layer: an integer of 8, or float16."""

_KEPT = ("config.json", "tokenizer_config.json", "squeeze.json")


def find_checkpoint(name: str | Path) -> str:
    """What transformers can load for a folder, a hub id or the name of an installed checkpoint.

    `squeezebert.bundle.look_up` decides what a name means. A compact checkpoint, and the encoder of
    a bundle, are unpacked into the user's cache, once.

    Raises:
        CheckpointError: A compact checkpoint is damaged.
        BundleError: A bundle can't be used.
    """
    meaning = look_up(name)
    folder = meaning.path
    if folder is None or meaning.kind not in ("checkpoint", "bundle"):
        return str(name)
    write: Callable[[Path, Path], None]
    if meaning.kind == "bundle":
        names, write = [MANIFEST], write_encoder  # it has the digests of all files
    elif (folder / WEIGHTS).is_file():
        names, write = sorted(file.name for file in folder.iterdir()), unpack
    else:
        return str(folder)
    digest = hashlib.sha256()
    for file in names:
        digest.update(file.encode() + (folder / file).read_bytes())
    unpacked = _cache() / f"{folder.resolve().name}-{digest.hexdigest()[:16]}"
    if not unpacked.exists():
        _unpack_once(folder, unpacked, write)
    return str(unpacked)


def unpack(compact: Path, folder: Path) -> None:
    """Writes a compact checkpoint as a float32 Hugging Face folder.

    Raises:
        CheckpointError: It is damaged.
    """
    try:
        stored = load_file(compact / WEIGHTS)
        weights = {}
        for name, array in stored.items():
            if array.dtype == np.int8:
                weights[name] = Quantised(array, stored[name + SCALE]).dequantise()
            elif array.dtype == np.uint8:
                weights[name] = BlockQuantised(array, stored[name + SCALE]).dequantise()
            elif not name.endswith(SCALE):
                weights[name] = array.astype(np.float32)
        tokenizer = gzip.decompress((compact / TOKENIZER).read_bytes())
    except (OSError, EOFError, KeyError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{compact} is damaged ({error}). Get it anew.") from error
    with replacing_folder(folder, marker="config.json") as aside:
        for file in compact.iterdir():
            if file.name not in (WEIGHTS, TOKENIZER):
                shutil.copyfile(file, aside / file.name)
        (aside / "tokenizer.json").write_bytes(tokenizer)
        (aside / "model.safetensors").write_bytes(save(weights, metadata={"format": "pt"}))


def write_compact(
    checkpoint: Path,
    output: Path,
    word_bits: WordBits | None = None,
    layer_bits: LayerBits = 16,
) -> int:
    """Writes ``checkpoint`` compactly and returns the bytes that it takes.

    Word embeddings become integers, all else float16, or integers where a bundle has such;
    configuration, tokenizer and the record of the squeezing go along.

    Args:
        checkpoint: Hugging Face folder.
        output: The result's folder, written whole or not at all.
        word_bits: Of a value of the word embeddings; see `quantise_table`.
        layer_bits: Of a value of the other matrices.

    Raises:
        CheckpointError: ``checkpoint`` is no folder with weights and a tokenizer, or holds values
            that don't fit.
        InputError: ``output`` exists and is no checkpoint.
    """
    try:
        weights = load_file(checkpoint / "model.safetensors")
        tokenizer = (checkpoint / "tokenizer.json").read_bytes()
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{checkpoint} is no checkpoint: {error}. "
            "Give a folder with config.json, model.safetensors and tokenizer.json."
        ) from error
    tensors: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if not (np.abs(weight) <= np.finfo(np.float16).max).all():  # also false for NaN
            raise CheckpointError(
                f"{checkpoint}: {name} holds values that are not finite or beyond float16."
            )
        try:
            if name.endswith(WORDS):
                tensors[name] = quantise_table(weight.astype(np.float32), word_bits)
            elif layer_bits == 16 or stays_float(name, weight.shape):
                tensors[name] = weight.astype(np.float16)
            else:
                tensors[name] = quantise_rows(weight.astype(np.float32))
        except ValueError as error:
            raise CheckpointError(f"{checkpoint}: {name} can't be stored: {error}.") from error
    with replacing_folder(output, marker="config.json") as aside:
        (aside / WEIGHTS).write_bytes(save(stored_arrays(tensors)))
        # No time in its header: equal checkpoints give equal files.
        (aside / TOKENIZER).write_bytes(gzip.compress(tokenizer, mtime=0))
        for name in _KEPT:
            if (checkpoint / name).exists():
                shutil.copyfile(checkpoint / name, aside / name)
        return sum(file.stat().st_size for file in aside.iterdir())


def _unpack_once(source: Path, folder: Path, write: Callable[[Path, Path], None]) -> None:
    """Unpacks to ``folder``, unless another process, which may be reading it now, was faster."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", dir=folder.parent) as beside:
        whole = Path(beside) / folder.name
        write(source, whole)
        try:
            whole.rename(folder)
        except OSError:  # a rename replaces no folder that holds something
            if not folder.exists():
                raise


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "squeezebert" / "checkpoints"
