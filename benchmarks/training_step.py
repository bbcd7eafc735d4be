"""A training step's passes on the processor, with and without the engine's convolutions.

Forward and backward pass of a built-in encoder, its words frozen as `squeezebert train` freezes
them, both ways in turns in one process. A ratio is the median over the rounds of without / with.
Prints JSON.

    python -m benchmarks.training_step [ENCODER] [--repeats N] [--threads N]
"""

import argparse
import json
import os
import time
from importlib.metadata import version
from statistics import median
from unittest.mock import patch

import torch
from benchmarks.machine import processor
from transformers import AutoModel

from squeezebert.model import layers
from squeezebert.model.compact import find_checkpoint

SIZES = ((32, 32), (16, 128))
"""Texts and tokens of a batch."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("encoder", nargs="?", default="mini")
    parser.add_argument("--repeats", type=int, default=11, help="counted rounds for each size")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = AutoModel.from_pretrained(find_checkpoint(arguments.encoder)).train()
    model.get_input_embeddings().requires_grad_(False)
    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "torch": version("torch"),
    }
    results = {
        f"{texts}x{tokens}": measure(model, texts, tokens, arguments.repeats)
        for texts, tokens in SIZES
    }
    print(json.dumps({**machine, **vars(arguments), "results": results}, indent=1))


def measure(model: torch.nn.Module, texts: int, tokens: int, repeats: int) -> dict[str, float]:
    """Median seconds of both, and of their ratio; one uncounted round first fills caches."""
    random = torch.Generator().manual_seed(0)
    ids = torch.randint(1000, 20_000, (texts, tokens), generator=random)
    lengths = torch.randint(tokens * 3 // 4, tokens + 1, (texts, 1), generator=random)
    mask = (torch.arange(tokens) < lengths).long()
    rounds = []
    for _ in range(repeats + 1):
        with_kernels = seconds(model, ids, mask)
        with patch.object(layers, "fits_native", return_value=False):
            rounds.append((with_kernels, seconds(model, ids, mask)))
    return {
        "with": round(median(one for one, _ in rounds[1:]), 3),
        "without": round(median(other for _, other in rounds[1:]), 3),
        "ratio": round(median(other / one for one, other in rounds[1:]), 2),
    }


def seconds(model: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> float:
    model.zero_grad()
    began = time.perf_counter()
    model(ids, mask).last_hidden_state.square().mean().backward()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
