"""Kernels for processors that multiply bfloat16 numbers: `cpu.cpp`, compiled in each process."""

import ctypes
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from squeezebert.bench.machine import processor_flags

_SOURCE = Path(__file__).with_name("cpu.cpp")
_FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math")
_LIBRARY = ("-fopenmp", "-shared", "-fPIC")
_LANES, _TAPS = 16, (3, 5)
_INT, _FLOAT = ctypes.c_int64, ctypes.c_float


@cache
def kernels() -> ctypes.CDLL | None:
    """The compiled kernels; None where the processor's products are missing, or a compiler."""
    compiler = shutil.which("c++")
    if compiler is None or "avx512_bf16" not in processor_flags():
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "cpu.so"
        command = [compiler, *_FLAGS, *_LIBRARY, str(_SOURCE), "-o", str(library)]
        try:
            subprocess.run(command, check=True)
            found = ctypes.CDLL(str(library))
        except (subprocess.CalledProcessError, OSError) as error:
            print(f"No kernels for this processor, so float32: {error}", file=sys.stderr)
            return None
    found.square_norm.restype = ctypes.c_double
    return found


def can_convolve(x: Tensor, taps: Tensor, groups: int = 1) -> bool:
    """Whether `Convolution` takes these."""
    fits = x.shape[-1] % (_LANES * groups) == 0 and len(taps) in _TAPS
    return fits and taps.dtype == torch.bfloat16 and can_norm(x)


def can_norm(x: Tensor) -> bool:
    """Whether `ResidualNorm` takes this."""
    fits = x.shape[-1] % _LANES == 0 and x.dtype == torch.bfloat16 and not x.is_cuda
    return fits and kernels() is not None


class Convolution(torch.autograd.Function):
    """`taps.convolve` by several sets of filters at once, in bfloat16 on the CPU.

    Of x [batch, length, channels] and taps [sets, taps, channels] it makes
    [sets, groups, batch * length, channels / groups]; 0 at padding.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor, lengths: Tensor, groups: int) -> Tensor:
        """The sums."""
        x, taps, lengths = x.contiguous(), taps.contiguous(), lengths.int().contiguous()
        ctx.save_for_backward(x, taps, lengths)
        ctx.groups = groups
        batch, length, channels = x.shape
        y = x.new_empty(len(taps), groups, batch * length, channels // groups)
        _call("convolve", (x, taps, lengths, y), _sizes(x, taps, groups))
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Gradients of the input and of the taps."""
        x, taps, lengths = ctx.saved_tensors
        dx, dtaps = torch.empty_like(x), torch.empty_like(taps)
        tensors = (x, taps, lengths, gradients[0].contiguous(), dx, dtaps)
        _call("convolve_backward", tensors, _sizes(x, taps, ctx.groups))
        return dx, dtaps, None, None


class ResidualNorm(torch.autograd.Function):
    """The layer norm of a sum of two, in bfloat16 on the CPU."""

    @staticmethod
    def forward(
        ctx: Any, a: Tensor, b: Tensor, weight: Tensor, bias: Tensor, epsilon: float
    ) -> Tensor:
        """The norm over the last dimension."""
        a, b = a.contiguous(), b.contiguous()
        total, y = torch.empty_like(a), torch.empty_like(a)
        mean, inverse = a.new_empty((2, *a.shape[:-1]), dtype=torch.float32)
        tensors = (a, b, weight, bias, total, mean, inverse, y)
        _call("residual_norm", tensors, (mean.numel(), a.shape[-1]), (epsilon,))
        ctx.save_for_backward(total, mean, inverse, weight)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        """Gradients of both, of the weight and of the bias."""
        total, mean, inverse, weight = ctx.saved_tensors
        dy = gradients[0].contiguous()
        dtotal, dweight, dbias = (torch.empty_like(of) for of in (total, weight, weight))
        tensors = (total, mean, inverse, weight, dy, dtotal, dweight, dbias)
        _call("residual_norm_backward", tensors, (mean.numel(), total.shape[-1]))
        return dtotal, dtotal, dweight, dbias, None


def square_norm(gradient: Tensor) -> float:
    """The square of a bfloat16 gradient's norm."""
    return float(_call("square_norm", (gradient,), (gradient.numel(),)))


def adam(tensors: tuple[Tensor, ...], numbers: tuple[float, ...]) -> None:
    """A step in one pass over the memory; arguments as `cpu.cpp` names them."""
    _call("adam", tensors, (tensors[0].numel(),), numbers)


def _sizes(x: Tensor, taps: Tensor, groups: int) -> tuple[int, ...]:
    return (*x.shape, len(taps), groups, taps.shape[1])


def _call(
    name: str, tensors: tuple[Tensor, ...], sizes: tuple[int, ...], numbers: tuple[float, ...] = ()
) -> Any:
    found = kernels()
    assert found is not None, "only called where they are"
    places = (ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors)
    return getattr(found, name)(*places, *map(_INT, sizes), *map(_FLOAT, numbers))
