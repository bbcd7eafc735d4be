"""Ways to squeeze all-MiniLM-L6-v2, compared at equal numbers of training tokens.

Every variant sees the same tokens in the same order. The teacher runs once and its hidden states
are kept in ``--cache``, about 2 GB. A result holds the relative error after each layer on held-out
text, what the frozen features are worth (scores.py), and the FLOPs of a forward pass over 128
tokens. Results are added to ``--output`` as they come, and a variant that is there isn't run again;
beside it a picture is written of quality and FLOPs.

    python -m benchmarks.squeeze_study --teacher all-MiniLM-L6-v2 --text mini.run/text \\
        --held-out mini.run/held-out --data DATA --cache CACHE --output study.json

``--text`` and ``--held-out`` are folders of token shards as ``squeezebert squeeze`` leaves them.
"""

import argparse
import copy
import json
import math
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.squeeze_study.annealing import Annealing
from benchmarks.squeeze_study.depth import insert_layers, merge_layers
from benchmarks.squeeze_study.masked_lm import MaskedLM
from benchmarks.squeeze_study.orders import by_energy, correlated_apart, reorder
from benchmarks.squeeze_study.projection import Projection
from benchmarks.squeeze_study.relations import RelationLoss
from benchmarks.squeeze_study.scores import Scores
from benchmarks.squeeze_study.taught import BATCH, LENGTH, Taught, same_depth, spread, teach
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional as F

from squeezebert.bundle.architecture import Mixer
from squeezebert.data.corpus import Corpus
from squeezebert.model import SqueezeBertModel
from squeezebert.model.layers import Depthwise, GroupedPointwise, position_wise
from squeezebert.squeeze.closed_form import closed_form, copy_shared
from squeezebert.squeeze.losses import squared_error
from squeezebert.squeeze.muon import Muon
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.student import student_config
from squeezebert.squeeze.teacher import Teacher

SEQUENCES = 2400
CACHED = 3200
"""Sequences that the teacher runs on; longer trainings may use more than `SEQUENCES`."""
HELD_OUT = 256
TEACHER_GFLOPS = 2.87
FADED = 2 / 3
"""Share of the training in which an annealed student becomes grouped."""
CALIBRATION = 128
"""Sequences that the closed form is fitted to: an eighth of what `squeeze` takes, for time."""

PARTS = {
    "q": "query",
    "k": "key",
    "v": "value",
    "post_attention": "post_attention",
    "intermediate": "intermediate",
    "output": "output",
}
ATTENTION = 4
"""The first so many of them."""


@dataclass(frozen=True)
class Variant:
    """One way to squeeze. The defaults are SqueezeBERT's own shape and the best way to train it."""

    groups: tuple[int, int, int, int, int, int] = (4, 4, 4, 1, 4, 4)
    """Of the layers in `PARTS`, in that order."""
    neurons: int = 1536
    mixer: Mixer = Mixer.GROUPED
    taps: int = 3
    """Of separable layers' depthwise convolutions."""
    depth: int = 6
    dense_attention: tuple[int, ...] = ()
    """Layers whose query, key and value are not in groups."""
    order: str = "identity"
    start: str = "closed-form"
    """Or ``block-copy``, also of the attention's layers alone: ``attention-copy``."""
    inner: float = 0.1
    """Weight of each inner layer's squared error, where the last layer's is 1."""
    embedding: float = 0.0
    """Weight of the cosine distance of mean-pooled sequences."""
    relations: float = 0.0
    """Weight of the last layer's attention relations."""
    masked: float = 0.0
    """Weight of the cross-entropy of masked words."""
    projected: bool = False
    """Whether the wider teacher sets the last layer's target, to be met through a linear map."""
    annealed: bool = False
    """Whether layers are dense at first, and grouped after `FADED` of the steps."""
    optimiser: str = "muon"
    learning_rate: float = 3e-3
    sequences: int = SEQUENCES


DENSE = (1, 1, 1, 1, 1, 1)
NARROW = (2, 2, 2, 1, 1, 1)

