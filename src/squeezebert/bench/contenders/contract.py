"""The contract of contenders, and how one is described to the process that runs it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, Protocol, TypeAlias

from squeezebert.bench.workload import Workload

Framework: TypeAlias = Literal["ours", "torch", "onnxruntime", "openvino"]

DESCRIPTION = "peer.json"
"""The file that says which model a folder of conversions is of."""

MATRIX = "matrix product"
"""As a model: what measures the ceiling."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A contender.

    Attributes:
        model: of which shape, such as "bert-base"; or `MATRIX`.
        engine: the framework and how it computes, such as "openvino int8".
        framework: which of the modules beside this one opens it.
        kind: how it computes, in that module's words.
        file: the model's file or folder; none for a matrix product.
        threads: how many it may use.
        vocab_size: token ids are below this.
        environment: variables that its process needs, such as a limit of the instruction set.
    """

    model: str
    engine: str
    framework: Framework
    kind: str
    file: str = ""
    threads: int = 1
    vocab_size: int = 30522
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """For the reader."""
        return f"{self.model} in {self.engine}"


class Contender(Protocol):
    """An encoder, or a matrix product, ready to run."""

    @property
    def settings(self) -> str:
        """The options that it last prepared with, for the reader of the report."""

    def prepare(self, workload: Workload) -> Callable[[], Any]:
        """Makes inputs for a workload and what else has to be ready before the clock starts.

        Returns:
            what encodes all of the workload once.
        """


def open_contender(spec: Spec) -> Contender:
    """Loads a contender into this process; only its own packages are imported."""
    name = "matrix" if spec.model == MATRIX else spec.framework
    module = import_module(f"squeezebert.bench.contenders.{name}")
    contender: Contender = module.open_contender(spec)
    return contender


def environment(threads: int, changes: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process that may use so many threads."""
    counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    offline = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return {**os.environ, **dict.fromkeys(counts, str(threads)), **offline, **changes}
