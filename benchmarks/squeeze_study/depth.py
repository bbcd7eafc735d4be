"""Students of fewer or more layers than their teacher."""

from dataclasses import replace
from functools import reduce
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezebert.model import SqueezeBertModel
from squeezebert.model.encoder import SqueezeBertLayer
from squeezebert.squeeze.teacher import Teacher, TeacherLayer


def merge_layers(teacher: Teacher, depth: int) -> None:
    """Makes ``depth`` layers of the teacher's, whose parts are those of the last one in each."""
    each = len(teacher.layers) // depth
    starts = range(0, len(teacher.layers), each)
    teacher.layers = [_in_turn(teacher.layers[start : start + each]) for start in starts]


@torch.no_grad()
def insert_layers(student: SqueezeBertModel, shallow: SqueezeBertModel, ids: Tensor) -> None:
    """Gives a student the layers of one half as deep, each followed by one that changes little.

    An inserted layer adds nothing to what it is given, and its last norm undoes what its norms do
    to it, as well as one factor and summand for each channel can.

    Args:
        ids: what the norms are fitted to, [sequences, S].
    """
    student.embeddings.load_state_dict(shallow.embeddings.state_dict())
    student.pooler.load_state_dict(shallow.pooler.state_dict())
    states = shallow(input_ids=ids, output_hidden_states=True).hidden_states[1:]
    layers = cast(list[SqueezeBertLayer], list(student.encoder.layers))
    pairs = zip(layers[::2], layers[1::2], strict=True)
    for (kept, inserted), source, state in zip(pairs, shallow.encoder.layers, states, strict=True):
        kept.load_state_dict(source.state_dict())
        for part in (inserted.post_attention, inserted.output):
            for parameter in part.conv1d.parameters():
                parameter.zero_()
        given = state.flatten(0, 1)
        normed = F.layer_norm(given, given.shape[1:])
        away = normed - normed.mean(0)
        factor = (away * given).mean(0) / away.square().mean(0)
        inserted.output.layernorm.weight.copy_(factor)
        inserted.output.layernorm.bias.copy_(given.mean(0) - factor * normed.mean(0))


def _in_turn(layers: list[TeacherLayer]) -> TeacherLayer:
    def run(hidden: Tensor) -> Tensor:
        return reduce(lambda state, layer: layer.run(state), layers, hidden)

    return replace(layers[-1], run=run)
