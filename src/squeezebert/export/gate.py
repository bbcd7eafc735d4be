"""The quality gate: a bundle must know something, and stay about as good as its checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from squeezebert.bundle import Tensor
from squeezebert.errors import QualityGateError
from squeezebert.evaluation import Evaluation
from squeezebert.export.outliers import outlying
from squeezebert.export.provenance import without_folders
from squeezebert.training.baseline import Baseline

_CHANGED = 0.01  # of the answers, by quantising
_ROUNDING = 1e-9  # a loss of exactly the tolerance passes, whatever its last bits


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same metric, in 0..1, of a float checkpoint and of the bundle made from it.

    Attributes:
        data: its path or name, without folders of this machine.
        examples: how many there are.
        metric: name of the metric.
        checkpoint: score of the checkpoint.
        bundle: the lowest score of the bundle on an instruction set.
        instruction_sets: its score on each that this machine has.
    """

    data: str
    examples: int
    metric: str
    checkpoint: float
    bundle: float
    instruction_sets: Mapping[str, float]


def compare(data: str, before: Evaluation, after: Mapping[str, Evaluation]) -> Comparison:
    """Compares the headline of the task's scores.

    Args:
        data: what all were scored on.
        before: scores of the checkpoint.
        after: scores of the bundle by instruction set.
    """
    metric = before.headline
    scores = {name: evaluation.metrics[metric] for name, evaluation in after.items()}
    return Comparison(
        data=without_folders(data),
        examples=before.examples,
        metric=metric,
        checkpoint=before.metrics[metric],
        bundle=math.nan if any(map(math.isnan, scores.values())) else min(scores.values()),
        instruction_sets=scores,
    )


def check_knowledge(evaluation: Evaluation, baseline: Baseline) -> None:
    """Lets a checkpoint pass that is better than always giving the most frequent answer.

    Raises:
        QualityGateError: it is not, by more than one standard error.
    """
    if baseline.is_beaten_by(evaluation):
        return
    score = evaluation.metrics[baseline.metric]
    least = (
        f"{baseline.answer} alone has {100 * baseline.score:.2f}, with a standard "
        f"error of {100 * baseline.error:.2f}"
        if baseline.is_answer
        else f"less than {100 * baseline.score:.0f} says that it has learnt next to nothing"
    )
    raise QualityGateError(
        f"The checkpoint's {baseline.metric} on {evaluation.examples:,} examples is "
        f"{100 * score:.2f}, and {least}. Nothing was written; train with a higher learning rate, "
        "for longer or on more data, or let it pass."
    ).giving(untrained="True")


def check(comparison: Comparison, tolerance: float, tensors: Mapping[str, Tensor]) -> None:
    """Lets a loss of up to ``tolerance`` points of 100 pass, on every instruction set.

    Of few examples more may be lost, as it may as well be chance: one of them, or one standard
    error where one answer in a hundred changes, for better or worse.

    Args:
        tensors: of the bundle, in which to look for the reason of a greater loss.

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
    chance = max(1 / comparison.examples, math.sqrt(_CHANGED / comparison.examples))
    allowed = max(tolerance, 100 * chance)
    if before - after > allowed + _ROUNDING:
        worst = min(comparison.instruction_sets, key=comparison.instruction_sets.__getitem__)
        raise QualityGateError(
            f"The bundle lost {before - after:.2f} points of {where}: {before:.2f} before, "
            f"{after:.2f} after (on {worst}), and {allowed:.3g} are tolerated. {outlying(tensors)} "
            "Nothing was written; train further, or tolerate more."
        )
