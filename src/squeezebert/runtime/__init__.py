"""Running an encoder on packed batches. Needs no torch."""

from squeezebert.runtime.engine import Engine, PackedBatch
from squeezebert.runtime.numpy_engine import NumpyEngine

__all__ = ["Engine", "NumpyEngine", "PackedBatch"]
