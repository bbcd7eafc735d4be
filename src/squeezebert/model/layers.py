"""The layers that make SqueezeBERT: position-wise products split into groups.

Hidden states are channels-last throughout. Letters of shapes:

    B batch   S sequence   N = B * S tokens   G groups   I, O channels in and out   K kernel taps
    T sequence with the padding that the taps need
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from squeezebert.bundle.tensors import Floats
from squeezebert.model.config import SqueezeBertConfig, SqueezeBertSeparableConfig
from squeezebert.runtime import depthwise


def grouped_product(x_NGI: Tensor, weight_GOI: Tensor, bias_GO: Tensor) -> Tensor:
    """A matrix product of its own for each group: [N, G, O], seen through a transposition."""
    y_GNO = torch.baddbmm(bias_GO.unsqueeze(1), x_NGI.transpose(0, 1), weight_GOI.mT)
    return y_GNO.transpose(0, 1)


class InPlaceGroupedProduct(torch.autograd.Function):
    """`grouped_product` that writes its result, and its gradients, where they belong.

    The batched product wants the groups outermost, the layers before and after want them inside a
    token's channels. On a processor the product can write with strides, which saves the copies.
    """

    @staticmethod
    def forward(ctx: Any, x_NGI: Tensor, weight_GOI: Tensor, bias_GO: Tensor) -> Tensor:
        """As `grouped_product`, but contiguous."""
        ctx.save_for_backward(x_NGI, weight_GOI)
        y_NGO = x_NGI.new_empty(len(x_NGI), *bias_GO.shape)
        y_GNO = y_NGO.transpose(0, 1)
        torch.baddbmm(bias_GO.unsqueeze(1), x_NGI.transpose(0, 1), weight_GOI.mT, out=y_GNO)
        return y_NGO

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_NGO: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of what needs one, in their own shapes."""
        x_NGI, weight_GOI = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        dy_GNO = dy_NGO.transpose(0, 1)
        dx_NGI = dweight_GOI = None
        if needs_x:
            dx_NGI = torch.empty_like(x_NGI)
            torch.bmm(dy_GNO, weight_GOI, out=dx_NGI.transpose(0, 1))
        if needs_weight:
            dweight_GOI = torch.bmm(dy_GNO.mT, x_NGI.transpose(0, 1))
        return dx_NGI, dweight_GOI, dy_NGO.sum(0) if needs_bias else None


# With fewer, sharing the groups' small products among threads saves more than the copies cost.
MANY_TOKENS = 512


def in_groups(x_NGI: Tensor, weight_GOI: Tensor, bias_GO: Tensor) -> Tensor:
    """`InPlaceGroupedProduct` where it can be and is quicker, else `grouped_product`: [N, G, O]."""
    in_place = (
        # The compiler plans its own memory. Asked later, an export would fix the length.
        not torch.compiler.is_compiling()
        and len(x_NGI) >= MANY_TOKENS
        and x_NGI.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")  # it doesn't cast for products with `out`
    )
    product = InPlaceGroupedProduct.apply if in_place else grouped_product
    return cast(Tensor, product(x_NGI, weight_GOI, bias_GO))


class GroupedPointwise(nn.Conv1d):
    """A grouped 1x1 convolution, computed channels-last as one batched matrix product.

    The parameters are those of ``nn.Conv1d``: weight [O, I/G, 1] and bias [O]. So are the
    arguments, by which adapters make layers of the same class beside this one. Source: Iandola et
    al. 2020, "SqueezeBERT", section 3.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int] = 1,
        stride: int | tuple[int] = 1,
        padding: int | tuple[int] = 0,
        dilation: int | tuple[int] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias
        )

    def forward(self, x_BSI: Tensor, is_token_BS1: Tensor | None = None) -> Tensor:
        """Maps [B, S, I] to [B, S, O]; each token by itself, so padding does not matter."""
        weight, bias, groups = self.weight, self.bias, self.groups
        if groups == 1:
            return F.linear(x_BSI, weight.squeeze(-1), bias)
        inputs = weight.shape[1]
        if bias is None:  # as in an adapter's layers
            bias = weight.new_zeros(len(weight))
        x_NGI = x_BSI.reshape(-1, groups, inputs)
        y_NGO = in_groups(x_NGI, weight.view(groups, -1, inputs), bias.view(groups, -1))
        return y_NGO.reshape(*x_BSI.shape[:-1], len(weight))


def shifted_products(padded_BTI: Tensor, taps_KI: Tensor) -> Tensor:
    """The sum of a sequence's shifts, each times its tap: [B, S, I] from [B, T = S + K - 1, I]."""
    length = padded_BTI.shape[1] - taps_KI.shape[0] + 1
    y_BSI = padded_BTI[:, :length] * taps_KI[0]
    for k in range(1, taps_KI.shape[0]):
        y_BSI = torch.addcmul(y_BSI, padded_BTI[:, k : k + length], taps_KI[k])
    return y_BSI


