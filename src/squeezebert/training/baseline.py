"""What a model that has learnt nothing scores: the most frequent answer, whatever the input."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from squeezebert.bundle import Task
from squeezebert.evaluation import Evaluation

_ENTITY_F1 = 0.05  # less than any model that has learnt something finds


@dataclass(frozen=True, slots=True)
class Baseline:
    """The score of always giving the most frequent answer.

    Attributes:
        metric: the one that tells models of the task apart.
        score: of that answer, in the metric's own range.
        error: how much chance may add on so few examples: one standard error.
    """

    metric: str
    score: float
    error: float

    def is_beaten_by(self, evaluation: Evaluation) -> bool:
        """Whether a model is better by more than its standard error."""
        return evaluation.metrics[self.metric] > self.score + self.error


def most_frequent_answer(evaluation: Evaluation, examples: Iterable[Any]) -> Baseline:
    """The baseline of the examples on which a model was evaluated.

    Of classes it is the most frequent one, of several labels at once the same labels for every
    text, of values their mean, of questions that none has an answer. Entities have no such answer:
    theirs is an F1 of 5 %.

    Args:
        evaluation: of any model on the examples.
        examples: only those of questions are read.
    """
    n = evaluation.examples
    if evaluation.confusion:
        counts = np.array(evaluation.confusion).sum(1)[: len(evaluation.labels)]  # those in scope
        metric = "accuracy" if "accuracy" in evaluation.metrics else "accuracy_in_scope"
        share = counts.max() / counts.sum()
        return Baseline(metric, float(share), _error(share, counts.sum()))
    if evaluation.problem_type == "multi_label_classification":
        supports = np.sort([label.support for label in evaluation.per_class])[::-1]
        given = n * np.arange(1, len(supports) + 1)
        best = (2 * supports.cumsum() / (given + supports.sum())).max()
        return Baseline("best_micro_f1", float(best), _error(best, n))
    if evaluation.task == Task.ENTITIES:
        return Baseline("f1", _ENTITY_F1, 0.0)
    if evaluation.task == Task.QUESTION_ANSWERING:
        unanswerable = sum(not question.answers for question in examples)
        metric = "best_f1" if "best_f1" in evaluation.metrics else "f1"
        share = max(unanswerable / n, _ENTITY_F1)
        return Baseline(metric, share, _error(share, n))
    return Baseline("spearman", 0.0, 1 / math.sqrt(max(1, n - 1)))


def _error(share: float, n: int) -> float:
    return math.sqrt(share * (1 - share) / n)
