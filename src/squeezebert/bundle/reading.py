"""Reading a bundle: everything is verified before anything is used."""

import hashlib
import mmap
import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path

from squeezebert.bundle.checks import ManifestError
from squeezebert.bundle.installed import CHECKPOINT_FILES, how_to_install, installed_bundles
from squeezebert.bundle.manifest import MANIFEST, PART_SUFFIX, TOKENIZER, Manifest
from squeezebert.bundle.tensors import Tensor, TensorError, load_tensors
from squeezebert.errors import BundleError

_LARGEST_MANIFEST = 1 << 24  # bytes
_LARGEST_TOKENIZER = 1 << 28  # bytes, uncompressed

_AGAIN = "Copy or export the bundle again."

SHARED = "shared"
"""Folder beside bundles for the parts that they share."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read and verified.

    Attributes:
        path: its folder.
        manifest: what its ``bundle.json`` says.
        tokenizer_json: the contents of a ``tokenizer.json``.
        tensors: every tensor by name, as views of the mapped files.
    """

    path: Path
    manifest: Manifest
    tokenizer_json: bytes
    tensors: dict[str, Tensor]


def read_bundle(path: str | Path) -> Bundle:
    """Reads the bundle in a folder and verifies digests, shapes and values.

    A file that the folder doesn't hold is taken from ``shared`` beside it; see `locate_files`.

    Raises:
        BundleError: it is missing, incomplete, damaged, foreign or of another format version; the
            message names the file and says what to do.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    files = locate_files(folder, manifest)
    for name, stored in manifest.files.items():
        size, digest = _size_and_digest(files[name])
        if size != stored.bytes:
            raise BundleError(
                f"{files[name]} has {size} bytes instead of {stored.bytes}: it is incomplete or "
                f"not this bundle's. {_AGAIN}"
            )
        if digest != stored.sha256:
            raise BundleError(
                f"{files[name]} does not have the digest that {MANIFEST} states: it is damaged "
                f"or not this bundle's. {_AGAIN}"
            )
    tensors: dict[str, Tensor] = {}
    for part, stored_as in manifest.parts().items():
        file = files[stored_as]
        schemes = {name: item for name, item in manifest.tensors.items() if item.part == part}
        try:
            with file.open("rb") as opened:
                mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
            tensors |= load_tensors(mapped, schemes)
        except TensorError as error:
            raise BundleError(f"{file} can't be used: {error}. {_AGAIN}") from error
    return Bundle(folder, manifest, _tokenizer_json(files[TOKENIZER]), tensors)


def locate_files(folder: Path, manifest: Manifest) -> dict[str, Path]:
    """Where each file of a bundle is.

    It is in its folder; else in the folder ``shared`` beside it; else, a part, in that of an
    installed model. Which it is makes no difference: the digest says whether it is the right file.

    Raises:
        BundleError: one is in none of them.
    """
    shared = folder.resolve().parent / SHARED
    files = {}
    for name in manifest.files:
        own = folder / name
        files[name] = own if os.path.lexists(own) else shared / name
        if not os.path.lexists(files[name]):
            installed = installed_part(name)
            if installed is None:
                remedy = how_to_install(str(manifest.provenance.get("encoder"))) or _AGAIN
                raise BundleError(
                    f"{own} is missing, and it is no part that bundles share in {shared} or that "
                    f"an installed model has. {remedy}"
                )
            files[name] = installed
    return files


def installed_part(name: str) -> Path | None:
    """The file of an installed model that has the name of this part, and so its digest."""
    if not name.endswith(PART_SUFFIX):
        return None
    for folder in installed_bundles().values():
        for file in (folder / name, folder.parent / SHARED / name):
            if file.is_file():
                return file
    return None


def read_manifest(folder: Path) -> Manifest:
    """Reads what a bundle says about itself, without its weights.

    Raises:
        BundleError: there is no bundle, or none that this version can read.
    """
    file = folder / MANIFEST
    if not file.exists():
        raise BundleError(f"{folder}: {_no_bundle(folder)}")
    if _regular_size(file) > _LARGEST_MANIFEST:
        raise BundleError(f"{file} is too large for a bundle's manifest. {_AGAIN}")
    try:
        return Manifest.from_json(file.read_bytes())
    except OSError as error:
        raise BundleError(f"{file} can't be read: {error.strerror}.") from error
    except ManifestError as error:
        raise BundleError(f"{file} can't be used: {error}. {_AGAIN}") from error


def _no_bundle(path: Path) -> str:
    """What there is at a path that is no bundle, and what to give in its place."""
    wrote = "that `squeezebert learn` or `squeezebert export` wrote"
    if path.is_file():
        if (path.parent / MANIFEST).is_file():
            return f"a file of a bundle. Give that folder: {path.parent}."
        return f"a file, and a model is a folder. Give the folder {wrote}."
    if not path.exists():
        return f"no such folder. Give the folder {wrote}."
    about = f"not a bundle: it holds no {MANIFEST}"
    if any((path / name).is_file() for name in CHECKPOINT_FILES):
        return f"{about}, but a checkpoint. `squeezebert export` makes a bundle of it."
    inside = sorted(file.parent for file in path.glob(f"*/{MANIFEST}"))[:3]
    if inside:
        return f"{about}. Bundles in it: {', '.join(map(str, inside))}. Give one of them."
    return f"{about}. Give the folder {wrote}."


def _size_and_digest(file: Path) -> tuple[int, str]:
    size = _regular_size(file)
    try:
        with file.open("rb") as opened:
            return size, hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{file} can't be read: {error.strerror}.") from error


def _regular_size(file: Path) -> int:
    """Size in bytes; refuses what is not a regular file, since a device or pipe may never end."""
    try:
        status = os.stat(file)  # noqa: PTH116 -- Path.stat hides loops of links on some versions
    except OSError as error:
        raise BundleError(
            f"{file} is missing or can't be read: {error.strerror}. {_AGAIN}"
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise BundleError(f"{file} is not a regular file. {_AGAIN}")
    return status.st_size


def _tokenizer_json(file: Path) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)  # 31: gzip
    try:
        text = unpacker.decompress(file.read_bytes(), _LARGEST_TOKENIZER)
    except zlib.error as error:
        raise BundleError(f"{file} is not gzip data. {_AGAIN}") from error
    if not unpacker.eof:
        raise BundleError(f"{file} is incomplete or unreasonably large. {_AGAIN}")
    return text
