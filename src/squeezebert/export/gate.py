"""The quality gate: a bundle must stay about as good as the checkpoint it was made from."""

import math
from dataclasses import dataclass

from squeezebert.errors import QualityGateError
from squeezebert.evaluation import Evaluation
from squeezebert.export.provenance import without_folders

_ROUNDING = 1e-9  # a loss of exactly the tolerance passes, whatever its last bits


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same metric, in 0..1, of a float checkpoint and of the bundle made from it.

    Attributes:
        data: its path or name, without folders of this machine.
        examples: how many there are.
        metric: name of the metric.
        checkpoint: score of the checkpoint.
        bundle: score of the bundle.
    """

    data: str
    examples: int
    metric: str
    checkpoint: float
    bundle: float


def compare(data: str, before: Evaluation, after: Evaluation) -> Comparison:
    """Compares the headline of the task's scores.

    Args:
        data: what both were scored on.
        before: scores of the checkpoint.
        after: scores of the bundle.
    """
    metric = before.headline
    return Comparison(
        data=without_folders(data),
        examples=before.examples,
        metric=metric,
        checkpoint=before.metrics[metric],
        bundle=after.metrics[metric],
    )


def check(comparison: Comparison, tolerance: float) -> None:
    """Lets a loss of up to ``tolerance`` points of 100 pass.

    Raises:
        QualityGateError: the bundle lost more, or a score is undefined.
    """
    before, after = 100 * comparison.checkpoint, 100 * comparison.bundle
    where = f"{comparison.metric} on {comparison.examples:,} examples of {comparison.data}"
    if math.isnan(before) or math.isnan(after):
        raise QualityGateError(
            f"The {where} is undefined, so nothing says that the bundle is any good. "
            "Nothing was written; give data with varying labels."
        )
    if before - after > tolerance + _ROUNDING:
        raise QualityGateError(
            f"The bundle lost {before - after:.2f} points of {where}: {before:.2f} before, "
            f"{after:.2f} after, and {tolerance:g} are tolerated. Nothing was written; "
            "train further, or tolerate more."
        )