VARIANTS = {
    # The start alone.
    "start": Variant(sequences=0),
    "start, channels by energy": Variant(sequences=0, order="energy"),
    "start, correlated channels apart": Variant(sequences=0, order="apart"),
    # Losses and optimisers, at SqueezeBERT's own shape.
    "Adam, all layers alike": Variant(inner=1.0, optimiser="adamw", learning_rate=1e-3),
    "Adam": Variant(optimiser="adamw", learning_rate=1e-3),
    "Adam, last layer only": Variant(inner=0.0, optimiser="adamw", learning_rate=1e-3),
    "Adam, rate 2e-3": Variant(optimiser="adamw", learning_rate=2e-3),
    "Muon, rate 1e-3": Variant(learning_rate=1e-3),
    "Muon": Variant(),
    "Muon, rate 1e-2": Variant(learning_rate=1e-2),
    "Muon, from block copy": Variant(start="block-copy"),
    "Muon, correlated channels apart": Variant(order="apart"),
    "Muon, annealed from dense": Variant(annealed=True),
    "Muon, attention relations too": Variant(relations=1.0),
    # Fewer and more groups, at other costs.
    "Muon, two groups": Variant((2, 2, 2, 1, 2, 2)),
    "Muon, eight groups": Variant((8, 8, 8, 1, 8, 8)),
    # Where to save, at equal arithmetic.
    "narrow 384, attention in 4": Variant((4, 4, 4, 1, 1, 1), 384),
    "narrow 256, attention in 2": Variant(NARROW, 256),
    "narrow 256, attention from block copy": Variant(NARROW, 256, start="attention-copy"),
    "narrow 256, annealed from dense attention": Variant(NARROW, 256, annealed=True),
    "narrow 256, correlated channels apart": Variant(NARROW, 256, order="apart"),
    "narrow 256, sentence embedding": Variant(NARROW, 256, embedding=1.0),
    "narrow 256, attention relations too": Variant(NARROW, 256, relations=1.0),
    "narrow 256, separable of 3 taps": Variant(NARROW, 256, mixer=Mixer.SEPARABLE),
    "narrow 256, separable of 5 taps": Variant(NARROW, 256, mixer=Mixer.SEPARABLE, taps=5),
    "narrow 256, masked words too": Variant(NARROW, 256, masked=0.03),
    "narrow 256, last layer from all-mpnet-base-v2": Variant(NARROW, 256, projected=True),
    "narrow 256, attention in 4 but dense in the first two layers": Variant(
        (4, 4, 4, 1, 1, 1), 256, dense_attention=(0, 1)
    ),
    "narrow 256, attention in 4 but dense in the last two layers": Variant(
        (4, 4, 4, 1, 1, 1), 256, dense_attention=(4, 5)
    ),
    "3 layers, dense, narrow 800": Variant(DENSE, 800, depth=3),
    "12 layers, narrow 104, attention in 4": Variant((4, 4, 4, 4, 1, 1), 104, depth=12),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--teacher", required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--wider", help="folder of all-mpnet-base-v2, for the variant of that name")
    parser.add_argument("--text", type=Path, required=True, help="folder of shards")
    parser.add_argument("--held-out", type=Path, required=True, help="folder of shards")
    parser.add_argument("--data", type=Path, required=True, help="has glue and conll2003")
    parser.add_argument("--cache", type=Path, required=True, help="for the teacher's states")
    parser.add_argument("--output", type=Path, required=True, help="JSON")
    parser.add_argument(
        "variants", nargs="*", help="all, if none is named; also folders of students to score"
    )
    arguments = parser.parse_args()
    teacher = Teacher(arguments.teacher)
    ids = spread(Corpus(arguments.text), CACHED)
    text = teach(teacher, ids, arguments.cache / "text")
    held_out_ids = spread(Corpus(arguments.held_out), HELD_OUT)
    held_out = teach(teacher, held_out_ids, arguments.cache / "held-out")
    wider = None
    if arguments.wider is not None:
        folder = arguments.cache / "wider"
        wider = teach(Teacher(arguments.wider), ids[:SEQUENCES], folder, last_only=True)
    scores = Scores(teacher.tokenizer, arguments.data)
    results = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    if "teacher" not in results:
        model = teacher.model
        results["teacher"] = {
            "forward_gflops": TEACHER_GFLOPS,
            **scores(lambda ids, mask: model(input_ids=ids, attention_mask=mask).last_hidden_state),
        }
    starts: dict[str, dict[str, Tensor]] = {}
    for name in arguments.variants or VARIANTS:
        if name not in results:
            if name in VARIANTS:
                variant = VARIANTS[name]
                if variant.projected and wider is None:
                    parser.error(f"{name!r} needs --wider")
                results[name] = squeeze(
                    variant, arguments.teacher, text, wider, held_out, scores, starts
                )
            else:
                student = SqueezeBertModel.from_pretrained(name)
                results[name] = measured(student, held_out, scores)
            print(name, json.dumps(results[name]), flush=True)
            arguments.output.write_text(json.dumps(results, indent=1) + "\n")
    draw(results, arguments.output.with_suffix(".png"))


