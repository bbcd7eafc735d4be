"""Pictures of scores."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from squeezebert.evaluation.calibration import ReliabilityBin, expected_calibration_error
from squeezebert.evaluation.scores import Evaluation

_CELLS_WITH_NUMBERS = 20  # a confusion matrix of more classes is shown by colour alone


def are_drawable(labels: Sequence[str]) -> bool:
    """Whether the font of the pictures has every character of these labels.

    Where it has not, such as for Chinese or emoji, classes are drawn by their number.
    """
    font = get_font(findfont(FontProperties()))
    return all(font.get_char_index(ord(sign)) for label in labels for sign in label)


def draw_scores(evaluation: Evaluation, folder: Path) -> dict[str, str]:
    """Draws what there is to draw into a folder.

    ``confusion.png`` is of classes, ``f1.png`` of entities and of several labels at once,
    ``reliability.png`` of probabilities, ``kinds.png`` of kinds of question.

    Returns:
        The title of each picture by its file name.
    """
    drawn = {}
    labels = [scores.label for scores in evaluation.per_class]
    if not are_drawable(labels):
        labels = [str(number) for number in range(1, len(labels) + 1)]
    labels = [label.replace("$", r"\$") for label in labels]  # else matplotlib reads a formula
    if evaluation.confusion:
        _draw_confusion(evaluation, labels, folder / "confusion.png")
        drawn["confusion.png"] = "Confusion matrix"
    elif evaluation.per_class:
        _draw_f1(evaluation, labels, folder / "f1.png")
        drawn["f1.png"] = "F1 of each class"
    if evaluation.reliability:
        draw_reliability(evaluation.reliability, folder / "reliability.png")
        drawn["reliability.png"] = "Reliability"
    if evaluation.per_kind:
        _draw_kinds(evaluation, folder / "kinds.png")
        drawn["kinds.png"] = "Scores by kind"
    return drawn


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


def _draw_f1(evaluation: Evaluation, labels: Sequence[str], path: Path) -> None:
    figure = Figure(figsize=(6, 1 + 0.4 * len(evaluation.per_class)), layout="constrained")
    axes = figure.subplots()
    names = [
        f"{label} ({scores.support:,})"
        for label, scores in zip(labels, evaluation.per_class, strict=True)
    ]
    bars = axes.barh(names, [scores.f1 for scores in evaluation.per_class])
    axes.bar_label(bars, fmt="%.3f", padding=2)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.1), xlabel="F1")
    figure.savefig(path, dpi=120)


def _draw_kinds(evaluation: Evaluation, path: Path) -> None:
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    names = [f"{kind.kind}\n{kind.examples:,}" for kind in evaluation.per_kind]
    metrics = list(evaluation.per_kind[0].metrics)
    width = 0.8 / len(metrics)
    for position, metric in enumerate(metrics):
        values = [kind.metrics[metric] for kind in evaluation.per_kind]
        axes.bar(
            [place + position * width for place in range(len(names))], values, width, label=metric
        )
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(names))], names)
    axes.set(ylim=(0, 1), xlabel="kind and its examples")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


def _draw_confusion(evaluation: Evaluation, names: Sequence[str], path: Path) -> None:
    classes = len(names)
    size = min(12.0, 3.5 + 0.45 * classes)
    figure = Figure(figsize=(size + 0.8, size), layout="constrained")
    axes = figure.subplots()
    parts = [[count / (sum(row) or 1) for count in row] for row in evaluation.confusion]
    image = axes.imshow(parts, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="part of the true class")
    axes.set(xlabel="predicted", ylabel="true")
    if classes <= _CELLS_WITH_NUMBERS:
        axes.set_xticks(range(classes), names, rotation=45, ha="right")
        axes.set_yticks(range(classes), names)
        for row, counts in enumerate(evaluation.confusion):
            for column, count in enumerate(counts):
                color = "white" if parts[row][column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=color)
    figure.savefig(path, dpi=120)
