"""Transformers' own models in PyTorch."""

from collections.abc import Callable
from pathlib import Path

import torch

from squeezebert.bench.contenders.contract import Spec
from squeezebert.bench.contenders.stock import build
from squeezebert.bench.workload import Workload, padded


class TorchContender:
    """A peer in float32; ``kind`` is its attention, "eager" or "sdpa"."""

    def __init__(self, spec: Spec) -> None:
        torch.set_num_threads(spec.threads)
        self._model = build(Path(spec.file), attention=spec.kind)
        self._vocab_size = spec.vocab_size
        self.settings = "inference mode"

    def prepare(self, workload: Workload) -> Callable[[], None]:
        batches = [
            (torch.from_numpy(ids), torch.from_numpy(mask))
            for ids, mask in padded(workload, self._vocab_size)
        ]

        @torch.inference_mode()
        def run() -> None:
            for ids, mask in batches:
                self._model(input_ids=ids, attention_mask=mask)

        return run


def open_contender(spec: Spec) -> TorchContender:
    return TorchContender(spec)
