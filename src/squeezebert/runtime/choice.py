"""Which engine runs an encoder here: the native one where it can, else NumPy's."""

import logging
from collections.abc import Mapping
from functools import cache

from squeezebert.bundle import Architecture, Quantised, Tensor
from squeezebert.runtime import native_engine
from squeezebert.runtime.engine import Engine
from squeezebert.runtime.native_engine import NativeEngine, Precision
from squeezebert.runtime.numpy_engine import NumpyEngine


def load_engine(
    architecture: Architecture,
    weights: Mapping[str, Tensor],
    precision: Precision | None = None,
    threads: int | None = None,
) -> Engine:
    """The fastest engine for an encoder on this machine.

    Without the extension that is NumPy's, and a log message says so once. NumPy's also runs
    encoders whose widths the native engine does not take.

    Args:
        architecture: the encoder's shape.
        weights: its tensors by name.
        precision: as for `NativeEngine`; by default "int8" for weights that are stored so, and
            "fp32" for others. NumPy's engine always computes in float32.
        threads: as for `NativeEngine`; NumPy's threads are those of its BLAS.

    Raises:
        InputError: an argument can't be used.
    """
    if not native_engine.available():
        _warn_once(
            "The native engine was not built with this installation, so NumPy runs the model, "
            "several times slower. Install squeezebert where there is a C++20 compiler."
        )
    if not native_engine.available() or not native_engine.fits(architecture):
        return NumpyEngine(architecture, weights)
    if precision is None:
        names = architecture.shapes()
        integers = any(isinstance(weights[name], Quantised) for name in names if "layers" in name)
        precision = "int8" if integers else "fp32"
    return NativeEngine(architecture, weights, precision, threads)


@cache
def _warn_once(message: str) -> None:
    logging.getLogger("squeezebert").warning(message)
