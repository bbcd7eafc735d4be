"""What a model scores on dev examples while it learns, beside what knows nothing."""

import math
from collections.abc import Mapping
from typing import Protocol

from squeezebert.data.read_once import ReadOnce
from squeezebert.evaluation import evaluate
from squeezebert.evaluation.scores import LOWER_IS_BETTER
from squeezebert.finetune.tasks import TrainingTask
from squeezebert.pipelines import Pipeline
from squeezebert.training.baseline import Baseline, most_frequent_answer

_WORST = 1e30  # the size of a score that is undefined


class Scores(Protocol):
    """Measures a model, as it is at the time."""

    @property
    def metric(self) -> str:
        """Name of the one that chooses the best checkpoint."""

    def __call__(self) -> dict[str, float]:
        """All metrics; undefined ones are left out, but `metric`."""

    def line(self, metrics: Mapping[str, float]) -> str:
        """What to tell the user of such metrics."""


class DevScores:
    """`Scores` of one task.

    Args:
        task: has the dev examples, and the metric by which the best checkpoint is chosen.
        pipeline: over the model.

    Attributes:
        metric: that chooses the best checkpoint.
    """

    def __init__(self, task: TrainingTask, pipeline: Pipeline) -> None:
        self.metric = task.metric
        self._task = task
        self._pipeline = pipeline
        self._dev = ReadOnce(task.dev)
        self._baseline: Baseline | None = None
        self._words: float | None = None

    def __call__(self) -> dict[str, float]:
        """All metrics; where `metric` is undefined it is worse than any real score."""
        evaluation = evaluate(self._pipeline, self._dev)
        if self._baseline is None:
            self._baseline = most_frequent_answer(evaluation, self._dev)
            self._words = self._task.score_of_words()
        metrics = {
            name: value for name, value in evaluation.metrics.items() if not math.isnan(value)
        }
        metrics.setdefault(self.metric, _WORST if self.metric in LOWER_IS_BETTER else -_WORST)
        return metrics | {"truncated": evaluation.truncated, "runtime": evaluation.seconds}

    def line(self, metrics: Mapping[str, float]) -> str:
        """The metric, and how far the model is from one that has learnt nothing."""
        return f"{self.metric} {metrics[self.metric]:.4f}{self._distance(metrics)}"

    def _distance(self, metrics: Mapping[str, float]) -> str:
        baseline, words = self._baseline, self._words
        score = None if baseline is None else metrics.get(baseline.metric)
        if baseline is None or score is None:
            return ""
        points = 100 * (score - baseline.score)
        name = "" if baseline.metric == self.metric else f"{baseline.metric} {score:.4f}, "
        too = "" if words is None else f", {100 * (score - words):+.1f} from TF-IDF"
        return f" ({name}{points:+.1f} points from {baseline.answer}{too})"

    def in_a_mean(self, metrics: Mapping[str, float]) -> float:
        """The score that goes into a mean with those of other tasks: 1 is the best there is.

        Of values it is the correlation in place of the error, and what is undefined counts 0.
        """
        name = "pearson" if self.metric in LOWER_IS_BETTER else self.metric
        score = metrics.get(name, 0.0)
        return 0.0 if abs(score) == _WORST else score
