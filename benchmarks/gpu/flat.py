"""Optimisers of one long vector: on a GPU a step is a few operations, whatever the tensors."""

import math
from collections.abc import Iterable, Mapping

import torch
from benchmarks.gpu import cpu
from benchmarks.gpu.blocks import block
from benchmarks.gpu.device import CPU_KERNELS, DEVICE, GPU, LOW
from benchmarks.gpu.encoder import Parameters
from torch import Tensor
from torch.optim.adamw import adamw

from squeezebert.squeeze.muon import ADAM_STEP, BETAS, EPSILON, MOMENTUM, orthogonal

ALIGNED = 64  # where a tensor may begin, in numbers
NORM = 1.0  # of all gradients together, at most


class Flat:
    """Parameters that learn, back to back in one vector, and those that don't beside them.

    Args:
        parameters: All that the encoder computes with.
        trainable: Those that learn, in order.
        blocks: The blocks on the diagonal of matrices which stay zero elsewhere.

    Attributes:
        master: float32, what the optimiser moves.
        low: The same as it is computed with.
        gradient: Of ``low``.
        parameters: Views of ``low`` by name, and what doesn't learn.
    """

    def __init__(
        self, parameters: Parameters, trainable: Iterable[str], blocks: Mapping[str, int]
    ) -> None:
        self.shapes = {name: parameters[name].shape for name in trainable}
        self._starts: dict[str, int] = {}
        size = 0
        for name, shape in self.shapes.items():
            self._starts[name] = size
            size += -(-shape.numel() // ALIGNED) * ALIGNED
        self.master = torch.zeros(size, device=DEVICE)
        self.low = torch.zeros(size, device=DEVICE, dtype=LOW)
        self.gradient = torch.zeros_like(self.low)
        self.parameters: Parameters = {}
        for name in self.shapes:
            self.view(self.master, name).copy_(parameters[name])
            leaf = self.view(self.low, name).detach().requires_grad_()
            if not CPU_KERNELS:  # a CUDA graph wants its gradients in one place
                leaf.grad = self.view(self.gradient, name)
            self.parameters[name] = leaf
        for name in parameters.keys() - self.shapes.keys():
            self.parameters[name] = parameters[name].to(DEVICE, LOW)
        self.mask = torch.ones_like(self.low)
        self._blocks = {name for name in self.shapes if blocks.get(name, 1) > 1}
        for name in self._blocks:
            mask = self.view(self.mask, name).zero_()
            for index in range(blocks[name]):
                block(mask, index, blocks[name]).fill_(1)
        self.refresh()

    def view(self, vector: Tensor, name: str) -> Tensor:
        """A parameter's place in a vector, in its shape."""
        start, shape = self._starts[name], self.shapes[name]
        return vector[start : start + shape.numel()].view(shape)

    def end(self, names: Iterable[str]) -> int:
        """Where the last of some parameters ends."""
        last = max(self._starts[name] + self.shapes[name].numel() for name in names)
        return -(-last // ALIGNED) * ALIGNED

    def refresh(self) -> None:
        """Computes with the master's values from here on."""
        self.low.copy_(self.master)
        self.gradient.zero_()

    def taken(self) -> Parameters:
        """The gradients of the last backward pass by name, inside the blocks; forgets them."""
        found = {}
        for name in self.shapes:
            leaf = self.parameters[name]
            if leaf.grad is not None:
                found[name], leaf.grad = leaf.grad.contiguous(), None
                if name in self._blocks:
                    found[name] *= self.view(self.mask, name)
        return found

    def clipped(self) -> Tensor:
        """The gradient inside the blocks, of norm 1 at most; zero if it isn't finite."""
        if CPU_KERNELS:
            for name, gradient in self.taken().items():
                self.view(self.gradient, name).copy_(gradient)
            gradient = self.gradient.float()
        else:
            gradient = self.gradient.float() * self.mask
        norm = gradient.norm()
        gradient.mul_((NORM / (norm + 1e-6)).clamp(max=1))
        return torch.where(torch.isfinite(norm), gradient, torch.zeros_like(gradient))

    def computed_with(self, vector: Tensor) -> Parameters:
        """All parameters, those that learn from a vector."""
        own = {name: self.view(vector, name).to(LOW) for name in self.shapes}
        return {**{name: value.detach() for name, value in self.parameters.items()}, **own}

    def kept(self, vector: Tensor) -> Parameters:
        """A copy, float32 on the CPU, of the parameters that learn."""
        return {name: self.view(vector, name).to("cpu", copy=True) for name in self.shapes}


class Adam:
    """AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), and a mean of the parameters it passed.

    Attributes:
        rate: The learning rate of the next step.
        mean: Exponential moving average of the parameters.
    """

    def __init__(self, flat: Flat, decay: float = 0.01, averaged: float = 0.998) -> None:
        self._flat, self._averaged = flat, averaged
        self._first, self._second = torch.zeros_like(flat.master), torch.zeros_like(flat.master)
        self.mean = flat.master.clone()
        self._decay = torch.zeros_like(flat.master)
        self._by_decay: dict[float, list[str]] = {decay: [], 0.0: []}
        for name, shape in flat.shapes.items():
            own = decay if len(shape) == 2 and not name.endswith(".taps") else 0.0
            self._by_decay[own].append(name)
            flat.view(self._decay, name).fill_(own)
        self._steps = torch.zeros((), device=DEVICE)
        self.rate = torch.zeros((), device=DEVICE)

    def step(self) -> None:
        """Moves all parameters by their gradients, and forgets those."""
        flat = self._flat
        self._steps += 1
        if CPU_KERNELS:
            self._step_in_one_pass()
            return
        if not GPU:
            self._step_by_pytorch()
            return
        update = _adam(flat.clipped(), self._first, self._second, self._steps)
        flat.master.sub_((update + self._decay * flat.master) * self.rate)
        self.mean.lerp_(flat.master, 1 - self._averaged)
        flat.refresh()

    def changed(self) -> list[Tensor]:
        """What a step changes."""
        flat = self._flat
        own = [self._first, self._second, self.mean, self._steps]
        return [flat.master, flat.low, flat.gradient, *own]

    def _step_by_pytorch(self) -> None:
        """The same by PyTorch's kernel for CPUs, once for what decays and once for the rest."""
        flat = self._flat
        gradient = flat.clipped()
        beta1, beta2 = BETAS
        for decay, names in self._by_decay.items():
            master, gradients, first, second = (
                [flat.view(vector, name) for name in names]
                for vector in (flat.master, gradient, self._first, self._second)
            )
            adamw(
                master,
                gradients,
                first,
                second,
                max_exp_avg_sqs=[],
                state_steps=[self._steps - 1 for _ in names],
                fused=True,
                amsgrad=False,
                beta1=beta1,
                beta2=beta2,
                lr=float(self.rate),
                weight_decay=decay,
                eps=EPSILON,
                maximize=False,
            )
        self.mean.lerp_(flat.master, 1 - self._averaged)
        flat.refresh()

    def _step_in_one_pass(self) -> None:
        """The same in one pass over the memory."""
        flat, found = self._flat, self._flat.taken()
        norm = math.sqrt(sum(cpu.square_norm(gradient) for gradient in found.values()))
        if not math.isfinite(norm):
            found, norm = {}, 0.0
        corrections = (1 - beta ** float(self._steps) for beta in BETAS)
        fixed = (*BETAS, *corrections, EPSILON, self._averaged)
        scale, rate = min(1.0, NORM / (norm + 1e-6)), float(self.rate)
        for name in flat.shapes:
            gradient = found.get(name, flat.view(flat.gradient, name))  # of one that rests, zeros
            place, *moments = (
                flat.view(of, name) for of in (flat.master, self._first, self._second, self.mean)
            )
            tensors = (place, flat.view(flat.low, name), gradient, *moments)
            decay = float(flat.view(self._decay, name).flatten()[0])
            cpu.adam(tensors, (scale, rate, decay, *fixed))


class Muon:
    """`squeezebert.squeeze.muon.Muon`, for all matrices of a shape at once.

    Args:
        blocks: The matrices it moves, and how many blocks each has. They must come first in
            ``flat``; all that follows is moved by Adam.
    """

    def __init__(self, flat: Flat, blocks: Mapping[str, int], decay: float = 0.01) -> None:
        self._flat, self._decay = flat, decay
        self._end = flat.end(blocks)
        self._momentum = torch.zeros_like(flat.master[: self._end])
        rest = flat.master[self._end :]
        self._first, self._second = torch.zeros_like(rest), torch.zeros_like(rest)
        self._steps = torch.zeros((), device=DEVICE)
        self.rate = torch.zeros((), device=DEVICE)
        self._alike: dict[tuple[int, int], list[tuple[str, int, int]]] = {}
        for name, count in blocks.items():
            rows, columns = flat.shapes[name]
            places = [(name, index, count) for index in range(count)]
            self._alike.setdefault((rows // count, columns // count), []).extend(places)

    def step(self) -> None:
        """Moves all parameters by their gradients, and forgets those."""
        flat, end = self._flat, self._end
        gradient = flat.clipped()
        self._steps += 1
        self._momentum.lerp_(gradient[:end], 1 - MOMENTUM)
        ahead = gradient[:end].lerp(self._momentum, MOMENTUM)  # Nesterov's momentum
        update = torch.zeros_like(ahead)
        for shape, places in self._alike.items():
            moved = orthogonal(
                torch.stack([self._block(ahead, *place) for place in places]).to(LOW)
            )
            moved = moved.float() * (ADAM_STEP * math.sqrt(max(shape)))
            for place, one in zip(places, moved, strict=True):
                self._block(update, *place).copy_(one)
        flat.master[:end].mul_(1 - self.rate * self._decay).sub_(update * self.rate)
        rest = _adam(gradient[end:], self._first, self._second, self._steps)
        flat.master[end:].sub_(rest * self.rate)
        flat.refresh()

    def changed(self) -> list[Tensor]:
        """What a step changes."""
        flat = self._flat
        own = [self._momentum, self._first, self._second, self._steps]
        return [flat.master, flat.low, flat.gradient, *own]

    def _block(self, vector: Tensor, name: str, index: int, count: int) -> Tensor:
        return block(self._flat.view(vector, name), index, count)


def _adam(gradient: Tensor, first: Tensor, second: Tensor, steps: Tensor) -> Tensor:
    first.lerp_(gradient, 1 - BETAS[0])
    second.lerp_(gradient * gradient, 1 - BETAS[1])
    root = (second / (1 - torch.pow(BETAS[1], steps))).sqrt() + EPSILON
    return first / (1 - torch.pow(BETAS[0], steps)) / root
