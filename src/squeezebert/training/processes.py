"""Several processes of one training, as torchrun starts them: one leads, all compute."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from squeezebert.errors import InputError

T = TypeVar("T")


def processes() -> int:
    """How many there are; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leads() -> bool:
    """Whether this is the one that reads text, writes and speaks."""
    return os.environ.get("RANK", "0") == "0"


def on_processors() -> bool:
    """Whether several processes compute without accelerators, which has to be said."""
    return processes() > 1 and not torch.cuda.is_available()


def join() -> None:
    """Meets the other processes, if there are some."""
    if processes() > 1:
        from accelerate import PartialState

        PartialState(cpu=on_processors())  # gloo, or else nccl


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


def mean_of_all(value: Tensor) -> Tensor:
    """The mean over processes, to divide by; no gradient goes through it."""
    if processes() == 1:
        return value
    mean = value.detach().clone()
    torch.distributed.all_reduce(mean)
    return mean / processes()


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
