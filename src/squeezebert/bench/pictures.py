"""Pictures of a run."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from squeezebert.errors import DataError
from squeezebert.files import replacing_file

LATENCY = "benchmarks-latency.png"
ACCURACY = "benchmarks-accuracy.png"

_COMPARED = "1x32"
"""Where time is held against accuracy: about what a sentence has."""
_COLUMNS = ("name", "model", "metric", "score", "megabytes", "data")


def draw(report: Mapping[str, Any], folder: Path, accuracies: Path | None) -> list[Path]:
    """Draws what a run has the figures for, as files in ``folder``.

    Args:
        accuracies: a csv file, see `read_accuracies`.

    Raises:
        DataError: that file can't be used.
    """
    drawn = [_save(_latency_by_length(report), folder / LATENCY)]
    if accuracies is not None:
        drawn.append(_save(_accuracy(report, read_accuracies(accuracies)), folder / ACCURACY))
    return drawn


def read_accuracies(file: Path) -> list[dict[str, str]]:
    """Reads what models score, from a csv file.

    Its columns are a name to show, the model as a run names it ("mini", "minilm"), metric, score,
    megabytes on disk, and the data scored on.

    Raises:
        DataError: the file is missing or has other columns, or its numbers are none.
    """
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
        for row in rows:
            float(row["score"]), float(row["megabytes"])
            if set(row) != set(_COLUMNS):
                raise KeyError
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror}.") from error
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{file} must be a csv file with the columns {', '.join(_COLUMNS)}, and numbers for "
            "score and megabytes."
        ) from error
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


def _accuracy(report: Mapping[str, Any], rows: list[dict[str, str]]) -> Any:
    """Score over time; the area of a bubble is the size on disk.

    Raises:
        DataError: a model was not measured in this run.
    """
    figure, axes = _canvas()
    for row in rows:
        times = [
            latency["p50"]
            for latency in report["latencies"]
            if (latency["model"], latency["shape"]) == (row["model"], _COMPARED)
        ]
        if not times:
            raise DataError(
                f"This run has no time for {row['model']!r} at {_COMPARED}, so {row['name']!r} "
                "can't be drawn. Let it take part (--peers), or leave out its row."
            )
        score, megabytes = float(row["score"]), float(row["megabytes"])
        axes.scatter(min(times), score, s=20 * megabytes, alpha=0.5)
        axes.annotate(f"{row['name']}, {megabytes:g} MB", (min(times), score), fontsize="small")
    axes.set(
        xlabel=f"milliseconds for {_COMPARED}, fastest engine",
        ylabel=", ".join(dict.fromkeys(f"{row['metric']} on {row['data']}" for row in rows)),
    )
    axes.margins(0.3)
    return figure


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
