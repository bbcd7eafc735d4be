"""A teacher's hidden states, computed once and kept on disk for every student."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from squeezebert.data.corpus import Corpus
from squeezebert.model import SqueezeBertModel
from squeezebert.training.distillation_loss import squared_error
from squeezebert.training.teachers import Teacher

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
        total = torch.zeros(len(self.states))
        for rows in batches:
            ids, wanted = self.batch(rows)
            states = student(input_ids=ids, output_hidden_states=True).hidden_states[1:]
            total += torch.stack([squared_error(s, t) for s, t in zip(states, wanted, strict=True)])
        return [round(float(error), 4) for error in (total / len(batches)).sqrt()]


def teach(teacher: Teacher, corpus: Corpus, sequences: int, folder: Path) -> Taught:
    """Runs the teacher on sequences spread over the corpus, unless ``folder`` keeps that already.

    Args:
        sequences: a multiple of twice `BATCH`.
    """
    ids_file, states_file = folder / "ids.npy", folder / "states.npy"
    if not states_file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        chosen = np.random.default_rng(0).permutation(
            np.linspace(0, len(corpus) - 1, sequences).astype(int)
        )
        ids = np.stack([corpus[int(index)] for index in chosen])
        np.save(ids_file, ids)
        part = states_file.with_suffix(".part")
        shape = (len(teacher.layers), sequences, LENGTH, teacher.config.hidden_size)
        states = np.lib.format.open_memmap(part, mode="w+", dtype=np.float16, shape=shape)
        for first in range(0, sequences, BATCH):
            batch = torch.from_numpy(ids[first : first + BATCH].astype(np.int64))
            for layer, state in enumerate(teacher.hidden_states(batch)[1:]):
                states[layer, first : first + BATCH] = state.numpy()
        states.flush()
        part.rename(states_file)
    order = torch.arange(teacher.config.hidden_size)
    return Taught(np.load(ids_file), np.load(states_file, mmap_mode="r"), order)
