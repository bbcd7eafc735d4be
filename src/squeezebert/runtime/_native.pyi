"""The extension module built from ``native/``; `native_engine` is its only user."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats
from squeezebert.runtime.engine import Ints

_Norm: TypeAlias = tuple[Floats, Floats]
_Weights: TypeAlias = tuple[Floats, Floats, int, Floats | None]

def instruction_sets() -> list[str]: ...
def convolve(
    instruction_set: str, x: Floats, taps: Floats, is_token: Floats | None, threads: int, y: Floats
) -> None: ...
def convolve_backward(
    instruction_set: str,
    x: Floats,
    taps: Floats,
    is_token: Floats | None,
    dy: Floats,
    threads: int,
    dx: Floats | None,
    dtaps: Floats | None,
) -> None: ...

CHANNEL_MULTIPLE: int

class Linear:
    def __init__(self, instruction_set: str, weight: Floats, bias: Floats) -> None: ...
    def apply(self, rows: Floats, result: Floats) -> None: ...

class Encoder:
    def __init__(
        self,
        instruction_set: str,
        precision: str,
        hidden: int,
        heads: int,
        intermediate: int,
        norm_eps: float,
        words: npt.NDArray[np.int8] | npt.NDArray[np.uint8] | Floats,
        word_scales: Floats | None,
        positions: Floats,
        types: Floats,
        norm: _Norm,
    ) -> None: ...
    def add_layer(
        self,
        query: _Weights,
        key: _Weights,
        value: _Weights,
        post_attention: _Weights,
        intermediate: _Weights,
        output: _Weights,
        attention_norm: _Norm,
        output_norm: _Norm,
    ) -> None: ...
    def encode(
        self, ids: Ints, types: Ints, starts: Ints, threads: int, hidden: Floats
    ) -> None: ...