class InPlaceShiftedProducts(torch.autograd.Function):
    """`shifted_products` that adds up its result, and its gradient, where they belong.

    Autograd would lay out the gradient of each shift in a tensor of its own, then add them: twice
    the time.
    """

    @staticmethod
    def forward(ctx: Any, padded_BTI: Tensor, taps_KI: Tensor) -> Tensor:
        """As `shifted_products`."""
        ctx.save_for_backward(padded_BTI, taps_KI)
        length = padded_BTI.shape[1] - len(taps_KI) + 1
        y_BSI = padded_BTI[:, :length] * taps_KI[0]
        for k in range(1, len(taps_KI)):
            y_BSI.addcmul_(padded_BTI[:, k : k + length], taps_KI[k])
        return y_BSI

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BSI: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Gradients of what needs one, in their own shapes."""
        padded_BTI, taps_KI = ctx.saved_tensors
        needs_padded, needs_taps = ctx.needs_input_grad
        length = dy_BSI.shape[1]
        dpadded_BTI = dtaps_KI = None
        if needs_padded:
            dpadded_BTI = torch.zeros_like(padded_BTI)
            for k in range(len(taps_KI)):
                dpadded_BTI[:, k : k + length].addcmul_(dy_BSI, taps_KI[k])
        if needs_taps:
            shifts = (padded_BTI[:, k : k + length] for k in range(len(taps_KI)))
            dtaps_KI = torch.stack([(dy_BSI * shift_BSI).sum((0, 1)) for shift_BSI in shifts])
        return dpadded_BTI, dtaps_KI


def is_recorded() -> bool:
    """Whether a compiler or a trace looks on, which plan memory themselves and know no kernel."""
    return torch.compiler.is_compiling() or bool(torch.jit.is_tracing())  # type: ignore[attr-defined]  # torch.jit imports it, but not in __all__


class NativeConvolution(torch.autograd.Function):
    """A depthwise convolution by the engine's kernels, in float32 on a processor.

    Products of shifts give the same, and take half as long again for a small encoder's step.
    """

    @staticmethod
    def forward(ctx: Any, x_BSI: Tensor, taps_KI: Tensor, is_token_BS1: Tensor | None) -> Tensor:
        """Maps [B, S, I] to the same shape; ``is_token_BS1`` is 0 where a token counts as zeros."""
        given = [x_BSI.contiguous(), taps_KI.contiguous()]
        if is_token_BS1 is not None:
            is_token_BS = is_token_BS1.squeeze(-1).to(x_BSI.dtype)
            given.append(is_token_BS.expand(x_BSI.shape[:2]).contiguous())
        ctx.save_for_backward(*given)
        y_BSI = torch.empty_like(given[0])
        depthwise.convolve(*_arrays(given), y_BSI.numpy(), threads=torch.get_num_threads())
        return y_BSI

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy_BSI: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Gradients of what needs one, in their own shapes."""
        given = ctx.saved_tensors
        dx_BSI, dtaps_KI = (
            torch.empty_like(tensor) if needed else None
            for tensor, needed in zip(given[:2], ctx.needs_input_grad[:2], strict=True)
        )
        depthwise.convolve_backward(
            *_arrays(given),
            dy_BSI.contiguous().numpy(),
            None if dx_BSI is None else dx_BSI.numpy(),
            None if dtaps_KI is None else dtaps_KI.numpy(),
            threads=torch.get_num_threads(),
        )
        return dx_BSI, dtaps_KI, None


