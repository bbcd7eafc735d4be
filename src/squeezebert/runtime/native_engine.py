"""The fast engine: SqueezeBERT in C++, with the best instructions that the machine has."""

import math
import os
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from squeezebert.bundle import Architecture, Tensor
from squeezebert.bundle.architecture import LAYER_NAMES, WORDS, Mixer
from squeezebert.bundle.tensors import Floats, as_floats, integers_and_scale, release
from squeezebert.errors import InputError
from squeezebert.runtime.engine import PackedBatch, check_batch
from squeezebert.runtime.processors import processors
from squeezebert.shutdown import extension_call

if TYPE_CHECKING:
    from squeezebert.runtime import _native

Precision: TypeAlias = Literal["int8", "bf16", "fp32"]

ISA_VARIABLE = "SQUEEZEBERT_ISA"
"""Environment variable that names the instruction set to use instead of the best one."""

_SMALLEST_WIDTH = 32


def available() -> bool:
    """Whether the native engine was built with this installation."""
    return _extension() is not None


def instruction_sets() -> list[str]:
    """Instruction sets that the native engine can use on this machine, best first."""
    extension = _extension()
    return list(extension.instruction_sets()) if extension else []


def chosen_instruction_set() -> str:
    """The best instruction set, or the one that ``SQUEEZEBERT_ISA`` names.

    Raises:
        InputError: the variable names one that this machine or this build does not have.
    """
    usable = instruction_sets()
    wanted = os.environ.get(ISA_VARIABLE) or usable[0]
    if wanted not in usable:
        raise InputError(
            f"{ISA_VARIABLE} is {wanted!r}, but this machine has {', '.join(usable)}. "
            "Unset it or name one of these."
        )
    return wanted


def fits(architecture: Architecture) -> bool:
    """Whether the native engine can run an architecture: widths must be multiples of 32.

    A feed-forward whose two layers have the same groups is widened to the next one.
    """
    groups = architecture.groups
    return architecture.hidden_size % _SMALLEST_WIDTH == 0 and (
        architecture.intermediate_size % _SMALLEST_WIDTH == 0
        or groups["intermediate"] == groups["output"]
    )


