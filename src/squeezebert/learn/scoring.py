"""What answers to rows that were held out are worth."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.data.tasks.classification import LabelledText
from squeezebert.evaluation import Evaluation
from squeezebert.evaluation.bootstrap import Resampled, intervals, resampled
from squeezebert.evaluation.tasks import SCORERS, Scorer
from squeezebert.learn.examples import Examples, table_of
from squeezebert.pipelines.classification import Classification, classification, normalised


class Lead(NamedTuple):
    """How far one model is ahead of another on the same rows.

    Attributes:
        difference: of their scores, 0..1; below 0 if it is behind.
        error: the standard error of that.
    """

    difference: float
    error: float

    @property
    def is_clear(self) -> bool:
        """Whether it is more than chance may make of equal models: ahead by over one error."""
        return self.difference > self.error

    @property
    def is_behind(self) -> bool:
        """Whether it is surely so the other way round: by over two errors."""
        return self.difference < -2 * self.error


class Scored(NamedTuple):
    """Answers to rows held out, and their scores.

    Attributes:
        spec: with the temperature and threshold that fit them best.
        evaluation: the scores, with intervals.
        answers: to each row.
        outputs: of the model for each row ``[rows, labels]``.
        resampled: the scores on resamples of the rows.
    """

    spec: TaskSpec
    evaluation: Evaluation
    answers: list[Classification]
    outputs: Floats
    resampled: Resampled

    def lead(self, other: "Scored", metric: str) -> Lead:
        """How far these answers are ahead of others to the same rows.

        Args:
            other: answers.
            metric: to compare by; the headline's, where it is fitted to the rows.
        """
        name = metric if metric in self.resampled else self.evaluation.headline
        difference = self.evaluation.metrics[metric] - other.evaluation.metrics[metric]
        error = float(np.nanstd(self.resampled[name] - other.resampled[name]))
        return Lead(difference, error)


def score(
    examples: Examples, spec: TaskSpec, outputs: Floats, rows: Sequence[LabelledText]
) -> Scored:
    """Fits temperature and threshold, and scores the answers with them.

    Args:
        examples: that the rows are from.
        spec: of the model.
        outputs: of the model for each row ``[rows, labels]``.
        rows: that were held out.
    """
    shown = outputs
    if examples.space.is_regression:
        shown = outputs * examples.deviation + examples.mean
    scorer, _ = _scorer(examples, spec, shown, rows)
    if fitted := scorer.scores().fitted:
        spec = replace(spec, **fitted)
    scorer, answers = _scorer(examples, spec, shown, rows)
    values, scores = resampled(scorer.metrics, len(rows)), scorer.scores()
    evaluation = Evaluation(
        **vars(scores),
        task=spec.task,
        problem_type=spec.problem_type,
        labels=spec.labels,
        examples=len(rows),
        truncated=0,
        seconds=0.0,
        intervals=intervals(values, scores.metrics),
    )
    return Scored(spec, evaluation, answers, outputs, values)


def _scorer(
    examples: Examples, spec: TaskSpec, outputs: Floats, rows: Sequence[LabelledText]
) -> tuple[Scorer, list[Classification]]:
    answers = [
        classification(spec, row, 1, 1, blank=False)  # nobody asks for lengths here
        for row in normalised(spec, outputs).tolist()
    ]
    table = replace(table_of(rows, examples.table), known_labels=examples.space.values)
    scorer = SCORERS[spec.task](spec, table)
    for row, answer in zip(rows, answers, strict=True):
        scorer.add(row, answer)
    return scorer, answers
