"""The results of the three programs as a page, with a picture.

    python -m benchmarks.serving.page RESULTS docs/serving-benchmarks.md

RESULTS is a folder with the JSON of each program: load.json, overload.json, faults.json.
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.serving.load import CLIENTS

from squeezebert.bench.report import table

PICTURE = "serving-benchmarks.png"


def main() -> None:
    """Reads the results, and writes the page and the picture in images/ beside it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder of load, overload and faults .json")
    parser.add_argument("output", type=Path, help="the page")
    arguments = parser.parse_args()
    load, overload, faults = (
        json.loads((arguments.results / f"{name}.json").read_text())
        for name in ("load", "overload", "faults")
    )
    picture = arguments.output.parent / "images" / PICTURE
    draw(load["results"], picture)
    arguments.output.write_text(document(load, overload, faults))


def document(
    load: Mapping[str, Any], overload: Mapping[str, Any], faults: Mapping[str, Any]
) -> str:
    """The page."""
    machine = load["machine"]
    parts = [
        "# Serving, measured",
        "Written by `make bench-serve`; one run on one machine, which also runs the clients. "
        "Each server has the machine for itself in its turn. A request has one short text, of 17 "
        "tokens on average, unless it says otherwise.",
        table(
            ("", ""),
            [
                *(
                    (f"command {n}", f"`{_command(each)}`")
                    for n, each in enumerate((load, overload, faults), 1)
                ),
                ("processor", f"{machine['processor']}, {machine['cores']} cores"),
                ("instruction sets", ", ".join(machine["instruction_sets"])),
                ("load after", ", ".join(map(str, load["machine"]["load_average"]))),
                ("system", f"{machine['system']}, Python {machine['python']}"),
                ("versions", ", ".join(f"{k} {v}" for k, v in load["versions"].items())),
            ],
        ),
        "## Floors",
        table(("figure", "floor", *load["floors"]), _floors(load["floors"])),
        f"![Requests a second of each server](images/{PICTURE})",
        "## Requests",
        "Clients send the next request when they have their answer; `at p99 <= 50 ms` is the "
        "highest rate of arrivals at random times at which 99 of 100 are answered in 50 ms. "
        "Milliseconds are the median and the 99th percentile.",
        table(_COLUMNS, map(_row, load["results"])),
        "In this process, without a server, the pipelines take:",
        table(
            ("task", "ms for a text", "texts/s, 16 at once"),
            [
                (each["task"], *each["in_process"].values())
                for each in load["results"]
                if "in_process" in each
            ],
        ),
        "## Overload",
        "Requests arrive at twice the rate that the server carried before, whether or not others "
        "are answered.",
        table(("", ""), _overload(overload)),
        "## Faults",
        f"While 40 requests a second are answered. Unhandled exceptions: "
        f"{faults['results']['unhandled exceptions']}.",
        table(
            ("fault", "answered", "p99, ms", "lost", "of them by status"),
            [
                (name, each["statuses"].get("200", 0), each["p99_ms"], each["lost"], _others(each))
                for name, each in faults["results"].items()
                if isinstance(each, dict)
            ],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def draw(results: Iterable[Mapping[str, Any]], picture: Path) -> None:
    """Requests a second of each server and task, by the number of clients."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    colors: dict[str, int] = {}
    by_task: dict[str, list[Mapping[str, Any]]] = {}
    for each in results:
        by_task.setdefault(each["task"], []).append(each)
    for axes, (task, servers) in zip(
        figure.subplots(1, len(by_task), sharey=True, squeeze=False)[0],
        by_task.items(),
        strict=True,
    ):
        width = 0.8 / len(servers)
        for place, each in enumerate(servers):
            rates = [each[f"clients_{clients}"]["requests_per_second"] for clients in CLIENTS]
            places = [column + place * width for column in range(len(CLIENTS))]
            color = f"C{colors.setdefault(each['server'], len(colors))}"
            axes.bar(places, rates, width, label=each["server"], color=color)
        middle = (len(servers) - 1) * width / 2
        axes.set_xticks([column + middle for column in range(len(CLIENTS))], map(str, CLIENTS))
        axes.set(title=task, xlabel="clients")
    figure.axes[0].set_ylabel("requests a second")
    shown = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(shown.values(), shown, loc="outside upper center", ncols=len(shown))
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=120)


_COLUMNS = (
    "task",
    "server",
    *(f"{clients} client{'s' * (clients > 1)}: requests/s, ms" for clients in CLIENTS),
    "16 texts each: texts/s",
    "requests/s at p99 <= 50 ms",
    "CPU ms a request",
    "MB",
)


def _row(found: Mapping[str, Any]) -> tuple[Any, ...]:
    by_clients = [found[f"clients_{clients}"] for clients in CLIENTS]
    return (
        found["task"],
        found["server"],
        *(
            f"{each['requests_per_second']}, {each['p50_ms']}, {each['p99_ms']}"
            for each in by_clients
        ),
        found["requests_of_16"]["texts_per_second"],
        found["at_p99_of_50_ms"].get("requests_per_second", "none"),
        by_clients[-1]["cpu_ms_a_request"],
        found["memory_mb"],
    )


def _floors(floors: Mapping[str, Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """A row for each figure that was asked for; what was missed is bold."""
    rows = []
    for name in next(iter(floors.values())):
        figure, _, floor = name.rstrip(")").partition(" (")
        at_most = figure.startswith("ms_")
        row = [figure.replace("_", " "), f"{'<=' if at_most else '>='} {floor}"]
        for values in floors.values():
            value = values[name]
            met = value is not None and (value <= float(floor)) == at_most
            shown = "no peer answers so" if value is None else str(value)
            row.append(shown if met or value is None else f"**{value}**")
        rows.append(tuple(row))
    return rows


def _overload(found: Mapping[str, Any]) -> list[tuple[str, Any]]:
    memory = found["memory_mb"]
    return [
        ("carried before, requests/s", found["carried_per_second"]),
        ("sent, requests/s", found["sent_per_second"]),
        ("answered, requests/s", found["requests_per_second"]),
        ("answered, refused at once, other", _by_status(found)),
        ("ms of the answered: median, 99th percentile", f"{found['p50_ms']}, {found['p99_ms']}"),
        ("bound of the 99th percentile", found["p99_bound_ms"]),
        ("seconds that the client was late, at most", found["client_behind_seconds"]),
        (
            "MB after the first minute, at the end, at most",
            ", ".join(
                str(memory[key]) for key in ("after_the_first_minute", "at_the_end", "at_most")
            ),
        ),
        ("faults", ", ".join(f"{name}: {n}" for name, n in found["faults"].items()) or "none"),
    ]


def _by_status(found: Mapping[str, Any]) -> str:
    statuses = dict(found["statuses"])
    answered, refused = statuses.pop("200", 0), statuses.pop("429", 0)
    return f"{answered}, {refused}, {sum(statuses.values())}"


def _others(found: Mapping[str, Any]) -> str:
    others = {status: count for status, count in found["statuses"].items() if status != "200"}
    return ", ".join(f"{count} x {status}" for status, count in others.items())


def _command(report: Mapping[str, Any]) -> str:
    program, *arguments = report["argv"]
    shown = " ".join(Path(each).name if each.startswith("/") else each for each in arguments)
    return f"python -m benchmarks.serving.{Path(program).stem} {shown}".strip()


if __name__ == "__main__":
    main()
