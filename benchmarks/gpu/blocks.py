"""The blocks on the diagonal of a grouped layer's matrix, which is zero elsewhere."""

from typing import Any

import torch
from torch import Tensor


def block(matrix: Tensor, index: int, blocks: int) -> Tensor:
    """One of the equal blocks on the diagonal of a matrix, as a view."""
    rows, columns = (size // blocks for size in matrix.shape)
    return matrix[index * rows : (index + 1) * rows, index * columns : (index + 1) * columns]


class Blocks(torch.autograd.Function):
    """The blocks on the diagonals of some matrices, [matrices * blocks, rows, columns]."""

    @staticmethod
    def forward(ctx: Any, blocks: int, *matrices: Tensor) -> Tensor:
        """Copies of them."""
        ctx.blocks = blocks
        return torch.stack(
            [block(matrix, index, blocks) for matrix in matrices for index in range(blocks)]
        )

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the matrices, 0 outside of their blocks."""
        found = []
        for ours in gradients[0].split(ctx.blocks):
            rows, columns = (size * ctx.blocks for size in ours.shape[1:])
            found.append(ours.new_zeros(rows, columns))
            for index, one in enumerate(ours):
                block(found[-1], index, ctx.blocks).copy_(one)
        return None, *found
