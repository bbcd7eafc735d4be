"""Scores of similarities: what they are, and files that have none."""

from pathlib import Path

import pytest

from squeezebert.bundle import TaskSpec
from squeezebert.data.columns import Columns
from squeezebert.data.tasks.classification import Table
from squeezebert.data.tasks.embedding import read_embedding
from squeezebert.errors import DataError
from squeezebert.evaluation.bootstrap import intervals, resampled
from squeezebert.evaluation.tasks.embedding import SimilarityScorer
from squeezebert.pipelines import Similarity

SPEC = TaskSpec(task="embedding", max_length=9)


def pairs(tmp_path: Path, *rows: str) -> Table:
    path = tmp_path / "dev.tsv"
    path.write_text("\n".join(["sentence1\tsentence2\tscore", *rows]) + "\n")
    table = read_embedding(path, "validation", Columns())
    assert isinstance(table, Table)
    return table


def test_the_order_of_the_scores_counts(tmp_path: Path) -> None:
    table = pairs(tmp_path, "a\tb\t0", "a\tc\t1", "a\td\t5")
    scorer = SimilarityScorer(SPEC, table)
    for example, cosine in zip(table, (-0.5, 0.1, 0.2), strict=True):
        scorer.add(example, Similarity(cosine, 6, 6))
    assert scorer.scores().metrics["spearman"] == pytest.approx(1)
    low, high = intervals(resampled(scorer.metrics, 3), scorer.scores().metrics)["spearman"]
    assert (low, high) == pytest.approx((1, 1))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a\tb\thigh", r"the label 'high' \(line 3\) is not a finite number"),
        ("a\tb\t", r"1 with an empty 'score' \(line 3\)"),
        ("a\t \t1", r"1 with an empty 'sentence2' \(line 3\)"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        SimilarityScorer(SPEC, pairs(tmp_path, "a\tb\t1", row))
