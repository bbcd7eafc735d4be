"""The reference engine: SqueezeBERT in NumPy.

Letters of shapes:

    T tokens   H hidden size   I, O channels in and out   G groups   K kernel taps
    N sequences of equal length   S that length   A heads   D channels of a head
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from squeezebert.bundle import Architecture, Tensor
from squeezebert.bundle.architecture import LAYER_NAMES, WORDS, Mixer
from squeezebert.bundle.tensors import Floats, as_floats
from squeezebert.runtime.activations import gelu, softmax
from squeezebert.runtime.engine import Ints, PackedBatch, check_batch


class NumpyEngine:
    """Runs the encoder of a bundle.

    Quantised encoder weights are dequantised here, once; of the quantised word embeddings only
    the rows that a batch needs, when it needs them.

    Args:
        architecture: shape of the encoder.
        weights: every tensor that ``architecture.shapes()`` names; others are ignored.
    """

    def __init__(self, architecture: Architecture, weights: Mapping[str, Tensor]) -> None:
        self._architecture = architecture
        self._words = weights[WORDS]
        self._positions = as_floats(weights["embeddings.position_embeddings.weight"])
        self._types = as_floats(weights["embeddings.token_type_embeddings.weight"])
        eps = np.float32(architecture.layer_norm_eps)
        self._norm = _LayerNorm.named("embeddings.LayerNorm", weights, eps)
        self._layers = [
            _Layer.numbered(index, architecture, weights, eps)
            for index in range(architecture.num_hidden_layers)
        ]

    @property
    def hidden_size(self) -> int:
        """Width of the hidden states."""
        return self._architecture.hidden_size

    def encode(self, batch: PackedBatch) -> Floats:
        """See `squeezebert.runtime.Engine.encode`."""
        check_batch(batch, self._architecture)
        lengths = batch.lengths
        order = np.argsort(lengths, kind="stable")
        # Token i of the batch sorted by length is token ``source[i]`` of the batch given.
        shifts = batch.cu_seqlens[:-1][order] - _starts(lengths[order])[:-1]
        source = np.arange(len(batch.input_ids)) + np.repeat(shifts, lengths[order])
        packing = _Packing.of(lengths[order])
        hidden_TH = self._embed(batch.input_ids[source], batch.token_type_ids[source], packing)
        for layer in self._layers:
            hidden_TH = layer(hidden_TH, packing)
        result_TH = np.empty_like(hidden_TH)
        result_TH[source] = hidden_TH
        return result_TH

    def _embed(self, ids: Ints, type_ids: Ints, packing: "_Packing") -> Floats:
        words = self._words
        hidden_TH = as_floats(words[ids]) if isinstance(words, np.ndarray) else words.rows(ids)
        hidden_TH += self._positions[packing.positions]
        hidden_TH += self._types[type_ids]
        self._norm(hidden_TH)
        return hidden_TH


@dataclass(frozen=True, slots=True)
class _Packing:
    """Where the sequences of a batch lie; the shorter come first.

    Attributes:
        positions: position of every token in its sequence, ``[T]``.
        ends: length of the sequence of every token, ``[T]``.
        runs: sequences of equal length, as (first token, last token + 1, length).
    """

    positions: Ints
    ends: Ints
    runs: list[tuple[int, int, int]]

    @classmethod
    def of(cls, lengths: Ints) -> "_Packing":
        starts = _starts(lengths)
        ends = np.repeat(lengths, lengths)
        positions = np.arange(len(ends), dtype=np.int32) - np.repeat(starts[:-1], lengths)
        firsts = [*np.flatnonzero(np.diff(lengths, prepend=0)), len(lengths)]
        runs = [
            (int(starts[first]), int(starts[next_]), int(lengths[first]))
            for first, next_ in pairwise(firsts)
        ]
        return cls(positions, ends, runs)


class _LayerNorm:
    def __init__(self, weight: Floats, bias: Floats, eps: np.float32) -> None:
        self._weight, self._bias, self._eps = weight, bias, eps

    @classmethod
    def named(cls, name: str, weights: Mapping[str, Tensor], eps: np.float32) -> "_LayerNorm":
        return cls(as_floats(weights[f"{name}.weight"]), as_floats(weights[f"{name}.bias"]), eps)

    def __call__(self, x_TH: Floats) -> None:
        """Normalises in place."""
        x_TH -= x_TH.mean(axis=-1, keepdims=True)
        variance_T = np.einsum("th,th->t", x_TH, x_TH) / np.float32(x_TH.shape[-1])
        x_TH /= np.sqrt(variance_T + self._eps)[:, None]
        x_TH *= self._weight
        x_TH += self._bias


class _Pointwise:
    """A grouped 1x1 convolution: for each group of channels, a matrix product over all tokens.

    Source: Iandola et al. 2020, "SqueezeBERT", section 3.
    """

    def __init__(self, weight: Floats, bias: Floats, groups: int) -> None:
        """Takes weight [O, I/G, 1] and bias [O]."""
        grouped = weight.reshape(groups, len(weight) // groups, -1)
        self._weight_GIO = np.ascontiguousarray(grouped.transpose(0, 2, 1))
        self._bias_O = bias

    def __call__(self, x_TI: Floats, packing: _Packing) -> Floats:
        y_TO = np.empty((len(x_TI), len(self._bias_O)), np.float32)
        groups = len(self._weight_GIO)
        np.matmul(_by_group(x_TI, groups), self._weight_GIO, out=_by_group(y_TO, groups))
        y_TO += self._bias_O
        return y_TO


class _Separable:
    """A depthwise convolution over each sequence, zero beyond its ends, then a `_Pointwise`."""

    def __init__(self, depthwise: Floats, pointwise: _Pointwise) -> None:
        """Takes the depthwise weight [I, 1, K], K odd."""
        self._taps_KI = np.ascontiguousarray(depthwise[:, 0, :].T)
        self._pointwise = pointwise

    def __call__(self, x_TI: Floats, packing: _Packing) -> Floats:
        reach = len(self._taps_KI) // 2
        y_TI = x_TI * self._taps_KI[reach]
        for distance in range(1, min(reach, len(x_TI) - 1) + 1):
            # ``x[distance:]`` seen from ``x[:-distance]`` and back, unless a sequence ends between.
            apart = (packing.positions + distance >= packing.ends)[:-distance]
            after = x_TI[distance:] * self._taps_KI[reach + distance]
            after[apart] = 0
            before = x_TI[:-distance] * self._taps_KI[reach - distance]
            before[apart] = 0
            y_TI[:-distance] += after
            y_TI[distance:] += before
        return self._pointwise(y_TI, packing)


class _Layer:
    """Attention and the three position-wise layers after it."""

    def __init__(
        self, mixers: dict[str, _Pointwise | _Separable], norms: list[_LayerNorm], heads: int
    ) -> None:
        self._mix, self._norms, self._heads = mixers, norms, heads

    @classmethod
    def numbered(
        cls, index: int, architecture: Architecture, weights: Mapping[str, Tensor], eps: np.float32
    ) -> "_Layer":
        mixers: dict[str, _Pointwise | _Separable] = {}
        for kind, layer_name in LAYER_NAMES.items():
            name = f"encoder.layers.{index}.{layer_name}"
            separable = architecture.mixer == Mixer.SEPARABLE
            inner = f"{name}.pointwise" if separable else name
            pointwise = _Pointwise(
                as_floats(weights[f"{inner}.weight"]),
                as_floats(weights[f"{inner}.bias"]),
                architecture.groups[kind],
            )
            mixers[kind] = (
                _Separable(as_floats(weights[f"{name}.depthwise.weight"]), pointwise)
                if separable
                else pointwise
            )
        norms = [
            _LayerNorm.named(f"encoder.layers.{index}.{kind}.layernorm", weights, eps)
            for kind in ("post_attention", "output")
        ]
        return cls(mixers, norms, architecture.num_attention_heads)

    def __call__(self, x_TH: Floats, packing: _Packing) -> Floats:
        attended_TH = self._mix["post_attention"](self._attend(x_TH, packing), packing)
        attended_TH += x_TH
        self._norms[0](attended_TH)
        wide_TI = self._mix["intermediate"](attended_TH, packing)
        gelu(wide_TI)
        output_TH = self._mix["output"](wide_TI, packing)
        output_TH += attended_TH
        self._norms[1](output_TH)
        return output_TH

    def _attend(self, x_TH: Floats, packing: _Packing) -> Floats:
        query, key, value = (self._mix[kind](x_TH, packing) for kind in ("q", "k", "v"))
        query *= np.float32((x_TH.shape[-1] // self._heads) ** -0.5)
        context_TH = np.empty_like(x_TH)
        for start, stop, length in packing.runs:
            q_NASD, k_NASD, v_NASD, c_NASD = (
                tensor[start:stop]
                .reshape(-1, length, self._heads, x_TH.shape[-1] // self._heads)
                .transpose(0, 2, 1, 3)
                for tensor in (query, key, value, context_TH)
            )
            scores_NASS = q_NASD @ k_NASD.transpose(0, 1, 3, 2)
            softmax(scores_NASS)
            np.matmul(scores_NASS, v_NASD, out=c_NASD)
        return context_TH


def _by_group(x_TI: Floats, groups: int) -> Floats:
    """View [T, I] as [G, T, I/G]."""
    return x_TI.reshape(len(x_TI), groups, x_TI.shape[1] // groups).transpose(1, 0, 2)


def _starts(lengths: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
