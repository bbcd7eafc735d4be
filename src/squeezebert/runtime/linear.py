"""Dense layers whose sums have a fixed order: what a row gives does not depend on other rows.

Letters of shapes: M rows, I inputs, O outputs.
"""

import numpy as np

from squeezebert.bundle.tensors import Floats
from squeezebert.runtime import native_engine
from squeezebert.shutdown import extension_call


class Linear:
    """``x @ weight.T + bias`` with the same bits for a row, whatever rows are beside it.

    Each sum runs over the inputs in their order, on the caller's thread. A BLAS orders it by the
    shape of the whole product, and its threads hold locks that a process forked meanwhile waits for
    for ever.

    Args:
        weight_OI: float32 ``[O, I]``; it is copied into the form that the product reads.
        bias_O: float32 ``[O]``; none is zero.
    """

    def __init__(self, weight_OI: Floats, bias_O: Floats | None = None) -> None:
        if bias_O is None:
            bias_O = np.zeros(len(weight_OI), np.float32)
        self._native = native_engine.linear(weight_OI, bias_O)
        if self._native is None:
            self._weight_IO = np.ascontiguousarray(weight_OI.T)
        self._bias_O = bias_O

    def __call__(self, x_MI: Floats) -> Floats:
        """Returns float32 ``[M, O]``."""
        y_MO = np.empty((len(x_MI), len(self._bias_O)), np.float32)
        if self._native is not None:
            with extension_call:
                self._native.apply(np.ascontiguousarray(x_MI), y_MO)
            return y_MO
        y_MO[:] = self._bias_O
        for x_M, weight_O in zip(x_MI.T, self._weight_IO, strict=True):
            y_MO += x_M[:, None] * weight_O
        return y_MO
