"""The course of a training on raw text, as a table and a picture."""

import csv
from pathlib import Path

from matplotlib.figure import Figure

from squeezebert.pretrain.trainer import PERPLEXITY


def write_curve(history: list[dict[str, float]], folder: Path, tokens_per_step: int) -> None:
    """Writes ``curve.csv`` and ``curve.png`` from the trainer's log.

    Args:
        history: Entries with ``step`` and either ``loss`` or the perplexity on held-out text.
        tokens_per_step: Turns steps into tokens seen.
    """
    rows = [entry for entry in history if "loss" in entry or PERPLEXITY in entry]
    columns = {"loss": "loss", "learning_rate": "learning_rate", PERPLEXITY: "perplexity"}
    with (folder / "curve.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["tokens", *columns.values()])
        for entry in rows:
            values = [entry.get(key, "") for key in columns]
            writer.writerow([int(entry["step"]) * tokens_per_step, *values])
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, key, label in zip(
        figure.subplots(1, 2),
        ("loss", PERPLEXITY),
        ("training loss", "perplexity of hidden words, held-out text"),
        strict=True,
    ):
        shown = [entry for entry in rows if key in entry]
        millions = [entry["step"] * tokens_per_step / 1e6 for entry in shown]
        axes.plot(millions, [entry[key] for entry in shown], ".-")
        axes.set(xlabel="million tokens", ylabel=label, yscale="log")
    figure.savefig(folder / "curve.png", dpi=120)
