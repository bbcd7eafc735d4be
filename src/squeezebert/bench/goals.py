"""The figures that we aim at, each with its floor, and which of them a run reached."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from squeezebert.bench.results import Figure, figure_key
from squeezebert.bundle import Architecture
from squeezebert.bundle.costs import SHAPES


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure to reach.

    Attributes:
        key: of the figure.
        what: for the reader.
        floor: to reach; None for a figure that is only shown.
        at_most: whether the figure must not exceed the floor or aim, rather than reach it.
        unit: what stands behind the value.
        aim: what would be well; to miss it is no failure.
        of_base: whether it is about the base shape, so that no other can reach it.
    """

    key: str
    what: str
    floor: float | None = None
    at_most: bool = False
    unit: str = "x"
    aim: float | None = None
    of_base: bool = False

    def met(self, figure: Figure | None) -> bool | None:
        """Whether it is reached; None if it can't be told."""
        if figure is None or self.floor is None:
            return None
        return figure.value <= self.floor if self.at_most else figure.value >= self.floor


def _squeezebert(shape: str, floor: float, instruction_set: str = "") -> Goal:
    limit = f", {instruction_set} at most" if instruction_set else ""
    sets = [instruction_set] if instruction_set else []
    key = figure_key("squeezebert", "best_over_ours", shape, *sets)
    what = f"base, {shape}{limit}: best SqueezeBERT engine over ours"
    return Goal(key, what, floor, of_base=True)


def _throughput(texts: str, name: str) -> Goal:
    what = f"base, throughput on {name}: best peer over ours"
    return Goal(figure_key("throughput_best_over_ours", texts), what, 3, of_base=True)


# The first floor is the paper's figure on a phone.
GOALS = (
    Goal(
        "bert_base_best_over_ours_1x128",
        "base, 1x128: best BERT-base engine over ours",
        4.3,
        of_base=True,
    ),
    _squeezebert("1x128", 2.5),
    _squeezebert("1x16", 2),
    _squeezebert("1x32", 2),
    _squeezebert("1x384", 2),
    _squeezebert("8x128", 2),
    Goal("minilm_best_over_ours_1x32", "mini, 1x32: best engine of MiniLM-L6's shape over ours", 2),
    _throughput("sst2", "SST-2"),
    _throughput("clinc150", "CLINC150"),
    Goal("ceiling_share_bf16_8x128", "8x128: share of the bf16 ceiling", 0.5, unit=""),
    Goal("ceiling_share_int8_8x128", "8x128: share of the int8 ceiling", 0.5, unit=""),
    Goal(
        "cold_start_seconds",
        "cold start of `squeezebert predict`",
        at_most=True,
        unit=" s",
        aim=0.25,
    ),
    Goal("cold_start_transformers_over_ours", "cold start: transformers over ours"),
    Goal(
        "peak_memory_megabytes",
        "peak memory, default engine loaded",
        120,
        at_most=True,
        unit=" MB",
        of_base=True,
    ),
    _squeezebert("1x128", 1.5, "avx512_vnni"),
    _squeezebert("1x128", 1.5, "avx2"),
    Goal("thread_scaling_8x128", "8x128: one thread over all", 1.8),
    Goal("linear_fit_r2", "time linear in tokens beyond attention: R² of the fit", unit=""),
)


def ratios(figures: Mapping[str, Figure], ours: Architecture) -> dict[str, float | None]:
    """Every goal's figure, None if this run has none, and then every other figure."""
    aimed_at = {goal.key: figure for goal, figure in _with_figures(figures, ours)}
    others = {key: figure for key, figure in figures.items() if key not in aimed_at}
    return {
        key: None if figure is None else round(figure.value, 4)
        for key, figure in (aimed_at | others).items()
    }


def goals_as_json(figures: Mapping[str, Figure], ours: Architecture) -> list[dict[str, Any]]:
    """Every goal with its figure and whether it is reached."""
    rows = []
    for goal, figure in _with_figures(figures, ours):
        rows.append(
            {
                "key": goal.key,
                "what": goal.what,
                "value": None if figure is None else round(figure.value, 4),
                "floor": goal.floor,
                "aim": goal.aim,
                "at_most": goal.at_most,
                "unit": goal.unit,
                "met": goal.met(figure),
                "ours": figure.ours if figure else "",
                "peer": figure.peer if figure else "",
                "note": figure.note if figure else "",
            }
        )
    return rows


def _with_figures(
    figures: Mapping[str, Figure], ours: Architecture
) -> list[tuple[Goal, Figure | None]]:
    """Every goal with its figure.

    Where ours is of another shape, goals of the base shape have no floor, and none has a figure
    that holds ours against a peer: that is of the size of base.
    """
    is_base = (ours.num_hidden_layers, ours.hidden_size) == SHAPES["base"]
    pairs = []
    for goal in GOALS:
        figure = figures.get(goal.key)
        if goal.of_base and not is_base:
            goal = replace(goal, floor=None)
            figure = None if figure is None or figure.peer else figure
        pairs.append((goal, figure))
    return pairs
