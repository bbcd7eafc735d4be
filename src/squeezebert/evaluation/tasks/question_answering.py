"""Scores of answers, as the official script of SQuAD 2.0 computes them."""

import re
import string
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.data.tasks.question_answering import Question, Questions
from squeezebert.evaluation.bootstrap import Weights
from squeezebert.evaluation.scores import KindScores, Mistake, Mistakes, Scores
from squeezebert.pipelines.question_answering import Answer

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_NONE = "no answer"
_KINDS = ("who", "what", "which", "when", "where", "why", "how many", "how", "other")
_KIND = re.compile(
    r"\b(who(?=(?:m|se)?\b)|(?:what|which|when|where|why|how (?:many|much)|how)\b)", re.IGNORECASE
)


class QuestionScorer:
    """Keeps seven numbers for each question, and some mistakes.

    Args:
        spec: of the model; without a null threshold it answers every question.
        questions: read once, to check them.

    Raises:
        DataError: questions can't be used.
    """

    def __init__(self, spec: TaskSpec, questions: Questions) -> None:
        questions.check()
        self._declines = spec.null_threshold is not None
        self._declined = array("b")
        self._f1, self._exact = array("d"), array("d")
        self._best_f1, self._margins = array("d"), array("d")
        self._answerable, self._kinds = array("b"), array("b")
        self._mistakes = Mistakes()

    def add(self, example: Question, prediction: Answer) -> None:
        """Takes a question and what was found for it."""
        texts = [answer.text for answer in example.answers]
        exact, f1 = answer_scores(texts, prediction.answer or "")
        self._declined.append(prediction.answer is None)
        self._exact.append(exact)
        self._f1.append(f1)
        self._best_f1.append(answer_scores(texts, prediction.candidates[0].answer)[1])
        self._margins.append(prediction.no_answer_margin)
        self._answerable.append(bool(texts))
        self._kinds.append(_KINDS.index(question_kind(example.question)))
        if not exact:
            expected = " | ".join(dict.fromkeys(texts)) or _NONE
            shown = prediction.answer or _NONE
            self._mistakes.add(Mistake(example.number, example.question, expected, shown))

    def metrics(self, weights: Weights) -> dict[str, float]:
        """F1 and exact match of all questions, and of those with and without an answer.

        ``declined`` is the part of the questions with an answer that were given none.
        """
        f1, exact = np.asarray(self._f1), np.asarray(self._exact)
        answerable = np.asarray(self._answerable, bool)
        metrics = {"f1": _mean(f1, weights), "exact_match": _mean(exact, weights)}
        if not answerable.all():
            metrics["no_answer_accuracy"] = _mean(exact, weights * ~answerable)
        if answerable.any() and not answerable.all():
            metrics["has_answer_f1"] = _mean(f1, weights * answerable)
            metrics["has_answer_exact_match"] = _mean(exact, weights * answerable)
        if answerable.any() and self._declines:
            metrics["declined"] = _mean(np.asarray(self._declined), weights * answerable)
        return metrics

    def scores(self) -> Scores:
        """The scores of all questions taken, of each kind, and the threshold that fits best.

        With questions of both sorts, ``best_f1`` is what F1 would be at that threshold.
        """
        f1, exact, kinds = map(np.array, (self._f1, self._exact, self._kinds))
        answerable = np.array(self._answerable, bool)
        metrics = self.metrics(np.ones(len(f1), np.int64))
        fitted: dict[str, Any] = {}
        if answerable.any() and not answerable.all():
            threshold, metrics["best_f1"] = best_threshold(
                self._margins, self._best_f1, answerable.tolist()
            )
            fitted["null_threshold"] = threshold
        return Scores(
            metrics=metrics,
            per_kind=tuple(
                KindScores(
                    kind=name,
                    examples=int((kinds == index).sum()),
                    metrics={
                        "f1": float(f1[kinds == index].mean()),
                        "exact_match": float(exact[kinds == index].mean()),
                    },
                )
                for index, name in enumerate(_KINDS)
                if (kinds == index).any()
            ),
            fitted=fitted,
            mistakes=self._mistakes.first,
            wrong=self._mistakes.count,
        )


def _mean(values: Any, weights: Weights) -> float:
    """The weighted mean; NaN where nothing counts."""
    return float(values @ weights / weights.sum()) if weights.any() else float("nan")


def answer_scores(true: Sequence[str], predicted: str) -> tuple[float, float]:
    """Exact match, 0 or 1, and F1 of words, 0..1: each the best over all right answers.

    Case, ASCII punctuation, articles and spaces don't count.

    Args:
        true: the right answers; none, or only such as nothing remains of, for a question that has
            no answer.
        predicted: "" to say so.
    """
    right = [words for words in map(_words, true) if words] or [[]]
    found = _words(predicted)
    return float(found in right), max(_f1(words, found) for words in right)


def best_threshold(
    margins: Sequence[float], f1: Sequence[float], answerable: Sequence[bool]
) -> tuple[float, float]:
    """The null threshold of the highest F1 over all questions, and that F1.

    Args:
        margins: by how much no answer outscores the best span of each question.
        f1: of the best span, as if it was given as the answer.
        answerable: whether the question has an answer.
    """
    order = np.argsort(margins)
    ordered = np.asarray(margins)[order]
    gains = np.where(answerable, f1, -1.0)[order]
    # At index i, the questions before i are answered: first none, in the end all.
    totals = np.concatenate([[0.0], np.cumsum(gains)]) + np.count_nonzero(~np.asarray(answerable))
    thresholds = np.concatenate([[ordered[0] - 1], ordered])
    apart = np.append(np.diff(thresholds) > 0, True)  # equal margins are answered together
    best = np.flatnonzero(apart)[np.argmax(totals[apart])]
    return float(thresholds[best]), float(totals[best] / len(gains))


def question_kind(question: str) -> str:
    """The first question word, such as "who" or "how many"; "other" without one."""
    found = _KIND.search(question)
    if found is None:
        return "other"
    return found[1].lower().replace("much", "many")


def _words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def _f1(true: list[str], found: list[str]) -> float:
    if not true or not found:
        return float(true == found)
    common = (Counter(true) & Counter(found)).total()
    return 2 * common / (len(true) + len(found))
