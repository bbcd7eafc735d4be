"""What a checkpoint's and a bundle's pipelines run on while they are compared."""

from collections.abc import Callable, Iterator, Mapping

from squeezebert.bundle import Architecture, TaskSpec, Tensor
from squeezebert.bundle.tensors import Floats
from squeezebert.pipelines.heads import Head
from squeezebert.pipelines.tasks import HEADS
from squeezebert.runtime import NativeEngine, NumpyEngine, PackedBatch
from squeezebert.runtime.native_engine import fits, instruction_sets


class RememberedHead:
    """A head that computes each batch once, however often it is asked for it.

    Its outputs don't depend on what is fitted to them, such as a threshold.
    """

    def __init__(self, head: Callable[[PackedBatch], Floats]) -> None:
        self._head = head
        self._outputs: dict[bytes, Floats] = {}

    def __call__(self, batch: PackedBatch) -> Floats:
        """A row of outputs for each sequence or token, as the head has them."""
        arrays = (batch.input_ids, batch.token_type_ids, batch.cu_seqlens)
        key = b"".join(array.tobytes() for array in arrays)
        if key not in self._outputs:
            self._outputs[key] = self._head(batch)
        return self._outputs[key]


def bundle_heads(
    architecture: Architecture, tensors: Mapping[str, Tensor], spec: TaskSpec
) -> Iterator[tuple[str, Head]]:
    """The bundle's head on each instruction set of this machine, whose int8 may round otherwise.

    Where the native engine can't run the encoder, it is NumPy's alone, as in use.
    """
    if not (names := instruction_sets()) or not fits(architecture):
        yield (
            "numpy",
            HEADS[spec.task](NumpyEngine(architecture, tensors), tensors, architecture, spec),
        )
        return
    for name in names:
        native = NativeEngine(architecture, tensors, instruction_set=name)
        yield name, HEADS[spec.task](native, tensors, architecture, spec)
