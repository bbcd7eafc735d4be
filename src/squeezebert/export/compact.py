"""A general checkpoint in a third of its size."""

import gzip
import shutil
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from squeezebert.bundle.tensors import Tensor, stored_arrays
from squeezebert.errors import CheckpointError
from squeezebert.export.quantise import quantise_rows
from squeezebert.files import replacing_folder
from squeezebert.training.compact import TOKENIZER, WEIGHTS

_KEPT = ("config.json", "tokenizer_config.json", "squeeze.json")


def write_compact(checkpoint: Path, output: Path) -> int:
    """Writes ``checkpoint`` compactly and returns the bytes that it takes.

    Word embeddings become int8, all else float16; configuration, tokenizer and the record of the
    squeezing go along.

    Raises:
        CheckpointError: ``checkpoint`` is no folder with weights and a tokenizer, or holds values
            that don't fit.
        InputError: ``output`` exists and is no checkpoint.
    """
    try:
        weights = load_file(checkpoint / "model.safetensors")
        tokenizer = (checkpoint / "tokenizer.json").read_bytes()
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{checkpoint} is no checkpoint: {error}. "
            "Give a folder with config.json, model.safetensors and tokenizer.json."
        ) from error
    tensors: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if not (np.abs(weight) <= np.finfo(np.float16).max).all():  # also false for NaN
            raise CheckpointError(
                f"{checkpoint}: {name} holds values that are not finite or beyond float16."
            )
        is_words = name.endswith("embeddings.word_embeddings.weight")
        tensors[name] = quantise_rows(weight) if is_words else weight.astype(np.float16)
    with replacing_folder(output, marker="config.json") as aside:
        (aside / WEIGHTS).write_bytes(save(stored_arrays(tensors)))
        # No time in its header: equal checkpoints give equal files.
        (aside / TOKENIZER).write_bytes(gzip.compress(tokenizer, mtime=0))
        for name in _KEPT:
            if (checkpoint / name).exists():
                shutil.copyfile(checkpoint / name, aside / name)
        return sum(file.stat().st_size for file in aside.iterdir())
