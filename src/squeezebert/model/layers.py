"""The layers that make SqueezeBERT: position-wise products split into groups.

Hidden states are channels-last throughout. Letters of shapes:

    B batch   S sequence   N = B * S tokens   G groups   I, O channels in and out   K kernel taps
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the customary name

from squeezebert.model.config import SqueezeBertConfig, SqueezeBertSeparableConfig


class GroupedPointwise(nn.Conv1d):
    """A grouped 1x1 convolution, computed channels-last as one batched matrix product.

    The parameters are those of ``nn.Conv1d``: weight [O, I/G, 1] and bias [O]. Source: Iandola et
    al. 2020, "SqueezeBERT", section 3.
    """

    def __init__(self, channels_in: int, channels_out: int, groups: int) -> None:
        super().__init__(channels_in, channels_out, kernel_size=1, groups=groups)

    def forward(self, x_BSI: Tensor, is_token_BS1: Tensor | None = None) -> Tensor:
        """Maps [B, S, I] to [B, S, O]; each token by itself, so padding does not matter."""
        groups = self.groups
        if groups == 1:
            return F.linear(x_BSI, self.weight.squeeze(-1), self.bias)
        x_GNI = x_BSI.reshape(-1, groups, self.in_channels // groups).transpose(0, 1)
        weight_GOI = self.weight.view(groups, self.out_channels // groups, -1)
        assert self.bias is not None
        bias_G1O = self.bias.view(groups, 1, -1)
        y_GNO = torch.baddbmm(bias_G1O, x_GNI, weight_GOI.transpose(1, 2))
        return y_GNO.transpose(0, 1).reshape(*x_BSI.shape[:-1], self.out_channels)


class DepthwiseSeparable(nn.Module):
    """A depthwise convolution over the sequence, then a grouped 1x1 convolution.

    The depthwise part has weight [I, 1, K], no bias, and pads both ends with K // 2 zeros, so the
    length stays. Padding tokens are zeroed first: a real token sees at a padded end what it would
    see at the end of the sequence.
    """

    def __init__(self, channels_in: int, channels_out: int, groups: int, kernel_size: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(
            channels_in,
            channels_in,
            kernel_size,
            padding=kernel_size // 2,
            groups=channels_in,
            bias=False,
        )
        self.pointwise = GroupedPointwise(channels_in, channels_out, groups)

    def forward(self, x_BSI: Tensor, is_token_BS1: Tensor | None = None) -> Tensor:
        """Maps [B, S, I] to [B, S, O]; ``is_token_BS1`` is 0 at padding, None if there is none."""
        if is_token_BS1 is not None:
            x_BSI = x_BSI * is_token_BS1
        # Shifted products: torch's depthwise convolution wants channels first, and two transposes.
        length, reach = x_BSI.shape[1], self.depthwise.kernel_size[0] // 2
        padded_BSI = F.pad(x_BSI, (0, 0, reach, reach))
        taps_KI = self.depthwise.weight.squeeze(1).t()
        mixed_BSI = padded_BSI[:, :length] * taps_KI[0]
        for k in range(1, len(taps_KI)):
            mixed_BSI = torch.addcmul(mixed_BSI, padded_BSI[:, k : k + length], taps_KI[k])
        return cast(Tensor, self.pointwise(mixed_BSI))


def position_wise(
    config: SqueezeBertConfig, channels_in: int, channels_out: int, groups: int
) -> GroupedPointwise | DepthwiseSeparable:
    """The position-wise layer of the kind that ``config`` asks for."""
    if isinstance(config, SqueezeBertSeparableConfig):
        return DepthwiseSeparable(channels_in, channels_out, groups, config.kernel_size)
    return GroupedPointwise(channels_in, channels_out, groups)
