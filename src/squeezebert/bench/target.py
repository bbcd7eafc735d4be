"""From what the user names to a bundle folder, which every engine of ours can run."""

from pathlib import Path

import numpy as np

from squeezebert.bundle import (
    Architecture,
    HeadSpec,
    Quantised,
    Task,
    Tensor,
    find_bundle,
    look_up,
    read_bundle,
    write_bundle,
)
from squeezebert.bundle.costs import shape_named
from squeezebert.bundle.tensors import stays_float

_TYPICAL_WEIGHT = 0.02  # standard deviation of a new BERT's


def bundle_for(model: str, folder: Path) -> Path:
    """The bundle that ``model`` names, else one written to ``folder``.

    Args:
        model: a shape such as "shape:mini", "shape:base" or "shape:4x256", for random weights; a
            checkpoint or a bundle, by path or by the name of an installed one.

    Raises:
        InputError: there is no such model or shape.
        CheckpointError: the checkpoint can't be used.
    """
    meaning = look_up(model)
    if meaning.kind == "shape":
        architecture = shape_named(meaning.name)
        _write(folder, architecture, _random_tensors(architecture))
    elif meaning.kind == "checkpoint":
        from squeezebert.bench.checkpoints import encoder_of

        _write(folder, *encoder_of(model))
    else:
        return find_bundle(model)
    return folder


def _write(folder: Path, architecture: Architecture, tensors: dict[str, Tensor]) -> None:
    write_bundle(
        folder,
        heads=[
            HeadSpec(
                name="classification",
                task=Task.CLASSIFICATION,
                labels=("negative", "positive"),
                problem_type="single_label_classification",
                max_length=architecture.max_position_embeddings,
            )
        ],
        architecture=architecture,
        tensors=tensors,
        tokenizer_json=read_bundle(find_bundle("sentiment")).tokenizer_json,
        provenance={"note": "made to be measured; its answers mean nothing"},
        evaluation=[],
    )


def _random_tensors(architecture: Architecture) -> dict[str, Tensor]:
    random = np.random.default_rng(0)
    tensors: dict[str, Tensor] = {}
    for name, shape in architecture.shapes().items():
        if stays_float(name, shape):
            is_scale = name.lower().endswith("layernorm.weight")
            tensors[name] = np.full(shape, 1.0 if is_scale else 0.0, np.float32)
        else:
            values = random.integers(-127, 128, shape, np.int8)
            scale = np.full(shape[:1], _TYPICAL_WEIGHT / 73, np.float16)  # 73: spread of the values
            tensors[name] = Quantised(values, scale)
    return tensors
