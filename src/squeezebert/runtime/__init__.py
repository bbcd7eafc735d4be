"""Running an encoder on packed batches. Needs no torch."""

from squeezebert.runtime.choice import load_engine
from squeezebert.runtime.engine import Engine, PackedBatch
from squeezebert.runtime.linear import Linear
from squeezebert.runtime.native_engine import NativeEngine
from squeezebert.runtime.numpy_engine import NumpyEngine

__all__ = ["Engine", "Linear", "NativeEngine", "NumpyEngine", "PackedBatch", "load_engine"]
