"""Eager fp32 forward and training step on the processor, beside transformers' own SqueezeBERT.

Both have the base shape and the same random weights, and run in turn in one process. A ratio is the
median over the rounds of theirs / ours within a round. Prints JSON.

    python -m benchmarks.model_speed [--repeats N] [--threads N]
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from statistics import median
from typing import Any

import torch
import transformers
from benchmarks.machine import processor

from squeezebert.model import SqueezeBertConfig, SqueezeBertModel

# Case: batch, length, whether with backward, rounds for each of --repeats, and the ratio aimed at.
CASES = {
    "forward_1x128": (1, 128, False, 6, 1.8),
    "forward_8x128": (8, 128, False, 1, 1.4),
    "training_step_8x128": (8, 128, True, 1, 1.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=11, help="counted rounds for each case")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    ours = SqueezeBertModel(SqueezeBertConfig())
    theirs = transformers.SqueezeBertModel(transformers.SqueezeBertConfig())
    theirs.load_state_dict(ours.state_dict())
    results = {
        case: measure({"squeezebert": ours, "transformers": theirs}, arguments.repeats, *settings)
        for case, settings in CASES.items()
    }
    report = {
        "benchmark": "model_speed",
        "argv": sys.argv,
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "load_average": os.getloadavg(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "config": {
            "repeats": arguments.repeats,
            "threads": arguments.threads,
            "dtype": str(ours.dtype),
            "attention": ours.config._attn_implementation,
            "shape": ours.config.to_diff_dict() | {"hidden_size": ours.config.hidden_size},
            "versions": {name: version(name) for name in ("squeezebert", "torch", "transformers")},
        },
        "results": results,
    }
    print(json.dumps(report, indent=1))


def measure(
    models: dict[str, torch.nn.Module],
    repeats: int,
    batch: int,
    length: int,
    backward: bool,
    rounds: int,
    target: float,
) -> dict[str, Any]:
    """Times both in turn; two uncounted rounds first fill caches.

    ``ratio_of_least`` compares the best rounds, which other work on the machine disturbs least.
    """
    ids = torch.randint(1000, 30_000, (batch, length))
    work = {name: step(model, ids, backward) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for round_ in range(2 + repeats * rounds):
        for name, run in work.items():
            start = time.perf_counter()
            run()
            if round_ >= 2:
                seconds[name].append(time.perf_counter() - start)
    pairs = zip(seconds["transformers"], seconds["squeezebert"], strict=True)
    ratios = sorted(theirs / ours for theirs, ours in pairs)
    return {
        **{f"{name}_milliseconds": round(1e3 * median(seconds[name]), 2) for name in work},
        **{f"{name}_milliseconds_least": round(1e3 * min(seconds[name]), 2) for name in work},
        "ratio": round(median(ratios), 2),
        "ratio_of_least": round(min(seconds["transformers"]) / min(seconds["squeezebert"]), 2),
        "ratio_range": [round(ratios[0], 2), round(ratios[-1], 2)],
        "target": target,
    }


def step(model: torch.nn.Module, ids: torch.Tensor, backward: bool) -> Callable[[], None]:
    """One forward, or one forward and backward as in training, with dropout."""

    def run() -> None:
        model.train(backward)
        with torch.set_grad_enabled(backward):
            states = model(ids).last_hidden_state
        if backward:
            states.square().mean().backward()
            model.zero_grad()

    return run


if __name__ == "__main__":
    main()
