"""The figures that we aim at, each with its floor, and which of them a run reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from squeezebert.bench.results import Figure


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure to reach.

    Attributes:
        key: of the figure.
        what: for the reader.
        floor: to reach; None for a figure that is only shown.
        at_most: whether the figure must not exceed the floor, rather than reach it.
        unit: what stands behind the value.
    """

    key: str
    what: str
    floor: float | None = None
    at_most: bool = False
    unit: str = "x"

    def met(self, figure: Figure | None) -> bool | None:
        """Whether it is reached; None if it can't be told."""
        if figure is None or self.floor is None:
            return None
        return figure.value <= self.floor if self.at_most else figure.value >= self.floor


def _squeezebert(shape: str, floor: float, instruction_set: str = "") -> Goal:
    limit = f", {instruction_set} at most" if instruction_set else ""
    key = "_".join(filter(None, ("squeezebert_best_over_ours", shape, instruction_set)))
    return Goal(key, f"{shape}{limit}: best SqueezeBERT engine over ours", floor)


# The first floor is the paper's figure on a phone.
GOALS = (
    Goal("bert_base_best_over_ours_1x128", "1x128: best BERT-base engine over ours", 4.3),
    _squeezebert("1x128", 2.5),
    _squeezebert("1x16", 2),
    _squeezebert("1x32", 2),
    _squeezebert("1x384", 2),
    _squeezebert("8x128", 2),
    Goal("minilm_best_over_ours_1x32", "mini, 1x32: best engine of MiniLM-L6's shape over ours", 2),
    Goal("throughput_best_over_ours_sst2", "throughput on SST-2: best peer over ours", 3),
    Goal("throughput_best_over_ours_clinc150", "throughput on CLINC150: best peer over ours", 3),
    Goal("ceiling_share_bf16_8x128", "8x128: share of the bf16 ceiling", 0.5, unit=""),
    Goal("ceiling_share_int8_8x128", "8x128: share of the int8 ceiling", 0.5, unit=""),
    Goal("cold_start_seconds", "cold start of `squeezebert predict`", 0.25, True, " s"),
    Goal("cold_start_transformers_over_ours", "cold start: transformers over ours"),
    Goal("peak_memory_megabytes", "peak memory, default engine loaded", 120, True, " MB"),
    _squeezebert("1x128", 1.5, "avx512_vnni"),
    _squeezebert("1x128", 1.5, "avx2"),
    Goal("thread_scaling_8x128", "8x128: one thread over all", 1.8),
    Goal("linear_fit_r2", "time linear in tokens beyond attention: R² of the fit", unit=""),
)


def ratios(figures: Mapping[str, Figure]) -> dict[str, float | None]:
    """Every goal's figure, None if this run has none, and then every other figure."""
    keys = [*(goal.key for goal in GOALS), *figures]
    return {key: round(figures[key].value, 4) if key in figures else None for key in keys}


def goals_as_json(figures: Mapping[str, Figure]) -> list[dict[str, Any]]:
    """Every goal with its figure and whether it is reached."""
    rows = []
    for goal in GOALS:
        figure = figures.get(goal.key)
        rows.append(
            {
                "key": goal.key,
                "what": goal.what,
                "value": None if figure is None else round(figure.value, 4),
                "floor": goal.floor,
                "at_most": goal.at_most,
                "unit": goal.unit,
                "met": goal.met(figure),
                "ours": figure.ours if figure else "",
                "peer": figure.peer if figure else "",
                "note": figure.note if figure else "",
            }
        )
    return rows
