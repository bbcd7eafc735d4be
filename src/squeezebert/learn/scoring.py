"""What answers to rows that were held out are worth."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.data.tasks.classification import LabelledText
from squeezebert.evaluation import Evaluation
from squeezebert.evaluation.bootstrap import intervals
from squeezebert.evaluation.tasks import SCORERS
from squeezebert.learn.examples import Examples, table_of
from squeezebert.pipelines.classification import Classification, classification, normalised


class Scored(NamedTuple):
    """Answers to rows held out, and their scores.

    Attributes:
        spec: with the temperature and threshold that fit them best.
        evaluation: the scores, with intervals.
        answers: to each row.
        outputs: of the model for each row ``[rows, labels]``.
    """

    spec: TaskSpec
    evaluation: Evaluation
    answers: list[Classification]
    outputs: Floats


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
    first, _ = _score(examples, spec, shown, rows, with_intervals=False)
    if first.fitted:
        spec = replace(spec, **first.fitted)
    return Scored(spec, *_score(examples, spec, shown, rows, with_intervals=True), outputs)


def _score(
    examples: Examples,
    spec: TaskSpec,
    outputs: Floats,
    rows: Sequence[LabelledText],
    *,
    with_intervals: bool,
) -> tuple[Evaluation, list[Classification]]:
    answers = [
        classification(spec, row, 1, 1, blank=False)  # nobody asks for lengths here
        for row in normalised(spec, outputs).tolist()
    ]
    table = replace(table_of(rows, examples.table), known_labels=examples.space.values)
    scorer = SCORERS[spec.task](spec, table)
    for row, answer in zip(rows, answers, strict=True):
        scorer.add(row, answer)
    evaluation = Evaluation(
        **vars(scorer.scores()),
        task=spec.task,
        problem_type=spec.problem_type,
        labels=spec.labels,
        examples=len(rows),
        truncated=0,
        seconds=0.0,
        intervals=intervals(scorer.metrics, len(rows)) if with_intervals else {},
    )
    return evaluation, answers
