"""Which channels of the residual stream make up a group."""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

from squeezebert.squeeze.teacher import Teacher

ROUNDS = 5


def by_energy(teacher: Teacher, groups: int, states: Tensor) -> Tensor:
    """The order that keeps most of the weights' energy inside groups, as far as a search finds.

    Alternates between putting heads and neurons where the channels are that they read and write,
    and channels where those heads and neurons are.

    Args:
        states: Hidden states of some tokens after each layer, [layers, tokens, C].
    """
    heads = teacher.config.num_attention_heads
    links = []  # energy between each head or neuron and each channel
    for layer, variance in zip(teacher.layers, states.var(1), strict=True):
        parts = (layer.query, layer.key, layer.value)
        read = sum(part.weight.square() / part.weight.square().mean() for part in parts) * variance
        links.append(read.unflatten(0, (heads, -1)).sum(1))
        widened = layer.intermediate.weight.square() * variance
        narrowed = layer.output.weight.square().T
        links.append(widened / widened.sum() + narrowed / narrowed.sum())
    links = [link / link.sum() for link in links]
    width = teacher.config.hidden_size
    best, order = 0.0, torch.arange(width)
    for start in (torch.arange(width), torch.randperm(width)):
        label = start * groups // width
        for _ in range(ROUNDS):
            inside = F.one_hot(label, groups).float()
            members = [F.one_hot(_seat((link @ inside).T), groups).float() for link in links]
            gain = sum(m.T @ link for m, link in zip(members, links, strict=True))
            assert isinstance(gain, Tensor)
            label = _seat(gain)
        kept = float(gain[label, torch.arange(width)].sum()) / len(links)
        if kept > best:
            best, order = kept, label.sort(stable=True).indices
    return order


def correlated_apart(groups: int, states: Tensor) -> Tensor:
    """Spreads correlated channels over the groups, so that each group knows of everything."""
    correlations = torch.stack([torch.corrcoef(layer.T) for layer in states])
    correlation = correlations.nan_to_num().square().mean(0)  # a channel may be constant
    correlation.fill_diagonal_(0)
    label = torch.arange(len(correlation)) % groups
    for _ in range(30):
        gain = -(correlation @ F.one_hot(label, groups).float()).T
        # Only a random half may move at once, else pairs swap places for ever.
        stays = torch.rand(len(label)) < 0.5
        gain[:, stays] += 1e3 * F.one_hot(label, groups).T[:, stays]
        label = _seat(gain)
    return label.sort(stable=True).indices


@torch.no_grad()
def reorder(teacher: Teacher, channels: Tensor) -> None:
    """Permutes a BERT teacher's residual stream; it computes the same, in other channels."""
    embeddings = teacher.model.embeddings
    for name in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        table = getattr(embeddings, name).weight
        table.copy_(table[:, channels])
    norms = [embeddings.LayerNorm]
    for layer in teacher.layers:
        for reader in (layer.query, layer.key, layer.value, layer.intermediate):
            reader.weight.copy_(reader.weight[:, channels])
        for writer in (layer.post_attention, layer.output):
            writer.weight.copy_(writer.weight[channels])
            writer.bias.copy_(writer.bias[channels])
        norms += [layer.post_attention_norm, layer.output_norm]
    for norm in norms:
        norm.weight.copy_(norm.weight[channels])
        norm.bias.copy_(norm.bias[channels])
    pooler = teacher.model.pooler.dense
    pooler.weight.copy_(pooler.weight[:, channels])


def _seat(gain: Tensor) -> Tensor:
    """The group of each item, equally many in each, for the greatest gain [groups, items]."""
    groups, items = gain.shape
    seats = gain.repeat_interleave(items // groups, dim=0)
    _, chosen = linear_sum_assignment(seats.numpy(), maximize=True)
    label = torch.empty(items, dtype=torch.long)
    label[torch.from_numpy(chosen)] = torch.arange(items) * groups // items
    return label
