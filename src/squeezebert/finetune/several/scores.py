"""What a model of several tasks scores while it learns."""

from collections.abc import Mapping

from squeezebert.finetune.scoring import DevScores

MEAN = "mean"


class SeveralScores:
    """`Scores` of all tasks, whose mean chooses the best checkpoint.

    Args:
        scores: of each task, by its name.
    """

    metric = MEAN

    def __init__(self, scores: Mapping[str, DevScores]) -> None:
        self._scores = scores

    def __call__(self) -> dict[str, float]:
        """The mean, and each task's metrics under ``TASK/METRIC``."""
        found = {name: scores() for name, scores in self._scores.items()}
        each = [self._scores[name].in_a_mean(metrics) for name, metrics in found.items()]
        metrics = {
            f"{name}/{metric}": value
            for name, of_task in found.items()
            for metric, value in of_task.items()
        }
        return {MEAN: sum(each) / len(each), **metrics}

    def line(self, metrics: Mapping[str, float]) -> str:
        """The mean, and a line for each task."""
        lines = [f"{MEAN} {metrics[MEAN]:.4f}"]
        lines += [f"  {name}: {scores.line(of_task(metrics, name))}"
                  for name, scores in self._scores.items()]  # fmt: skip
        return "\n".join(lines)


def of_task(metrics: Mapping[str, float], name: str, before: str = "") -> dict[str, float]:
    """A task's own metrics.

    Args:
        before: what names begin with besides, and keep.
    """
    prefix = f"{before}{name}/"
    return {
        before + metric.removeprefix(prefix): value
        for metric, value in metrics.items()
        if metric.startswith(prefix)
    }