def squeeze(
    variant: Variant,
    source: str,
    text: Taught,
    wider: Taught | None,
    held_out: Taught,
    scores: Scores,
    starts: dict[str, dict[str, Tensor]],
) -> dict[str, Any]:
    """All there is to say of a variant.

    Args:
        starts: keeps closed-form weights for the next variant of the same shape.
    """
    torch.manual_seed(0)
    teacher = Teacher(source)
    order = torch.arange(teacher.config.hidden_size)
    states = torch.from_numpy(text.states[:, :32].astype(np.float32)).flatten(1, 2)
    if variant.order == "energy":
        order = by_energy(teacher, variant.groups[0], states)
    elif variant.order == "apart":
        order = correlated_apart(variant.groups[0], states)
    reorder(teacher, order)
    if variant.depth < len(teacher.layers):
        merge_layers(teacher, variant.depth)
    text, held_out = replace(text, order=order), replace(held_out, order=order)
    calibration = torch.from_numpy(text.ids[:CALIBRATION].astype(np.int64))
    student = unfitted(variant, teacher, source)
    steps = variant.sequences // BATCH
    dense_steps, seconds = 0, 0.0
    began = time.monotonic()
    if variant.annealed:
        dense = unfitted(replace(variant, groups=DENSE), teacher, source)
        if variant.neurons == teacher.config.intermediate_size:
            copy_blocks(zip(pointwise(dense), dense_layers(teacher), strict=True))
        else:
            closed_form(dense, teacher, calibration)
        dense_steps = round(FADED * steps)
        fading = zip(pointwise(dense), variant.groups * len(teacher.layers), strict=True)
        annealing = Annealing(fading, dense_steps)
        seconds = train(dense, teacher, variant, text, wider, range(dense_steps), annealing)
        copy_blocks(zip(pointwise(student), pointwise(dense), strict=True))
        copy_norms(student, dense)
    elif variant.start == "block-copy":
        copy_blocks(zip(pointwise(student), dense_layers(teacher), strict=True))
    else:
        shape = student.config.to_diff_dict()
        key = json.dumps([shape, variant.dense_attention, variant.order])
        if key not in starts:
            if variant.depth > len(teacher.layers):
                shallow = unfitted(replace(variant, depth=len(teacher.layers)), teacher, source)
                closed_form(shallow, teacher, calibration)
                insert_layers(student, shallow, calibration)
            else:
                closed_form(student, teacher, calibration)
            starts[key] = copy.deepcopy(student.state_dict())
        student.load_state_dict(starts[key])
        if variant.start == "attention-copy":
            pairs = zip(pointwise(student), dense_layers(teacher), strict=True)
            copy_blocks(pair for i, pair in enumerate(pairs) if i % len(PARTS) < ATTENTION)
    start_seconds = time.monotonic() - began - seconds
    student.train(mode=False)
    start_errors = held_out.errors(student)
    seconds += train(student, teacher, variant, text, wider, range(dense_steps, steps))
    student.train(mode=False)
    return {
        "variant": asdict(variant),
        "tokens": variant.sequences * LENGTH,
        "start_seconds": round(start_seconds, 1),
        "training_seconds": round(seconds, 1),
        "start_errors": start_errors,
        **measured(student, held_out, scores),
    }


