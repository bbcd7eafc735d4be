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
    layers = sorted(
        {key for entry in history for key in entry if key.startswith(LAYER)},
        key=lambda key: int(key.removeprefix(LAYER)),
    )
    columns = ["loss", "learning_rate", *layers]
    rows = [
        [int(entry["step"]) * tokens_per_step, *(entry.get(column, "") for column in columns)]
        for entry in history
        if "loss" in entry or (layers and layers[0] in entry)
    ]
    with (folder / "curve.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["tokens", "loss", "learning_rate"]
            + [f"held_out_error_layer_{key.removeprefix(LAYER)}" for key in layers]
        )
        writer.writerows(rows)

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss_axes, error_axes = figure.subplots(1, 2)
    training = [row for row in rows if row[1] != ""]
    loss_axes.plot([row[0] / 1e6 for row in training], [row[1] for row in training])
    loss_axes.set(xlabel="million tokens", ylabel="training loss", yscale="log")
    measured = [row for row in rows if row[1] == ""]
    for number, key in enumerate(layers):
        error_axes.plot(
            [row[0] / 1e6 for row in measured],
            [row[3 + number] for row in measured],
            marker=".",
            label=f"layer {key.removeprefix(LAYER)}",
        )
    error_axes.set(xlabel="million tokens", ylabel="held-out relative error", ylim=(0, None))
    if layers:
        error_axes.legend(fontsize="small")
    figure.savefig(folder / "curve.png", dpi=120)
