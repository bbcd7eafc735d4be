"""What a model that has learnt nothing scores: the most frequent answer, whatever the input."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
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
        is_answer: whether there is such an answer; else the score is one that whatever has learnt
            something exceeds.
        answer: what has the score, in words.
    """

    metric: str
    score: float
    error: float
    is_answer: bool = True
    answer: str = "the most frequent answer"

    @property
    def way(self) -> str:
        """How to answer without reading, in words."""
        return f"always {self.answer}" if self.is_answer else self.answer

    def is_beaten_by(self, evaluation: Evaluation, errors: float = 1.0) -> bool:
        """Whether a model is better by more than so many standard errors."""
        return evaluation.metrics[self.metric] > self.score + errors * self.error


def most_frequent_answer(evaluation: Evaluation, examples: Iterable[Any]) -> Baseline:
    """The baseline of the examples on which a model was evaluated.

    For classes it is the most frequent one, for several labels at once the same labels for every
    text, for values their mean, for questions that none has an answer, for hidden words the one
    that is hidden most often. Entities have no such answer: theirs is an F1 of 5 %.

    Args:
        evaluation: of any model on the examples.
        examples: only questions and hidden words are read.
    """
    return BASELINES[evaluation.task](evaluation, examples)


def _of_labels(evaluation: Evaluation, examples: Iterable[Any]) -> Baseline:
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
    return _of_values(evaluation, examples)


def _of_values(evaluation: Evaluation, examples: Iterable[Any]) -> Baseline:
    error = 1 / math.sqrt(max(1, evaluation.examples - 1))
    return Baseline("spearman", 0.0, error, answer="the mean")


def _of_entities(evaluation: Evaluation, examples: Iterable[Any]) -> Baseline:
    nothing = "what has learnt next to nothing"
    return Baseline("f1", _ENTITY_F1, 0.0, is_answer=False, answer=nothing)


def _of_questions(evaluation: Evaluation, examples: Iterable[Any]) -> Baseline:
    n = evaluation.examples
    unanswerable = sum(not question.answers for question in examples)
    metric = "best_f1" if "best_f1" in evaluation.metrics else "f1"
    share = max(unanswerable / n, _ENTITY_F1)
    return Baseline(metric, share, _error(share, n))


def _of_hidden_words(evaluation: Evaluation, examples: Iterable[Any]) -> Baseline:
    counts = Counter(example.word.casefold() for example in examples)
    share = max(counts.values()) / counts.total()
    return Baseline("accuracy", share, _error(share, counts.total()))


BASELINES: Mapping[str, Callable[[Evaluation, Iterable[Any]], Baseline]] = {
    Task.CLASSIFICATION: _of_labels,
    Task.EMBEDDING: _of_values,
    Task.ENTITIES: _of_entities,
    Task.QUESTION_ANSWERING: _of_questions,
    Task.FILL_MASK: _of_hidden_words,
}


def _error(share: float, n: int) -> float:
    return math.sqrt(share * (1 - share) / n)
