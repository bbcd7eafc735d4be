"""Several processes of one training, as torchrun starts them: one leads, all compute."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import TypeVar, cast

import torch
from torch import Tensor

from squeezebert.errors import InputError

T = TypeVar("T")

_PATIENCE = timedelta(days=7)  # while one reads, asks a teacher or scores, the others wait
_ALONE = ContextVar("_ALONE", default=False)


def processes() -> int:
    """How many there are; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def number() -> int:
    """Which of them this is, from 0."""
    return int(os.environ.get("RANK", "0"))


def leads() -> bool:
    """Whether this is the one that reads text, writes and speaks."""
    return number() == 0


def on_processors() -> bool:
    """Whether several processes compute without accelerators, which has to be said."""
    return processes() > 1 and not torch.cuda.is_available()


def join() -> None:
    """Meets the other processes, if there are some.

    Raises:
        InputError: They can't be met.
    """
    if processes() > 1:
        from accelerate import PartialState

        try:
            PartialState(cpu=on_processors(), timeout=_PATIENCE)  # gloo, or else nccl
        except (ValueError, RuntimeError) as error:
            raise InputError(
                f"WORLD_SIZE says that there are {processes()} processes, and they can't be met: "
                f"{str(error).rstrip('.')}. Start them by torchrun or accelerate."
            ) from error


def wait() -> None:
    """Returns when every process is here."""
    if processes() > 1:
        torch.distributed.barrier()


def told(value: T) -> T:
    """What the leading process gave, in every process."""
    if processes() == 1:
        return value
    values = [value]
    torch.distributed.broadcast_object_list(values, src=0)
    return values[0]


def led(compute: Callable[[], T]) -> T:
    """What the leading process computes, in every process."""
    return cast(T, told(compute() if leads() else None))


@contextmanager
def alone() -> Iterator[None]:
    """Inside, each process computes the same by itself: its own rows are all there are."""
    before = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(before)


def _shares() -> bool:
    """Whether other processes have other rows."""
    return processes() > 1 and not _ALONE.get()


def mean_of_all(value: Tensor) -> Tensor:
    """The mean over processes, to divide by; no gradient goes through it."""
    if not _shares():
        return value
    mean = value.detach().clone()
    torch.distributed.all_reduce(mean)
    return mean / processes()


def mean_of_losses(losses: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean of the losses of all processes, 0 of none.

    As they average their gradients, each divides its sum by what is the mean of all counts.

    Args:
        losses: of this process, ``[n]``.
        weights: of its losses, ``[n]``; without, all weigh the same.
    """
    weights = torch.ones_like(losses) if weights is None else weights
    total = mean_of_all(weights.sum())
    return (weights * losses).sum() / total.where(total > 0, 1)


def rows_of_all(rows: Tensor) -> Tensor:
    """The rows of all processes, for a loss that compares each with each.

    As they average their gradients, that of this process's rows is multiplied by their number.

    Args:
        rows: of this process, ``[n]``; others may have more or fewer.
    """
    if not _shares():
        return rows
    counts = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(processes())]
    torch.distributed.all_gather(counts, counts[0].new_tensor([len(rows)]))
    padded = rows.new_zeros(int(max(counts)))
    padded[: len(rows)] = rows.detach()
    found = [torch.empty_like(padded) for _ in counts]
    torch.distributed.all_gather(found, padded)
    parts = [part[: int(count)] for part, count in zip(found, counts, strict=True)]
    parts[number()] = rows + (processes() - 1) * (rows - rows.detach())
    return torch.cat(parts)


@contextmanager
def leader_first() -> Iterator[None]:
    """The leading process goes first, so that the others find done what they would do too."""
    if not leads():
        wait()
    yield
    if leads():
        wait()


def share_of(batch_size: int) -> int:
    """What a process takes of a batch.

    Raises:
        InputError: The batch can't be cut into equal parts.
    """
    share, rest = divmod(batch_size, processes())
    if rest:
        raise InputError(
            f"A batch of {batch_size} can't be cut into equal parts for {processes()} processes. "
            "Give a multiple of their number."
        )
    return share
