"""Where it computes: a graphics processor in bfloat16, or the CPU.

A CPU for which there are kernels (`cpu`) computes in bfloat16 too, others in float32.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from benchmarks.gpu import cpu
from torch import Tensor

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
GPU = DEVICE.type == "cuda"
# Known at import, as what is multiplied in depends on whether they compile: some 2 s.
CPU_KERNELS = not GPU and cpu.kernels() is not None
LOW = torch.bfloat16 if GPU or CPU_KERNELS else torch.float32
"""What is multiplied in; master weights and moments stay in float32."""
_WARM_UPS = 2


@dataclass
class Graphs:
    """CUDA graphs that share their memory: a step costs one launch instead of hundreds."""

    _pool: Any = field(default_factory=lambda: torch.cuda.graph_pool_handle() if GPU else None)

    def record(self, step: Callable[[], Tensor], changed: Sequence[Tensor]) -> Callable[[], Tensor]:
        """The step as a graph, which computes on the tensors that ``step`` read here.

        Args:
            changed: The tensors that a step changes. Recording leaves them as they were.

        Returns:
            Replays the graph, and gives what ``step`` gave; on a CPU ``step`` itself.
        """
        if not GPU:
            return step
        kept = [tensor.clone() for tensor in changed]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                step()
        torch.cuda.current_stream().wait_stream(side)
        for tensor, before in zip(changed, kept, strict=True):
            tensor.copy_(before)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            result = step()

        def replay() -> Tensor:
            graph.replay()
            return result

        return replay
