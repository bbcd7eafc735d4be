"""What a worker makes of a file, without a cluster."""

import csv
import datetime
import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from tests.conftest import BundleMaker
from tests.scale.conftest import TableMaker

from squeezebert.bundle import combine_bundles
from squeezebert.cli.predicting.many_files import FileAnswers
from squeezebert.data.columns import Columns
from squeezebert.pipelines import load
from squeezebert.scale.parquet import arrow_type
from squeezebert.tokenizer import Item


def remark(items: Sequence[Item]) -> str:
    """Stands for a remark on the language of a file."""
    return f"looked at {len(items)} texts"


def answered(
    bundle: Path,
    source: Path,
    target: Path,
    columns: Columns = Columns(),  # noqa: B008 -- frozen
    keep: str | None = None,
    skips: bool = False,
) -> Any:
    """Through `pickle`, as workers get it."""
    answer = FileAnswers(load(bundle, 1), {}, columns, keep, skips, remark)
    return pickle.loads(pickle.dumps(answer))(source, target)


def test_columns_are_kept_beside_the_predictions(
    tmp_path: Path, tiny_bundle: Path, make_table: TableMaker
) -> None:
    source = make_table(tmp_path / "in.parquet", 0, 100)
    outcome = answered(tiny_bundle, source, tmp_path / "out.parquet")
    assert outcome.records == 100
    assert "looked at 100 texts" in outcome.notes
    before, after = parquet.read_table(source), parquet.read_table(tmp_path / "out.parquet")
    assert after["id"].equals(before["id"])
    assert after["review"].equals(before["review"])
    assert after["input_label"].equals(before["label"])  # the prediction has a label too
    expected = load(tiny_bundle)(before["review"].to_pylist())
    assert after["label"].to_pylist() == [answer.label for answer in expected]
    assert after["score"].to_pylist() == [answer.score for answer in expected]
    assert [dict(each) for each in after["scores"].to_pylist()] == [
        answer.scores for answer in expected
    ]
    assert after["truncated"].to_pylist() == [answer.truncated for answer in expected]


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        ("embedding", ()),
        ("entities", ("O", "B-PER", "I-PER")),
        ("question-answering", ()),
    ],
)
def test_every_task_has_columns(
    tmp_path: Path, make_bundle: BundleMaker, task: str, labels: tuple[str, ...]
) -> None:
    bundle = make_bundle(
        tmp_path / "model", task=task, labels=labels, problem_type=None, max_length=24
    )
    rows = {"question": ["good film", "bad"], "context": ["a good film .", "a plot"]}
    if task != "question-answering":
        rows = {"text": rows["context"]}
    source = tmp_path / "in.parquet"
    parquet.write_table(arrow.table(rows), source)
    answered(bundle, source, tmp_path / "out.parquet")
    found = parquet.read_table(tmp_path / "out.parquet")
    items: Any = rows["text"] if "text" in rows else list(zip(*rows.values(), strict=True))
    for row, answer in zip(found.to_pylist(), load(bundle)(items), strict=True):
        if task == "embedding":
            assert row["vector"] == answer.vector.tolist()
        elif task == "entities":
            assert [each["text"] for each in row["entities"]] == [
                each.text for each in answer.entities
            ]
        else:
            assert (row["answer"], row["start"]) == (answer.answer, answer.start)
            assert row["context"] in rows["context"]
            assert len(row["candidates"]) == len(answer.candidates)


def test_several_tasks_have_a_column_each(tmp_path: Path, make_bundle: BundleMaker) -> None:
    mood = make_bundle(tmp_path / "mood")
    names = make_bundle(
        tmp_path / "names", task="entities", labels=("O", "B-PER", "I-PER"), problem_type=None
    )
    both = tmp_path / "both"
    combine_bundles([mood, names], both)
    source = tmp_path / "in.parquet"
    parquet.write_table(arrow.table({"text": ["a good film", "bad"]}), source)
    answered(both, source, tmp_path / "out.parquet")
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    expected = load(mood)(["a good film", "bad"])
    assert [row["mood"]["label"] for row in rows] == [answer.label for answer in expected]
    assert all(row["names"]["windows"] == 1 for row in rows)
    answered(both, source, tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["mood"]["label"] for line in lines] == [answer.label for answer in expected]


def test_types_of_columns_survive_also_without_values(tmp_path: Path, tiny_bundle: Path) -> None:
    kept = {
        "day": arrow.array([datetime.date(2026, 1, 2), None], arrow.date32()),
        "tags": arrow.array([["a"], []], arrow.list_(arrow.string())),
        "price": arrow.array([None, None], arrow.decimal128(9, 2)),
        "raw": arrow.array([b"\xff", None], arrow.binary()),
    }
    source = tmp_path / "in.parquet"
    parquet.write_table(arrow.table({"text": ["good", "bad"]} | kept), source)
    answered(tiny_bundle, source, tmp_path / "out.parquet")
    found = parquet.read_table(tmp_path / "out.parquet")
    for name, column in kept.items():
        assert found[name].combine_chunks().equals(column)


def test_a_table_without_rows_becomes_one_without_rows(
    tmp_path: Path, tiny_bundle: Path, make_table: TableMaker
) -> None:
    source = make_table(tmp_path / "in.parquet", 0, 0)
    assert answered(tiny_bundle, source, tmp_path / "out.parquet").records == 0
    found = parquet.read_table(tmp_path / "out.parquet")
    assert (found.num_rows, found.column_names) == (0, ["id", "review", "label"])


def test_csv_stays_csv_and_others_become_json_lines(tmp_path: Path, tiny_bundle: Path) -> None:
    (tmp_path / "in.csv").write_text("id,review\n7,a good film\n8,bad\n")
    answered(tiny_bundle, tmp_path / "in.csv", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["id"], row["review"]) for row in rows] == [("7", "a good film"), ("8", "bad")]
    assert {"label", "score_positive"} <= rows[0].keys()
    (tmp_path / "in.jsonl").write_text('{"text": "good"}\n{"text": "bad", "more": {"n": 1}}\n')
    answered(tiny_bundle, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert lines[1]["more"] == {"n": 1}
    assert [line["text"] for line in lines] == ["good", "bad"]


def test_named_columns_alone_can_be_kept(tmp_path: Path, tiny_bundle: Path) -> None:
    (tmp_path / "in.csv").write_text("id,review,junk\n7,a good film,x\n")
    answered(tiny_bundle, tmp_path / "in.csv", tmp_path / "out.csv", keep="id")
    header = (tmp_path / "out.csv").read_text().splitlines()[0].split(",")
    assert header[:2] == ["id", "text"]
    assert "junk" not in header


def test_bad_records_are_left_out_and_counted(tmp_path: Path, tiny_bundle: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "good"}\nno JSON\n{"text": "bad"}\n')
    outcome = answered(tiny_bundle, tmp_path / "in.jsonl", tmp_path / "out.jsonl", skips=True)
    assert (outcome.records, outcome.skipped) == (2, 1)
    assert "line 2" in outcome.reasons[0]


def test_a_column_of_a_type_that_is_none_of_ours_is_a_fault() -> None:
    with pytest.raises(AssertionError):
        arrow_type(complex)
