"""What a billion texts cost: core-hours, joules and money, from texts a core-second.

    python -m benchmarks.cost --price 0.04

One thread; processor time is counted, so that other work on the machine hardly shows.
"""

import argparse
import json
import sys
import time
from typing import Any

from benchmarks.serving.processes import TEXTS

import squeezebert
from squeezebert.bench.machine import machine, versions
from squeezebert.serve.metrics import CORE_WATTS

BILLION = 1_000_000_000
MODELS = ("sentiment", "intent", "ner", "embed")


def main() -> None:
    """Measures each model and prints a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--price", type=float, default=0.04, help="of a core-hour, in dollars")
    parser.add_argument("--seconds", type=float, default=5, help="of processor time, a model")
    arguments = parser.parse_args()
    texts = [f"{text} ({number})" for number in range(32) for text in TEXTS]
    results = [_measured(model, texts, arguments.seconds, arguments.price) for model in MODELS]
    print("| model | tokens a text | texts a core-second | core-hours | MJ (estimated) | dollars |")
    print("| --- | --- | --- | --- | --- | --- |")
    for each in results:
        print(
            f"| {each['model']} | {each['tokens_a_text']:.1f} | {each['texts_a_core_second']:,.0f} "
            f"| {each['core_hours']:,.0f} | {each['megajoules']:,.1f} | {each['dollars']:,.2f} |"
        )
    report = {
        "argv": sys.argv, "machine": machine(), "versions": versions(), "results": results
    }  # fmt: skip
    print(json.dumps(report, indent=2))


def _measured(model: str, texts: list[str], seconds: float, price: float) -> dict[str, Any]:
    pipeline = squeezebert.load(model, threads=1)
    tokenizer = pipeline.tokenizer
    lengths = [len(encoding.ids) for encoding in tokenizer.encode_batch(texts, 512)]
    pipeline(texts)
    answered, started = 0, time.process_time()
    while (used := time.process_time() - started) < seconds:
        pipeline(texts)
        answered += len(texts)
    rate = answered / used
    hours = BILLION / rate / 3600
    return {
        "model": model,
        "tokens_a_text": sum(lengths) / len(texts),
        "texts_a_core_second": rate,
        "core_hours": hours,
        "megajoules": hours * 3600 * CORE_WATTS / 1e6,
        "dollars": hours * price,
    }


if __name__ == "__main__":
    main()
