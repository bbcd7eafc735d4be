"""Classifies texts with the built-in sentiment model, and tickets with one that it learns first.

Run it by `make demo`, or `python examples/demo.py [BUNDLE]` for a bundle of your own.
"""

import csv
import resource
import sys
import time
from pathlib import Path

import squeezebert
from squeezebert.learn import learn

TICKETS = Path(__file__).parent / "tickets.csv"
TICKET = "Two weeks now and still no sign of my parcel."

TEXTS = [
    "A gripping, beautifully shot film.",
    "Two hours of my life that I will never get back.",
    "The food was cold, but the staff could not have been kinder.",
    "It isn't bad at all; I even laughed twice.",
    "Setup took five minutes and it has run without a hitch ever since.",
    "I wanted to love this book. I couldn't finish it.",
]


def main() -> None:
    started = time.perf_counter()
    try:
        classify = squeezebert.load(sys.argv[1] if len(sys.argv) > 1 else "sentiment")
    except squeezebert.SqueezeBertError as error:
        sys.exit(f"error: {error}")
    spec = getattr(classify, "spec", None)  # a model of several tasks has none
    if spec is None or spec.task != "classification" or spec.inputs != "text":
        sys.exit("error: this demo takes a model that classifies single texts, such as sentiment.")
    load_seconds = time.perf_counter() - started

    for text in TEXTS:
        started = time.perf_counter()
        prediction = classify([text])[0]
        milliseconds = 1000 * (time.perf_counter() - started)
        print(f"{prediction.label:>9} {prediction.score:5.1%} {milliseconds:6.1f} ms  {text}")

    started = time.perf_counter()
    with TICKETS.open(encoding="utf-8", newline="") as file:
        rows = [(row["message"], row["topic"]) for row in csv.DictReader(file)]
    topic_of = learn(rows)
    score = topic_of.learnt.learnt.evaluation.metrics["accuracy"]
    print(
        f"\nlearnt {len(topic_of.labels)} topics from {len(rows)} tickets in "
        f"{time.perf_counter() - started:.1f} s; {score:.0%} right on tickets held out"
    )
    print(f"{topic_of([TICKET])[0].label:>9} {TICKET}")

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if _ON_MAC else 2**10)
    print(f"\nloaded in {1000 * load_seconds:.0f} ms, peak memory {peak:.0f} MiB", end="; ")
    print("PyTorch was " + ("loaded" if "torch" in sys.modules else "not needed"))


_ON_MAC = sys.platform == "darwin"  # where the peak is in bytes instead of KiB

if __name__ == "__main__":
    main()
