"""OpenVINO on its CPU plugin."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import openvino

from squeezebert.bench.contenders.contract import Spec
from squeezebert.bench.workload import Workload, padded

_PRECISION = "INFERENCE_PRECISION_HINT"
_PRECISIONS = {
    "fp32": {_PRECISION: "f32"},
    "bf16": {_PRECISION: "bf16"},
    "int8": {},  # what is not quantised runs in the best precision that the machine has
}


class OpenVinoContender:
    """A compiled model; ``kind`` is "fp32", "bf16" or, for a quantised file, "int8".

    Batches of one shape run one by one on a model compiled for that shape with the latency hint.
    For other workloads that is tried beside one request for each thread at a time (the throughput
    hint), and the faster stays.
    """

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._core = openvino.Core()
        self._model = self._core.read_model(spec.file)
        self.settings = ""

    def prepare(self, workload: Workload) -> Callable[[], None]:
        feeds = [
            {"input_ids": ids, "attention_mask": mask}
            for ids, mask in padded(workload, self._spec.vocab_size)
        ]
        shapes = {feed["input_ids"].shape for feed in feeds}
        if len(shapes) == 1:
            model = self._model.clone()
            shape = list(shapes.pop())
            model.reshape({"input_ids": shape, "attention_mask": shape})
            self.settings = "latency hint, static shapes"
            return _one_by_one(self._compile(model, "LATENCY", streams=1), feeds)
        ways = {
            "latency hint, dynamic shapes": _one_by_one(
                self._compile(self._model, "LATENCY", streams=1), feeds
            ),
            f"throughput hint, {self._spec.threads} streams, dynamic shapes": _at_once(
                self._compile(self._model, "THROUGHPUT", streams=self._spec.threads), feeds
            ),
        }
        self.settings = min(ways, key=lambda name: _seconds(ways[name]))
        return ways[self.settings]

    def _compile(self, model: openvino.Model, hint: str, streams: int) -> openvino.CompiledModel:
        return compile_model(self._core, model, self._spec, hint, streams)


def open_contender(spec: Spec) -> OpenVinoContender:
    return OpenVinoContender(spec)


def compile_model(
    core: openvino.Core, model: openvino.Model, spec: Spec, hint: str, streams: int
) -> openvino.CompiledModel:
    """Compiles for the processor with the threads and precision of a contender."""
    options = {
        "PERFORMANCE_HINT": hint,
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": spec.threads,
        **_PRECISIONS[spec.kind],
    }
    return core.compile_model(model, "CPU", options)


def _one_by_one(
    compiled: openvino.CompiledModel, feeds: Sequence[Mapping[str, Any]]
) -> Callable[[], None]:
    request = compiled.create_infer_request()

    def run() -> None:
        for feed in feeds:
            request.infer(feed, share_inputs=True, share_outputs=True)

    return run


def _at_once(
    compiled: openvino.CompiledModel, feeds: Sequence[Mapping[str, Any]]
) -> Callable[[], None]:
    queue = openvino.AsyncInferQueue(compiled)

    def run() -> None:
        for feed in feeds:
            queue.start_async(feed, share_inputs=True)
        queue.wait_all()

    return run


def _seconds(run: Callable[[], None]) -> float:
    run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
