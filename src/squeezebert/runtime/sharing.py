"""Bundles of one encoder have one engine in a process."""

from collections.abc import Hashable
from weakref import WeakValueDictionary

from squeezebert.bundle import Bundle
from squeezebert.runtime import native_engine
from squeezebert.runtime.choice import load_engine
from squeezebert.runtime.engine import Engine
from squeezebert.runtime.processors import processors

_engines: WeakValueDictionary[Hashable, Engine] = WeakValueDictionary()


def shared_engine(bundle: Bundle, threads: int | None = None) -> Engine:
    """The engine of a bundle's encoder: that of an earlier one, if its encoder is the same.

    It is the same where the parts that hold it have the same digests. An engine lives as long as
    someone uses it.

    Args:
        bundle: that was read, so its parts have the digests that its manifest states.
        threads: as for `load_engine`; another number is another engine.

    Raises:
        InputError: less than one thread.
    """
    manifest = bundle.manifest
    parts = manifest.parts()
    holding = {manifest.tensors[name].part for name in manifest.architecture.shapes()}
    key = (
        frozenset(manifest.files[parts[part]].sha256 for part in holding),
        repr(manifest.architecture),
        processors() if threads is None else threads,
        native_engine.chosen_instruction_set() if native_engine.available() else None,
    )
    engine = _engines.get(key)
    if engine is None:
        engine = load_engine(manifest.architecture, bundle.tensors, threads=threads)
    return _engines.setdefault(key, engine)
