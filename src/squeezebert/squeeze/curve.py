"""The course of a squeeze, as a table and a picture."""

import csv
from pathlib import Path

from matplotlib.figure import Figure

LAYER = "eval_error_layer_"


def write_curve(history: list[dict[str, float]], folder: Path, tokens_per_step: int) -> None:
    """Writes ``curve.csv`` and ``curve.png`` from the trainer's log.

    Args:
        history: Entries with ``step`` and either ``loss`` or held-out errors by layer.
        tokens_per_step: Turns steps into tokens seen.
    """
    training = [entry for entry in history if "loss" in entry]
    measured = [entry for entry in history if f"{LAYER}1" in entry]
    layers = [key for entry in measured[:1] for key in entry if key.startswith(LAYER)]

    with (folder / "curve.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["tokens", "loss", "learning_rate", *(_column(key) for key in layers)])
        for entry in history:
            if entry in training or entry in measured:
                values = [entry.get(key, "") for key in ("loss", "learning_rate", *layers)]
                writer.writerow([int(entry["step"]) * tokens_per_step, *values])

    def millions(entries: list[dict[str, float]]) -> list[float]:
        return [entry["step"] * tokens_per_step / 1e6 for entry in entries]

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss_axes, error_axes = figure.subplots(1, 2)
    loss_axes.plot(millions(training), [entry["loss"] for entry in training])
    loss_axes.set(xlabel="million tokens", ylabel="training loss", yscale="log")
    for key in layers:
        label = f"layer {key.removeprefix(LAYER)}"
        error_axes.plot(millions(measured), [entry[key] for entry in measured], ".-", label=label)
    error_axes.set(xlabel="million tokens", ylabel="held-out relative error", ylim=(0, None))
    if layers:
        error_axes.legend(fontsize="small")
    figure.savefig(folder / "curve.png", dpi=120)


def _column(key: str) -> str:
    return f"held_out_error_layer_{key.removeprefix(LAYER)}"
