"""Pictures of scores."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from squeezebert.evaluation.calibration import ReliabilityBin, expected_calibration_error


def draw_reliability(bins: Sequence[ReliabilityBin], path: Path) -> None:
    """A reliability diagram: accuracy over confidence, on the diagonal if probabilities are right.

    Below it, how many examples there are at each confidence.
    """
    figure = Figure(figsize=(4.5, 5.2), layout="constrained")
    axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    confidences = [bin_.confidence for bin_ in bins]
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="calibrated")
    axes.plot(confidences, [bin_.accuracy for bin_ in bins], marker="o", label="model")
    axes.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(f"expected calibration error {expected_calibration_error(bins):.4f}")
    axes.legend(fontsize="small")
    counts.bar(confidences, [bin_.examples for bin_ in bins], width=0.03)
    counts.set(xlabel="probability of the predicted class", ylabel="examples")
    figure.savefig(path, format="png", dpi=120)
