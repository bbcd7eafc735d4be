"""A teacher's hidden states, computed once and kept on disk for every student."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from squeezebert.data.corpus import Corpus
from squeezebert.model import SqueezeBertModel
from squeezebert.squeeze.losses import squared_error
from squeezebert.squeeze.teacher import Teacher

LENGTH = 128
BATCH = 16


@dataclass(frozen=True)
class Taught:
    """Token ids [sequences, S] and the states after each layer, float16 [layers, sequences, S, C].

    ``order`` is that of the channels which the states are wanted in.
    """

    ids: npt.NDArray[np.integer]
    states: npt.NDArray[np.float16]
    order: Tensor

    def batch(self, rows: npt.NDArray[np.integer]) -> tuple[Tensor, list[Tensor]]:
        """Ids [batch, S] and the states after each layer, float32 [batch, S, C]."""
        ids = torch.from_numpy(self.ids[rows].astype(np.int64))
        states = [torch.from_numpy(layer[rows]).float() for layer in self.states]
        return ids, [state[..., self.order] for state in states]

    @torch.no_grad()
    def errors(self, student: SqueezeBertModel) -> list[float]:
        """The student's relative error after each layer over all sequences."""
        batches = np.split(np.arange(len(self.ids)), len(self.ids) // (2 * BATCH))
        total = torch.zeros(min(len(self.states), student.config.num_hidden_layers))
        for rows in batches:
            ids, wanted = self.batch(rows)
            states = student(input_ids=ids, output_hidden_states=True).hidden_states[1:]
            pairs = same_depth(states, wanted)
            total += torch.stack([squared_error(state, target) for state, target in pairs])
        return [round(float(error), 4) for error in (total / len(batches)).sqrt()]


def same_depth(states: Sequence[Tensor], wanted: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """The student's states and the teacher's where both are equally far, to the last of each."""
    shared = min(len(states), len(wanted))
    ours, theirs = (
        each[len(each) // shared - 1 :: len(each) // shared] for each in (states, wanted)
    )
    return list(zip(ours, theirs, strict=True))


def spread(corpus: Corpus, sequences: int) -> npt.NDArray[np.integer]:
    """Ids [sequences, S] of sequences from all over the corpus, in a random order."""
    chosen = np.linspace(0, len(corpus) - 1, sequences).astype(int)
    return np.stack([corpus[int(index)] for index in np.random.default_rng(0).permutation(chosen)])


def teach(
    teacher: Teacher, ids: npt.NDArray[np.integer], folder: Path, *, last_only: bool = False
) -> Taught:
    """Runs the teacher on ids [sequences, S], unless ``folder`` keeps its states already.

    Args:
        ids: their number is a multiple of `BATCH`.
        last_only: keep the states after the last layer only.
    """
    digest = hashlib.sha256(np.ascontiguousarray(ids).tobytes()).hexdigest()[:16]
    file = folder / f"states-{digest}.npy"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        layers = slice(-1 if last_only else 1, None)
        count = 1 if last_only else len(teacher.layers)
        part = file.with_suffix(".part")
        shape = (count, len(ids), LENGTH, teacher.config.hidden_size)
        states = np.lib.format.open_memmap(part, mode="w+", dtype=np.float16, shape=shape)
        for first in range(0, len(ids), BATCH):
            batch = torch.from_numpy(ids[first : first + BATCH].astype(np.int64))
            for layer, state in enumerate(teacher.hidden_states(batch)[layers]):
                states[layer, first : first + BATCH] = state.numpy()
        states.flush()
        part.rename(file)
    order = torch.arange(teacher.config.hidden_size)
    return Taught(ids, np.load(file, mmap_mode="r"), order)
