"""A run as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Report = Mapping[str, Any]


GOAL_COLUMNS = ("figure", "value", "floor", "reached", "of")


def goal_rows(report: Report) -> list[tuple[str, ...]]:
    """A row for each figure aimed at, with its floor, under `GOAL_COLUMNS`."""
    return [
        (
            goal["what"],
            _value(goal),
            _floor(goal),
            {True: "yes", False: "no", None: ""}[goal["met"]],
            " over ".join(name for name in (goal["peer"], goal["ours"]) if name)
            + (f" ({goal['note']})" if goal["note"] else ""),
        )
        for goal in report["goals"]
    ]


def goals_table(report: Report) -> str:
    """The figures aimed at as Markdown."""
    rows = [
        (what, value, floor, "**no**" if reached == "no" else reached, of)
        for what, value, floor, reached, of in goal_rows(report)
    ]
    return table(GOAL_COLUMNS, rows)


def document(report: Report, pictures: Sequence[Path]) -> str:
    """The whole run: goals, then all figures behind them.

    Args:
        pictures: their paths as the document links to them.
    """
    machine, settings = report["machine"], report["settings"]
    texts = settings["texts"]
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    parts = [
        "# Benchmarks",
        "Written by `squeezebert bench`; every figure is of one run on one machine.",
        table(
            ("", ""),
            [
                ("command", f"`{_command(report['argv'])}`"),
                ("took", f"{sum(report['seconds'].values()) / 60:.1f} minutes"),
                ("processor", f"{machine['processor']}, {machine['cores']} cores"),
                ("instruction sets", ", ".join(machine["instruction_sets"]) or "no native engine"),
                ("memory", f"{machine['memory_gb']} GB"),
                ("load at the end", ", ".join(map(str, machine["load_average"]))),
                ("system", f"{machine['system']}, Python {machine['python']}"),
                ("versions", versions),
                ("threads", settings["threads"]),
                ("texts", ", ".join(f"{count} of {name}" for name, count in texts.items())),
            ],
        ),
        "## Goals",
        "Ratios are of medians of contenders that took turns. The best peer engine is held against "
        "our best; all are listed below.",
        goals_table(report),
        *(f"![{picture.stem.replace('-', ' ')}]({picture.as_posix()})" for picture in pictures),
        "## Latency",
        "Milliseconds for a batch, sequences x tokens, without tokenising; no 90th percentile of "
        "fewer than 10 runs, and no 99th of fewer than 100.",
        *_latencies(report["latencies"]),
        *_throughputs(report["throughputs"], settings),
        *_facts(report),
    ]
    if report["problems"]:
        parts += ["## Not measured", "\n".join(f"- {problem}" for problem in report["problems"])]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _latencies(latencies: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = []
    for group in dict.fromkeys(latency["group"] for latency in latencies):
        rows = [
            (
                latency["shape"],
                latency["model"],
                latency["engine"],
                latency["threads"],
                *map(_milliseconds, (latency["p50"], latency["p90"], latency["p99"])),
                latency["runs"],
                latency["settings"],
            )
            for latency in latencies
            if latency["group"] == group
        ]
        head = ("shape", "model", "engine", "threads", "p50", "p90", "p99", "runs", "settings")
        parts += [f"### {group}", table(head, rows)]
    return parts


def _milliseconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"


def _throughputs(throughputs: Sequence[Mapping[str, Any]], settings: Report) -> list[str]:
    if not throughputs:
        return []
    rows = [
        (
            one["group"],
            one["texts"],
            one["model"],
            one["engine"],
            one["batch_size"],
            f"{one['texts_per_second']:.1f}" + ("" if one["finalist"] else " (trial)"),
            "" if one["joules"] is None else f"{one['joules']:.1f}",
            "" if one["grams"] is None else f"{one['grams']:.4f}",
            one["energy"],
            one["settings"],
        )
        for one in throughputs
    ]
    head = (
        *("turns with", "texts", "model", "engine", "batch", "texts/s"),
        *("J/1,000 texts", "g CO2e/1,000", "energy", "settings"),
    )
    return [
        "## Throughput and energy",
        "Texts as long as those of the named data set. Peers take them sorted by length, with "
        "padding; ours as they come, packed. Each contender has the batch size that suited it best "
        "in a trial on some of them; those far behind in it were not measured further. Electricity "
        f"is taken at {settings['grams_per_kwh']:g} g CO2e/kWh.",
        table(head, rows),
    ]


def _facts(report: Report) -> list[str]:
    facts, model = report["facts"], report["model"]
    parts = ["## The model"]
    flops = ", ".join(
        f"{gflops} at {length} tokens" for length, gflops in model["gflops_by_length"].items()
    )
    parts.append(
        table(
            ("", model["name"]),
            [
                ("parameters", f"{model['parameters']:,}"),
                ("bundle on disk", f"{model['bundle_bytes'] / 1e6:.1f} MB"),
                ("GFLOPs", flops),
                ("GFLOPs of BERT of that shape", f"{model['gflops_of_bert_at_128']} at 128 tokens"),
            ],
        )
    )
    if "gflops" in facts:
        parts += [
            "## Ceiling",
            "GFLOP/s of large square matrix products, and of our encoder at 8x128 in turns with "
            "them. An operation in int8 counts like one in floating point.",
            table(("what", "GFLOP/s"), facts["gflops"].items()),
        ]
    if "fit" in facts:
        fit = facts["fit"]
        parts += [
            "## Time over length",
            f"One sequence of n tokens in {fit['engine']}: {fit['fixed']:.3g} ms "
            f"+ {1e3 * fit['per_token']:.3g} µs x n + {1e6 * fit['per_pair']:.3g} ns x n². "
            f"R² {fit['r2']:.4f}; the fit is off by {100 * fit['largest_error']:.0f}% at most.",
        ]
    return parts


def _value(goal: Mapping[str, Any]) -> str:
    if goal["value"] is None:
        return "not measured"
    return f"{goal['value']:.3g}{goal['unit']}"


def _floor(goal: Mapping[str, Any]) -> str:
    side = "≤" if goal["at_most"] else "≥"
    if goal["floor"] is not None:
        return f"{side} {goal['floor']:g}{goal['unit']}"
    return "" if goal["aim"] is None else f"aim: {side} {goal['aim']:g}{goal['unit']}"


def _command(argv: Sequence[str]) -> str:
    return " ".join([Path(argv[0]).name, *argv[1:]])
