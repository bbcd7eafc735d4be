"""Pictures of a run."""

import csv
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from squeezebert.errors import DataError
from squeezebert.files import replacing_file

LATENCY = "benchmarks-latency.png"
ACCURACY = "benchmarks-accuracy.png"

_COMPARED = "1x32"
"""Where time is held against accuracy: about what a sentence has."""
_COLUMNS = ("name", "model", "engine", "metric", "score", "megabytes", "data")

Accuracies = Sequence[Mapping[str, str]]
"""Rows of a csv file, see `read_accuracies`."""


def draw(report: Mapping[str, Any], folder: Path, accuracies: Accuracies) -> list[Path]:
    """Draws what a run has the figures for, as files in ``folder``."""
    drawn = [_save(_latency_by_length(report), folder / LATENCY)]
    if accuracies:
        drawn.append(_save(_accuracy(report, accuracies), folder / ACCURACY))
    return drawn


def read_accuracies(file: Path, timed: Collection[tuple[str, str]]) -> Accuracies:
    """Reads what models score, from a csv file.

    Its columns are a name to show; the model as a run names it ("mini", "minilm"); a part of the
    name of the engines that compute what was scored ("fp32", "openvino int8"), or nothing for any;
    metric, score, megabytes on disk, and the data scored on.

    Args:
        timed: models and shapes of batches that the run will have the time of.

    Raises:
        DataError: the file is missing or has other columns, its numbers are none, or a model has no
            time in this run.
    """
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
        if not rows:
            raise ValueError
        for row in rows:
            float(row["score"]), float(row["megabytes"])
            if set(row) != set(_COLUMNS):
                raise KeyError
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror}.") from error
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{file} must be a csv file with the columns {', '.join(_COLUMNS)}, numbers for score "
            "and megabytes, and at least one row."
        ) from error
    for row in rows:
        if (row["model"], _COMPARED) not in timed:
            raise DataError(
                f"This run has no time for {row['model']!r} at {_COMPARED}, so {row['name']!r} "
                "can't be drawn. Let it take part at that shape, or leave out its row."
            )
    return rows


def _latency_by_length(report: Mapping[str, Any]) -> Any:
    """One sequence: every engine of ours, and of each peer the fastest, over length."""
    figure, axes = _canvas()
    times: dict[tuple[bool, str], dict[int, float]] = {}
    for latency in report["latencies"]:
        batch, _, length = latency["shape"].partition("x")
        forced = " " in latency["group"]
        if batch != "1" or forced or (latency["ours"] and latency["group"] != "lengths"):
            continue
        name = f"{latency['model']} in {latency['engine']}" if latency["ours"] else latency["model"]
        line = times.setdefault((latency["ours"], name), {})
        line[int(length)] = min(latency["p50"], line.get(int(length), float("inf")))
    for (ours, name), line in times.items():
        lengths = sorted(line)
        axes.plot(
            lengths,
            [line[length] for length in lengths],
            marker="o",
            linestyle="-" if ours else "--",
            label=name if ours else f"{name}, fastest engine",
        )
    axes.set(
        xlabel="tokens of one sequence", ylabel="milliseconds, median", xscale="log", yscale="log"
    )
    axes.legend(fontsize="small")
    return figure


def _accuracy(report: Mapping[str, Any], rows: Accuracies) -> Any:
    """Score over time; the area of a bubble is the size on disk."""
    figure, axes = _canvas()
    for row in rows:
        score, megabytes = float(row["score"]), float(row["megabytes"])
        name = f"{row['name']}, {megabytes:g} MB"
        if fastest := _fastest(report, row):
            place = fastest["p50"], score
            axes.scatter(*place, s=20 * megabytes, alpha=0.5)
            label = f"{name}\nin {fastest['engine']}"
            axes.annotate(label, place, fontsize="small", horizontalalignment="center")
        else:
            axes.plot([], [], " ", label=f"not measured: {name}")
            axes.legend(fontsize="small")
    axes.set(
        xlabel=f"milliseconds for {_COMPARED}, median",
        ylabel=", ".join(dict.fromkeys(f"{row['metric']} on {row['data']}" for row in rows)),
    )
    axes.margins(0.3)
    return figure


def _fastest(report: Mapping[str, Any], row: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The least latency in the engines that a row is about; None if none of them was measured."""
    latencies: list[Mapping[str, Any]] = [
        latency
        for latency in report["latencies"]
        if (latency["model"], latency["shape"]) == (row["model"], _COMPARED)
        and row["engine"] in latency["engine"]
    ]
    return min(latencies, key=lambda latency: latency["p50"], default=None)


def _canvas() -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _save(figure: Any, file: Path) -> Path:
    with replacing_file(file) as aside:
        figure.savefig(aside, format="png", dpi=120)
    return file