class NativeEngine:
    """Runs the encoder of a bundle.

    Weights are packed here, once, for the instruction set in use; the word embeddings stay where
    they are, in the mapped file. It may be called from several threads at once, which it lets run;
    results do not depend on the number of threads.

    Args:
        architecture: shape of the encoder, see `fits`.
        weights: every tensor that ``architecture.shapes()`` names; others are ignored.
        precision: "int8" multiplies int8 weights with activations that are quantised to int8 by
            token and group; "bf16" keeps weights in bfloat16, and rounds activations to it where
            the machine has AMX; "fp32" rounds nothing.
        threads: how many threads to use at most; by default as many as there are processors that
            this process may use, see `squeezebert.runtime.processors`.
        instruction_set: one of `instruction_sets`; by default see `chosen_instruction_set`.

    Raises:
        InputError: an argument can't be used.
        ImportError: the native engine was not built, see `available`.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: Mapping[str, Tensor],
        precision: Precision = "int8",
        threads: int | None = None,
        instruction_set: str | None = None,
    ) -> None:
        from squeezebert.runtime import _native

        if precision not in get_args(Precision):
            raise InputError(f"Precision is {precision!r}, not one of int8, bf16, fp32.")
        if threads is not None and threads < 1:
            raise InputError(f"An engine needs at least one thread, not {threads}.")
        if not fits(architecture):
            raise InputError(
                f"The native engine needs widths that are multiples of {_SMALLEST_WIDTH}, not "
                f"{architecture.hidden_size} and {architecture.intermediate_size}. "
                "Use the NumPy engine."
            )
        self._architecture = architecture
        neurons = _neurons(architecture)
        self._threads = threads or processors()
        words, word_scales = _words(weights)
        self._encoder = _native.Encoder(
            instruction_set=instruction_set or chosen_instruction_set(),
            precision=precision,
            hidden=architecture.hidden_size,
            heads=architecture.num_attention_heads,
            intermediate=neurons * architecture.groups["intermediate"],
            norm_eps=architecture.layer_norm_eps,
            words=words,
            word_scales=word_scales,
            positions=as_floats(weights["embeddings.position_embeddings.weight"]),
            types=as_floats(weights["embeddings.token_type_embeddings.weight"]),
            norm=_norm("embeddings.LayerNorm", weights),
        )
        for index in range(architecture.num_hidden_layers):
            name = f"encoder.layers.{index}"
            query, key, value, post_attention, intermediate, output = (
                _position_wise(name, kind, architecture, weights, neurons) for kind in LAYER_NAMES
            )
            self._encoder.add_layer(
                query,
                key,
                value,
                post_attention,
                intermediate,
                output,
                _norm(f"{name}.post_attention.layernorm", weights),
                _norm(f"{name}.output.layernorm", weights),
            )

    @property
    def hidden_size(self) -> int:
        """Width of the hidden states."""
        return self._architecture.hidden_size

    def encode(self, batch: PackedBatch) -> Floats:
        """See `squeezebert.runtime.Engine.encode`."""
        check_batch(batch, self._architecture)
        hidden_TH = np.empty((len(batch.input_ids), self.hidden_size), np.float32)
        with extension_call:
            self._encoder.encode(
                batch.input_ids, batch.token_type_ids, batch.cu_seqlens, self._threads, hidden_TH
            )
        return hidden_TH


def linear(weight_OI: Floats, bias_O: Floats) -> "_native.Linear | None":
    """A dense layer in float32 with the kernels of the engine; None where it was not built."""
    extension = _extension()
    if extension is None:
        return None
    layer: _native.Linear = extension.Linear(
        chosen_instruction_set(), np.ascontiguousarray(weight_OI), np.ascontiguousarray(bias_O)
    )
    return layer


@cache  # an import that fails is tried anew each time
def _extension() -> ModuleType | None:
    try:
        from squeezebert.runtime import _native
    except ImportError:
        return None
    return _native


def _words(
    weights: Mapping[str, Tensor],
) -> tuple[npt.NDArray[Any], Floats | None]:
    """The word table as it is stored, and the scales of each row where it holds integers."""
    table = weights[WORDS]
    words, scale = integers_and_scale(table)
    if scale is None:
        return as_floats(table), None
    return words, scale.astype(np.float32).reshape(len(words), -1)


def _norm(name: str, weights: Mapping[str, Tensor]) -> tuple[Floats, Floats]:
    return as_floats(weights[f"{name}.weight"]), as_floats(weights[f"{name}.bias"])


def _neurons(architecture: Architecture) -> int:
    """Neurons in a group of the feed-forward, with those added to make widths that vectors divide.

    The added ones have weights of zero on both sides, so results stay the same.
    """
    groups = architecture.groups["intermediate"]
    neurons = architecture.intermediate_size // groups
    step = _SMALLEST_WIDTH // math.gcd(_SMALLEST_WIDTH, groups)
    return -(-neurons // step) * step


def _position_wise(
    layer: str, kind: str, architecture: Architecture, weights: Mapping[str, Tensor], neurons: int
) -> tuple[Floats, Floats, int, Floats | None]:
    """Weight [O, I/G], bias [O], groups, and depthwise taps [I, K] of a layer that has them."""
    groups = architecture.groups[kind]
    name = f"{layer}.{LAYER_NAMES[kind]}"
    taps = None
    if architecture.mixer == Mixer.SEPARABLE:
        taps = as_floats(weights[f"{name}.depthwise.weight"])[:, 0, :]
        name += ".pointwise"
    weight = as_floats(weights[f"{name}.weight"])[..., 0]
    release(weights[f"{name}.weight"])  # else the file's pages stay beside the packed weights
    bias = as_floats(weights[f"{name}.bias"])
    if neurons * architecture.groups["intermediate"] > architecture.intermediate_size:
        if kind == "intermediate":
            weight, bias = (_widened(array, groups, neurons) for array in (weight, bias))
        elif kind == "output":
            weight = _widened(weight.T, 1, neurons).T
            taps = None if taps is None else _widened(taps, groups, neurons)
    return np.ascontiguousarray(weight), bias, groups, taps


def _widened(rows: Floats, groups: int, size: int) -> Floats:
    """Rows with zeros after those of each group, ``[groups * size, ...]``."""
    grouped = rows.reshape(groups, len(rows) // groups, *rows.shape[1:])
    widened = np.zeros((groups, size, *rows.shape[1:]), np.float32)
    widened[:, : grouped.shape[1]] = grouped
    return widened.reshape(groups * size, *rows.shape[1:])
