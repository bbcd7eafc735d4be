"""What a turn costs that asks for several tasks: in one pass, head by head, by separate models.

    python -m benchmarks.one_pass ASSISTANT --tasks intents,entities,vectors < turns.txt
    python -m benchmarks.one_pass ASSISTANT --tasks intents,entities,vectors \\
        --apart intent,ner,embed < turns.txt

ASSISTANT is a bundle with several heads; --apart names models to ask one after the other instead.
The ways take turns, text by text, in one process and on one thread. Prints JSON: for each way the
median milliseconds of a turn, from text to predictions, its core-seconds, and its joules at the
estimated power of a core.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from benchmarks.machine import processor

import squeezebert
from squeezebert.training.energy import CORE_WATTS

ROUNDS = 20
Ask = Callable[[str], Any]


def ways(assistant: str, tasks: Sequence[str], apart: Sequence[str]) -> dict[str, Ask]:
    """What answers a turn, in each way."""
    together = squeezebert.load(assistant, 1)
    heads = [together.task(task) for task in tasks]
    found: dict[str, Ask] = {
        "one pass": lambda text: together([text], tasks=tasks),
        "head by head": lambda text: [head([text]) for head in heads],
    }
    if apart:
        models = [squeezebert.load(name, 1) for name in apart]
        found["separate models"] = lambda text: [model([text]) for model in models]
    return found


def measure(asks: dict[str, Ask], texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Medians over all texts and rounds; a first round is not counted."""
    seconds: dict[str, list[float]] = {way: [] for way in asks}
    cores: dict[str, list[float]] = {way: [] for way in asks}
    for round_ in range(1 + ROUNDS):
        for text in texts:
            for way, ask in asks.items():
                started, used = time.perf_counter(), time.process_time()
                ask(text)
                if round_:
                    seconds[way].append(time.perf_counter() - started)
                    cores[way].append(time.process_time() - used)
    once = median(seconds["one pass"])
    return {
        way: {
            "milliseconds": round(1e3 * median(seconds[way]), 3),
            "times_one_pass": round(median(seconds[way]) / once, 2),
            "core_milliseconds": round(1e3 * median(cores[way]), 3),
            "estimated_millijoules": round(1e3 * CORE_WATTS * median(cores[way]), 2),
        }
        for way in asks
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("assistant", help="a bundle with several heads")
    parser.add_argument("--tasks", required=True, help="names, with commas between them")
    parser.add_argument("--apart", default="", help="models to compare with")
    arguments = parser.parse_args()
    texts = [line.strip() for line in sys.stdin if line.strip()]
    tasks = arguments.tasks.split(",")
    apart = [name for name in arguments.apart.split(",") if name]
    report = {
        "benchmark": "one_pass",
        "argv": sys.argv,
        "machine": processor(),
        "turns": len(texts),
        "results": measure(ways(arguments.assistant, tasks, apart), texts),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