def measured(student: SqueezeBertModel, held_out: Taught, scores: Scores) -> dict[str, Any]:
    """What a student has come to."""
    return {
        "forward_gflops": round(forward_flops(student) / 1e9, 3),
        "errors": held_out.errors(student),
        **scores(lambda ids, mask: student(input_ids=ids, attention_mask=mask).last_hidden_state),
    }


def unfitted(variant: Variant, teacher: Teacher, source: str) -> SqueezeBertModel:
    """A student of the variant's shape that has only what it shares with the teacher."""
    settings = SqueezeSettings(
        teacher=source,
        text=(),
        tokens=0,
        neurons=variant.neurons,
        mixer=variant.mixer,
        kernel_size=variant.taps,
    )
    config = student_config(teacher, settings)
    for part, count in zip(PARTS, variant.groups, strict=True):
        setattr(config, f"{part}_groups", count)
    config.num_hidden_layers = variant.depth
    student = SqueezeBertModel(config)
    width = config.hidden_size
    for index in variant.dense_attention:
        for part in ("query", "key", "value"):
            dense = position_wise(config, width, width, 1)
            setattr(student.encoder.layers[index].attention, part, dense)
    if variant.depth <= len(teacher.layers):
        copy_shared(student, teacher)
    return student


def dense_layers(teacher: Teacher) -> list[nn.Linear]:
    """The teacher's products, in the order of `pointwise`."""
    return [getattr(layer, part) for layer in teacher.layers for part in PARTS.values()]


@torch.no_grad()
def copy_blocks(pairs: Iterable[tuple[GroupedPointwise, nn.Linear | GroupedPointwise]]) -> None:
    """Gives the first of each pair the diagonal blocks of the second's dense weight."""
    for module, dense in pairs:
        rows = dense.weight.flatten(1).chunk(module.groups)
        blocks = [row.chunk(module.groups, dim=1)[group] for group, row in enumerate(rows)]
        module.weight.copy_(torch.cat(blocks).unsqueeze(-1))
        assert module.bias is not None and dense.bias is not None
        module.bias.copy_(dense.bias)


@torch.no_grad()
def copy_norms(student: SqueezeBertModel, dense: SqueezeBertModel) -> None:
    """Gives a student the layer norms of another."""
    for module, source in zip(student.modules(), dense.modules(), strict=True):
        if isinstance(module, nn.LayerNorm):
            module.load_state_dict(source.state_dict())


