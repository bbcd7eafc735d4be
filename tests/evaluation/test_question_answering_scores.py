"""Scores of answers: the official script's normalisation, F1, thresholds and kinds."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.bundle import TaskSpec
from squeezebert.data.tasks.question_answering import read_questions
from squeezebert.errors import DataError
from squeezebert.evaluation import evaluate
from squeezebert.evaluation.scores import Mistake
from squeezebert.evaluation.tasks.question_answering import (
    answer_scores,
    best_threshold,
    question_kind,
)
from squeezebert.pipelines.question_answering import Answer, Candidate
from squeezebert.tokenizer import Item

# What the official script, evaluate-v2.0.py, computes for these.
OFFICIAL: list[tuple[list[str], str, float, float]] = [
    (["Denver Broncos"], "Denver Broncos", 1, 1),
    (["Denver Broncos"], "the denver broncos!", 1, 1),
    (["Denver Broncos"], "Broncos", 0, 2 / 3),
    (["Denver Broncos", "Broncos"], "Broncos", 1, 1),
    (["October 1973", "October", "1973"], "in October 1973", 0, 4 / 5),
    (["a theatre"], "theatre", 1, 1),
    (["thea"], "a thea", 1, 1),
    (["$12"], "12", 1, 1),
    (["US$3"], "3", 0, 0),
    (["well-known"], "wellknown", 1, 1),
    (["the the dog dog"], "dog", 0, 2 / 3),
    (["Saint Bernadette Soubirous"], "Bernadette of Lourdes", 0, 1 / 3),
    (["“Rose”"], "Rose", 0, 0),
    (["Beyoncé"], "beyonce", 0, 0),
    (["x"], "", 0, 0),
    ([], "", 1, 1),
    ([], "x", 0, 0),
    ([], "The.", 1, 1),
    (["the"], "", 1, 1),
    (["the", "x"], "", 0, 0),
]


@pytest.mark.parametrize(("true", "predicted", "exact", "f1"), OFFICIAL)
def test_scores_are_those_of_the_official_script(
    true: list[str], predicted: str, exact: float, f1: float
) -> None:
    assert answer_scores(true, predicted) == pytest.approx((exact, f1))


@given(
    st.lists(
        st.tuples(st.integers(-3, 3).map(float), st.sampled_from([0, 0.5, 1]), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_no_threshold_is_better_than_the_best(rows: list[tuple[float, float, bool]]) -> None:
    def f1_at(threshold: float) -> float:
        return sum(
            (f1 * answerable if margin <= threshold else not answerable)
            for margin, f1, answerable in rows
        ) / len(rows)

    threshold, best = best_threshold(*zip(*rows, strict=True))
    assert f1_at(threshold) == pytest.approx(best)
    assert best == pytest.approx(max(f1_at(step / 2) for step in range(-10, 11)))


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who won?", "who"),
        ("To whom was it given?", "who"),
        ("In what year did it begin?", "what"),
        ("How much did it cost?", "how many"),
        ("how tall is it", "how"),
        ("Name a film.", "other"),
        ("Somewhat good?", "other"),
        ("However where is it?", "where"),
        ("Did he say when?", "when"),
    ],
)
def test_the_kind_of_a_question_is_its_question_word(question: str, kind: str) -> None:
    assert question_kind(question) == kind


class Fixed:
    """Finds the last word of each context; its margin is that of ``margins``."""

    def __init__(self, margins: dict[str, float], null_threshold: float | None) -> None:
        self.spec = TaskSpec(
            task="question-answering", max_length=20, null_threshold=null_threshold
        )
        self._margins = margins

    def __call__(self, items: Sequence[Item]) -> list[Answer]:
        return [self._answer(*item) for item in items]

    def _answer(self, question: str, context: str) -> Answer:
        start = context.rindex(" ") + 1
        best = Candidate(context[start:], 0.9, start, len(context))
        margin = self._margins[question]
        if self.spec.null_threshold is not None and margin > self.spec.null_threshold:
            return Answer(None, 0.8, None, None, (best,), margin, 1)
        return Answer(best.answer, best.score, best.start, best.end, (best,), margin, 1)


ROWS: list[dict[str, Any]] = [
    {"question": "what is good?", "context": "a good film", "answers": ["film"]},
    {"question": "who is good?", "context": "a good film", "answers": ["good film"]},
    {"question": "what is bad?", "context": "a good film", "answers": []},
    {"question": "what is very bad?", "context": "a good film", "answers": []},
]
MARGINS = {"what is good?": -5.0, "what is bad?": -1.0, "who is good?": 1.0}
MARGINS["what is very bad?"] = 2.0


def questions(tmp_path: Path, rows: list[dict[str, Any]]) -> Any:
    file = tmp_path / "dev.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_questions(file)


def test_without_a_threshold_every_question_is_answered(tmp_path: Path) -> None:
    evaluation = evaluate(Fixed(MARGINS, None), questions(tmp_path, ROWS), with_intervals=True)
    assert evaluation.metrics == pytest.approx(
        {
            "f1": (1 + 2 / 3) / 4,
            "exact_match": 1 / 4,
            "no_answer_accuracy": 0,
            "has_answer_f1": (1 + 2 / 3) / 2,
            "has_answer_exact_match": 1 / 2,
            "best_f1": 3 / 4,
        }
    )
    assert evaluation.headline == "f1"
    assert evaluation.intervals.keys() == evaluation.metrics.keys() - {"best_f1"}
    assert evaluation.intervals["f1"] == pytest.approx((0, 0.8333), abs=0.1)
    assert evaluation.intervals["no_answer_accuracy"] == (0, 0)
    assert evaluation.fitted == {"null_threshold": -5.0}
    assert [(kind.kind, kind.examples) for kind in evaluation.per_kind] == [("who", 1), ("what", 3)]
    assert evaluation.per_kind[1].metrics == pytest.approx({"f1": 1 / 3, "exact_match": 1 / 3})
    assert (evaluation.examples, evaluation.truncated) == (4, 0)
    assert evaluation.wrong == len(evaluation.mistakes) == 3
    assert evaluation.mistakes[0] == Mistake(2, "who is good?", "good film", "film")
    assert evaluation.mistakes[1] == Mistake(3, "what is bad?", "no answer", "film")
    json.dumps(evaluation.as_json(), allow_nan=False)


def test_at_the_fitted_threshold_f1_is_the_best(tmp_path: Path) -> None:
    examples = questions(tmp_path, ROWS)
    fitted = evaluate(Fixed(MARGINS, None), examples).fitted
    evaluation = evaluate(Fixed(MARGINS, **fitted), examples)
    assert evaluation.metrics["f1"] == evaluation.metrics["best_f1"] == 3 / 4
    assert evaluation.metrics["no_answer_accuracy"] == 1
    assert evaluation.metrics["declined"] == 1 / 2, "of the questions with an answer"
    assert evaluation.fitted == fitted, "it does not depend on the threshold there is"


def test_with_answers_to_all_there_is_nothing_to_fit(tmp_path: Path) -> None:
    evaluation = evaluate(Fixed(MARGINS, None), questions(tmp_path, ROWS[:2]))
    assert set(evaluation.metrics) == {"f1", "exact_match"}
    assert evaluation.fitted == {}


def test_unusable_questions_are_refused_before_any_is_asked(tmp_path: Path) -> None:
    bad = {"question": "who?", "context": "a film", "answers": ["plot"]}
    with pytest.raises(DataError, match="line 5: 'plot'"):
        evaluate(Fixed({}, None), questions(tmp_path, [*ROWS, bad]))
