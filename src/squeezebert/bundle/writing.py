"""Writing a bundle: the whole of it appears at once, or nothing does."""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from squeezebert.bundle.architecture import WORDS, Architecture
from squeezebert.bundle.checks import ManifestError
from squeezebert.bundle.heads import HeadSpec
from squeezebert.bundle.manifest import (
    CARD,
    MANIFEST,
    TOKENIZER,
    Manifest,
    Part,
    Scheme,
    StoredFile,
    TensorScheme,
    part_name,
)
from squeezebert.bundle.reading import installed_part, read_bundle
from squeezebert.bundle.tensors import Tensor, block_size_of, scheme_of, stored_arrays
from squeezebert.errors import BundleError
from squeezebert.files import replacing_folder


def write_bundle(
    path: str | Path,
    *,
    heads: Sequence[HeadSpec],
    architecture: Architecture,
    tensors: Mapping[str, Tensor],
    tokenizer_json: bytes,
    provenance: Mapping[str, Any],
    evaluation: Sequence[Mapping[str, Any]],
    head_tensors: Mapping[str, Tensor] = MappingProxyType({}),
    card: str | None = None,
    shared: bool = False,
) -> Manifest:
    """Writes a bundle to a folder and reads it back; replaces a bundle that is there.

    The table of word embeddings becomes the embeddings part. Bundles of one encoder share it if
    their training left the table alone.

    Args:
        path: the folder, which appears whole or not at all.
        heads: what the bundle is for.
        architecture: the encoder's shape.
        tensors: of the encoder: one part beside that of the word embeddings. A float array is
            stored in its own precision.
        head_tensors: of the heads: a part of their own, so that heads over one encoder have the
            encoder's part in common.
        tokenizer_json: the contents of a ``tokenizer.json``.
        provenance: what the bundle was made from; see `Manifest`.
        evaluation: scores; see `Manifest`.
        card: the model card, as Markdown.
        shared: whether to leave out the parts that an installed model has; the bundle then needs
            that model.

    Raises:
        BundleError: the fields and tensors don't make a bundle, or it can't be written, for
            example because the disk is full. Nothing is left behind then.
        InputError: ``path`` exists and is not a bundle.
    """
    from safetensors.numpy import save

    parts: dict[Part, dict[str, Tensor]] = {"embeddings": {}, "encoder": {}}
    if head_tensors:
        parts["heads"] = dict(head_tensors)
    for name, tensor in tensors.items():
        parts["embeddings" if name == WORDS else "encoder"][name] = tensor
    contents = {TOKENIZER: _gzip(tokenizer_json)}
    if card is not None:
        contents[CARD] = card.encode()
    schemes = {}
    for part, members in parts.items():
        data = save(stored_arrays(members))
        contents[part_name(part, _digest(data))] = data
        for name, tensor in members.items():
            scheme = cast(Scheme, scheme_of(tensor))
            schemes[name] = TensorScheme(part, scheme, tensor.shape, block_size_of(tensor))
    try:
        manifest = Manifest(
            heads=tuple(heads),
            architecture=architecture,
            files={name: StoredFile(_digest(d), len(d)) for name, d in contents.items()},
            tensors=schemes,
            provenance=provenance,
            evaluation=evaluation,
        )
    except ManifestError as error:
        raise BundleError(f"{path}: no bundle can be made: {error}.") from error
    try:
        with replacing_folder(Path(path), marker=MANIFEST) as folder:
            for name, data in contents.items():
                if not (shared and installed_part(name)):
                    (folder / name).write_bytes(data)
            (folder / MANIFEST).write_bytes(manifest.to_json())
            read_bundle(folder)
    except OSError as error:
        raise BundleError(
            f"{path} could not be written: {error.strerror}. Nothing was left behind; "
            "free some space or name another output folder."
        ) from error
    return manifest


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=31)  # 31: gzip, with no time stamp, so equal in = equal out
    return packer.compress(data) + packer.flush()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