def train(
    student: SqueezeBertModel,
    teacher: Teacher,
    variant: Variant,
    text: Taught,
    wider: Taught | None,
    steps: range,
    annealing: Annealing | None = None,
) -> float:
    """Distils and returns the seconds it took.

    Args:
        steps: those to take of the variant's; over all of them the learning rate warms up and ends
            at zero.
    """
    student.train()
    student.embeddings.requires_grad_(False)
    student.pooler.requires_grad_(False)
    trained = [parameter for parameter in student.parameters() if parameter.requires_grad]
    projection = None
    if variant.projected:
        assert wider is not None
        projection = Projection(student, wider)
    rate = variant.learning_rate
    masked = MaskedLM(student, teacher) if variant.masked else None
    optimiser: torch.optim.Optimizer
    if variant.optimiser == "muon":
        learning = nn.ModuleList(m for m in (student, projection, masked) if m is not None)
        optimiser = Muon(learning, rate, weight_decay=0.01)
    else:
        optimiser = torch.optim.AdamW(trained, rate, weight_decay=0.01)
    total = variant.sequences // BATCH
    warm = max(1, total // 20)
    relations = RelationLoss(student, teacher) if variant.relations else None
    rows = np.random.default_rng(0).permutation(variant.sequences)
    began = time.monotonic()
    for step in steps:
        fallen = 0.5 * (1 + math.cos(math.pi * max(0, step - warm) / max(1, total - warm)))
        for group in optimiser.param_groups:
            group["lr"] = variant.learning_rate * min(1.0, (step + 1) / warm) * fallen
        batch = rows[step * BATCH : (step + 1) * BATCH]
        ids, wanted = text.batch(batch)
        if projection is not None:
            wanted[-1] = projection.targets(batch)
        loss = loss_of(student, variant, ids, wanted, relations, projection)
        if masked is not None:
            loss = loss + variant.masked * masked(student, ids)
        loss.backward()
        if annealing is not None:
            annealing.scale_gradients()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        if annealing is not None:
            annealing.fade(step + 1)
        optimiser.zero_grad()
        if step % 25 == 0:
            print(f"  step {step} of {total}: {loss.item():.4f}", file=sys.stderr, flush=True)
    return time.monotonic() - began


def loss_of(
    student: SqueezeBertModel,
    variant: Variant,
    ids: Tensor,
    wanted: list[Tensor],
    relations: RelationLoss | None,
    projection: Projection | None,
) -> Tensor:
    states = list(student(input_ids=ids, output_hidden_states=True).hidden_states[1:])
    if projection is not None:
        states[-1] = projection(states[-1])
    pairs = same_depth(states, wanted)
    errors = torch.stack([squared_error(state, target) for state, target in pairs])
    weights = torch.full_like(errors, variant.inner)
    weights[-1] = 1
    loss = (weights * errors).sum() / weights.sum()
    cosine = F.cosine_similarity(states[-1].mean(1), wanted[-1].mean(1), dim=-1)
    loss = loss + variant.embedding * (1 - cosine).mean()
    if relations is not None:
        loss = loss + variant.relations * relations(states[-2], wanted[-2])
    return loss


def forward_flops(model: SqueezeBertModel) -> int:
    """Of the encoder's products over one sequence."""
    kinds = GroupedPointwise, Depthwise
    weights = [module.weight for module in model.modules() if isinstance(module, kinds)]
    linear = 2 * sum(weight.numel() for weight in weights)
    attention = 4 * LENGTH * model.config.hidden_size * model.config.num_hidden_layers
    return LENGTH * (linear + attention)


def pointwise(model: SqueezeBertModel) -> list[GroupedPointwise]:
    """The 1x1 convolutions, in the order of `PARTS` within each layer."""
    return [module for module in model.modules() if isinstance(module, GroupedPointwise)]


def draw(results: dict[str, dict[str, Any]], file: Path) -> None:
    """Scores and FLOPs of the teacher and of all that was trained on equally many tokens."""
    titles = {
        "stsb_spearman": "STS-B, Spearman",
        "sst2_probe_accuracy": "SST-2 probe, accuracy",
        "conll_probe_f1": "CoNLL-2003 probe, F1",
    }
    budget = SEQUENCES * LENGTH
    shown = {
        name: result
        for name, result in results.items()
        if name == "teacher" or result.get("tokens") == budget
    }
    order = sorted(shown, key=lambda name: sum(shown[name][score] for score in titles))
    figure = Figure(figsize=(12, 1 + 0.22 * len(order)), layout="constrained")
    cost, *panels = figure.subplots(1, 1 + len(titles), sharey=True)
    cost.barh(order, [shown[name]["forward_gflops"] for name in order])
    cost.set(title="GFLOPs for 128 tokens")
    cost.margins(y=0.02)
    for axes, (score, title) in zip(panels, titles.items(), strict=True):
        axes.plot([shown[name][score] for name in order], order, "o")
        axes.set(title=title)
        axes.grid(alpha=0.3)
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
