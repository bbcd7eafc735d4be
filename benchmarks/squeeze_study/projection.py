"""A wider teacher for the last layer: its states are what a linear map makes of the student's."""

import numpy as np
import numpy.typing as npt
import torch
from benchmarks.squeeze_study.taught import BATCH, Taught
from torch import Tensor, nn

from squeezebert.model import SqueezeBertModel

SEQUENCES = 128
"""What the first map is fitted to."""
PENALTY = 1e-3
"""Of the ridge regression, beside the features' mean square."""


class Projection(nn.Linear):
    """From the student's last states [.., C] to the wider teacher's [.., D].

    Begins as the ridge regression of the wider teacher's states on those of the untrained student.
    """

    def __init__(self, student: SqueezeBertModel, wider: Taught) -> None:
        super().__init__(student.config.hidden_size, wider.states.shape[-1])
        self._wider = wider
        self._fit(student)

    def targets(self, rows: npt.NDArray[np.integer]) -> Tensor:
        """The wider teacher's last states [batch, S, D] of the sequences in these rows."""
        return self._wider.batch(rows)[1][-1]

    @torch.no_grad()
    def _fit(self, student: SqueezeBertModel) -> None:
        features, targets = [], []
        for rows in np.arange(SEQUENCES).reshape(-1, BATCH):
            ids, (wanted,) = self._wider.batch(rows)
            features.append(student(input_ids=ids).last_hidden_state.flatten(0, 1))
            targets.append(wanted.flatten(0, 1))
        x, y = torch.cat(features), torch.cat(targets)
        mean_x, mean_y = x.mean(0), y.mean(0)
        x -= mean_x
        gram = x.T @ x
        gram.diagonal().add_(PENALTY * gram.diagonal().mean())
        weight: Tensor = torch.linalg.solve(gram, x.T @ (y - mean_y))
        self.weight.copy_(weight.T)
        self.bias.copy_(mean_y - mean_x @ weight)
