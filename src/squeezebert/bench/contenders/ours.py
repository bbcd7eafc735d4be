"""Our engines, on packed batches of a bundle."""

from collections.abc import Callable
from typing import cast

from squeezebert.bench.contenders.contract import Spec
from squeezebert.bench.workload import Workload, packed
from squeezebert.bundle import Bundle, read_bundle
from squeezebert.runtime import Engine, NumpyEngine
from squeezebert.runtime.native_engine import NativeEngine, Precision, chosen_instruction_set


class OurContender:
    """An engine of ours; ``kind`` is "int8", "bf16", "fp32", "numpy" or "torch"."""

    def __init__(self, spec: Spec) -> None:
        bundle = read_bundle(spec.file)
        self._engine = _engine(bundle, spec)
        self._vocab_size = bundle.manifest.architecture.vocab_size
        native = spec.kind in ("int8", "bf16", "fp32")
        self.settings = f"packed, {chosen_instruction_set()}" if native else "packed"

    def prepare(self, workload: Workload) -> Callable[[], None]:
        batches = packed(workload, self._vocab_size)

        def run() -> None:
            for batch in batches:
                self._engine.encode(batch)

        return run


def open_contender(spec: Spec) -> OurContender:
    return OurContender(spec)


def _engine(bundle: Bundle, spec: Spec) -> Engine:
    architecture, weights = bundle.manifest.architecture, bundle.tensors
    if spec.kind == "numpy":
        return NumpyEngine(architecture, weights)
    if spec.kind == "torch":
        from squeezebert.bench.contenders.our_torch import torch_engine

        return torch_engine(bundle, spec.threads)
    return NativeEngine(architecture, weights, cast(Precision, spec.kind), spec.threads)
