"""Scores of several labels at once, against scikit-learn's and by trying every threshold."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from squeezebert.bundle import TaskSpec
from squeezebert.data.rows import Rows
from squeezebert.data.tasks.classification import Table
from squeezebert.errors import DataError
from squeezebert.evaluation.tasks.multi_label import MultiLabelScorer
from squeezebert.pipelines import Classification

NAMES = ("news", "sport", "travel")
SPEC = TaskSpec(
    task="classification", labels=NAMES, problem_type="multi_label_classification", max_length=9
)


def table_of(*labels: str) -> Table:
    rows = [(number, {"text": "a", "label": label}) for number, label in enumerate(labels, 1)]
    source = Rows("dev", ("text", "label"), "row", lambda: iter(rows))
    return Table(source, "text", None, ("label",))


def said(scores: tuple[float, ...]) -> Classification:
    by_name = dict(zip(NAMES, scores, strict=True))
    given = tuple(name for name in NAMES if by_name[name] >= 0.5)
    return Classification("", 0, by_name, None, 3, 3, labels=given)


label_sets = st.sets(st.sampled_from(NAMES)).map(sorted)
chances = st.tuples(*[st.integers(0, 1000).map(lambda part: part / 1000)] * 3)


@settings(deadline=None)
@given(st.lists(st.tuples(label_sets, chances), min_size=1))
def test_scores_agree_with_scikit_learn(rows: list[tuple[list[str], tuple[float, ...]]]) -> None:
    assume(any(true for true, _ in rows))
    table = table_of(*("|".join([*true, ""]) for true, _ in rows))
    scorer = MultiLabelScorer(SPEC, table)
    for example, (_, scores) in zip(table, rows, strict=True):
        scorer.add(example, said(scores))
    found = scorer.scores()

    true = np.array([[name in labels for name in NAMES] for labels, _ in rows])
    probabilities = np.array([scores for _, scores in rows])
    given = probabilities >= 0.5
    occur = np.flatnonzero((true | given).any(0))
    micro_f1 = f1_score(true, given, average="micro", zero_division=0)
    assert found.metrics["micro_f1"] == pytest.approx(micro_f1)
    macro = f1_score(true, given, average="macro", labels=occur, zero_division=0)
    assert found.metrics["macro_f1"] == pytest.approx(macro)
    assert found.metrics["exact_match"] == pytest.approx((true == given).all(1).mean())
    weights = np.arange(len(rows)) % 3
    if weights.any():
        often_true, often_given = (np.repeat(part, weights, axis=0) for part in (true, given))
        micro_f1 = f1_score(often_true, often_given, average="micro", zero_division=0)
        assert scorer.metrics(weights)["micro_f1"] == pytest.approx(micro_f1)
    assert [scores.support for scores in found.per_class] == true.sum(0).tolist()
    assert found.wrong == (true != given).any(1).sum()

    def micro(threshold: float) -> float:
        return float(f1_score(true, probabilities >= threshold, average="micro", zero_division=0))

    best = max(map(micro, [0, *probabilities.ravel()]))
    assert found.metrics["best_micro_f1"] == pytest.approx(best)
    assert micro(found.fitted["threshold"]) == pytest.approx(best)


def test_mistakes_name_the_labels() -> None:
    table = table_of("sport|news", "")
    scorer = MultiLabelScorer(SPEC, table)
    for example, scores in zip(table, [(0.9, 0.1, 0.2), (0.1, 0.1, 0.6)], strict=True):
        scorer.add(example, said(scores))
    first, second = scorer.scores().mistakes
    assert (first.expected, first.predicted) == ("news, sport", "news")
    assert (second.expected, second.predicted) == ("no label", "travel")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["news|sprot"], r"unknown label 'sprot' \(row 1\)"),
        (["", ""], "no row has a label"),
        ([], "no rows"),
    ],
)
def test_labels_that_disagree_with_the_model_are_refused(labels: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        MultiLabelScorer(SPEC, table_of(*labels))


def test_an_empty_cell_is_no_label_and_no_mistake_of_the_file() -> None:
    table = table_of("news", "")
    with pytest.raises(DataError, match="1 with an empty 'label'"):
        table.check()
    scorer = MultiLabelScorer(SPEC, table)
    for example, scores in zip(table, [(0.9, 0.1, 0.2), (0.1, 0.1, 0.2)], strict=True):
        scorer.add(example, said(scores))
    assert scorer.scores().metrics["exact_match"] == 1