def _arrays(given: Sequence[Tensor]) -> tuple[Floats, Floats, Floats | None]:
    """Texts, filters, and the mask of tokens or None, as the kernels read them."""
    x_BSI, taps_KI, *is_token_BS = (tensor.detach().numpy() for tensor in given)
    return x_BSI, taps_KI, is_token_BS[0] if is_token_BS else None


def fits_native(x_BSI: Tensor, taps_KI: Tensor) -> bool:
    """Whether `NativeConvolution` takes these: plain tensors of float32 in memory, not traced."""
    if is_recorded():  # asked first: a compiler would look into all that follows
        return False
    readable = all(
        type(x) in (Tensor, nn.Parameter) and x.device.type == "cpu" and x.dtype == torch.float32
        for x in (x_BSI, taps_KI)
    )
    return readable and taps_KI.shape[0] % 2 == 1 and depthwise.convolves(x_BSI.shape[-1])


class Depthwise(nn.Conv1d):
    """A convolution over the sequence with one filter for each channel, computed channels-last.

    Weight [I, 1, K], no bias; both ends are padded with K // 2 zeros, so the length stays.
    """

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__(channels, channels, kernel_size, groups=channels, bias=False)

    def forward(self, x_BSI: Tensor, is_token_BS1: Tensor | None = None) -> Tensor:
        """Maps [B, S, I] to the same shape; ``is_token_BS1`` is 0 where a token counts as zeros."""
        taps_KI = self.weight.squeeze(1).t()
        if fits_native(x_BSI, taps_KI):
            return cast(Tensor, NativeConvolution.apply(x_BSI, taps_KI, is_token_BS1))
        if is_token_BS1 is not None:
            x_BSI = x_BSI * is_token_BS1
        # Shifted products: torch's own wants channels first, and so two transpositions.
        reach = taps_KI.shape[0] // 2
        padded_BTI = F.pad(x_BSI, (0, 0, reach, reach))
        if is_recorded():
            return shifted_products(padded_BTI, taps_KI)
        return cast(Tensor, InPlaceShiftedProducts.apply(padded_BTI, taps_KI))


class DepthwiseSeparable(nn.Module):
    """A depthwise convolution over the sequence, then a grouped 1x1 convolution.

    Padding tokens are zeroed first: a real token sees at a padded end what it would see at the end
    of the sequence.
    """

    def __init__(self, channels_in: int, channels_out: int, groups: int, kernel_size: int) -> None:
        super().__init__()
        self.depthwise = Depthwise(channels_in, kernel_size)
        self.pointwise = GroupedPointwise(channels_in, channels_out, groups=groups)

    def forward(self, x_BSI: Tensor, is_token_BS1: Tensor | None = None) -> Tensor:
        """Maps [B, S, I] to [B, S, O]; ``is_token_BS1`` is 0 at padding, None if there is none."""
        return cast(Tensor, self.pointwise(self.depthwise(x_BSI, is_token_BS1)))


def drop(x: Tensor, probability: float, training: bool) -> Tensor:
    """Dropout, in which a random number of 64 bits decides over four values.

    On a processor torch draws one for each value, on one thread, which is a sixth of the time of a
    training step. The probability is rounded to a multiple of 2**-16, and the scale fits it.
    """
    dropped = round(probability * 2**16)
    if x.device.type != "cpu" or torch.compiler.is_compiling() or dropped == 2**16:
        return F.dropout(x, probability, training)
    if not training or not dropped:
        return x
    draws = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    draw = draws.view(torch.int16)[: x.numel()].view(x.shape)
    return torch.where(draw >= dropped - 2**15, x * (2**16 / (2**16 - dropped)), 0.0)


class Dropout(nn.Dropout):
    """``nn.Dropout`` through `drop`."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps any shape to the same."""
        return drop(x, self.p, self.training)


def position_wise(
    config: SqueezeBertConfig, channels_in: int, channels_out: int, groups: int
) -> GroupedPointwise | DepthwiseSeparable:
    """The position-wise layer of the kind that ``config`` asks for."""
    if isinstance(config, SqueezeBertSeparableConfig):
        return DepthwiseSeparable(channels_in, channels_out, groups, config.kernel_size)
    return GroupedPointwise(channels_in, channels_out, groups=groups)
