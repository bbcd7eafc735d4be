"""ONNX Runtime on its CPU provider."""

from collections.abc import Callable

import numpy as np
import onnxruntime

from squeezebert.bench.contenders.contract import Spec
from squeezebert.bench.workload import Workload, padded


class OnnxRuntimeContender:
    """A session with all graph optimisations; batches of one shape get a session made for it."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self.settings = ""

    def prepare(self, workload: Workload) -> Callable[[], None]:
        inputs = padded(workload, self._spec.vocab_size)
        options = session_options(self._spec.threads)
        shapes = {ids.shape for ids, _ in inputs}
        if len(shapes) == 1:
            for name, size in zip(("batch", "length"), shapes.pop(), strict=True):
                options.add_free_dimension_override_by_name(name, size)
            self.settings = "all graph optimisations, static shapes"
        else:
            self.settings = "all graph optimisations, dynamic shapes"
        session = onnxruntime.InferenceSession(
            self._spec.file, options, providers=["CPUExecutionProvider"]
        )
        # Fused graphs take int32 ids, others int64.
        dtypes = {
            taken.name: np.int32 if "int32" in taken.type else np.int64
            for taken in session.get_inputs()
        }
        feeds = [
            {
                name: array.astype(dtypes[name])
                for name, array in zip(("input_ids", "attention_mask"), batch, strict=True)
            }
            for batch in inputs
        ]

        def run() -> None:
            for feed in feeds:
                session.run(None, feed)

        return run


def open_contender(spec: Spec) -> OnnxRuntimeContender:
    return OnnxRuntimeContender(spec)


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """One operator at a time, each on all threads, which spin for their next (the default)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors only
    return options
