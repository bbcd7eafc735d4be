"""The benchmark of GLUE on tiny files of GLUE's formats."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.glue.__main__ import main, starts
from benchmarks.glue.table import table
from benchmarks.glue.tasks import TASKS

from squeezebert.model import SqueezeBertModel


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "glue"
    files = {
        "CoLA/train.tsv": 'x\t1\t\ta good film "\nx\t0\t*\ta bad film\n' * 8,
        "CoLA/dev.tsv": "x\t1\t\tvery good\nx\t0\t*\tvery bad\n" * 3,
        "CoLA/test.tsv": "index\tsentence\n0\ta good film\n1\ta bad film\n",
        "STS-B/train.tsv": "index\tsentence1\tsentence2\tscore\n"
        + "0\ta film\tfilm\t5.0\n1\tgood\tbad\t0.0\n2\tplot\tgood plot\t3.0\n" * 6,
        "STS-B/dev.tsv": "index\tsentence1\tsentence2\tscore\n"
        + "0\ta film\ta film\t5.0\n1\tgood\tbad plot\t0.0\n2\tplot\tgood plot\t3.0\n",
        "STS-B/test.tsv": "index\tsentence1\tsentence2\n0\ta film\tfilm\n1\tgood\tbad\n",
        "QNLI/dev.tsv": "index\tquestion\tsentence\tlabel\n"
        + "0\tgood film\ta good film\tentailment\n1\tgood\tbad plot\tnot_entailment\n",
        "QNLI/test.tsv": "index\tquestion\tsentence\n7\tgood film\ta good film\n",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def test_what_is_there_is_trained_scored_and_answered_and_what_is_not_is_named(
    tmp_path: Path,
    data: Path,
    make_checkpoint: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    encoder = make_checkpoint(tmp_path / "encoder", SqueezeBertModel)
    qnli = tmp_path / "pairs.tsv"
    rows = (data / "QNLI" / "dev.tsv").read_text().splitlines()
    qnli.write_text("\n".join([rows[0], *rows[1:] * 10]) + "\n")
    output = tmp_path / "out"
    arguments = [str(data), "-o", str(output), "--from", str(encoder), "--rows", "12"]
    main([*arguments, "--qnli", str(qnli)])
    printed = capsys.readouterr().out
    found = json.loads((output / "glue.json").read_text())["results"]
    assert [result["task"] for result in found] == ["CoLA", "STS-B", "QNLI"]
    assert [result["rows"] for result in found] == [12, 12, 12]
    assert {result["note"] for result in found[:2]} == {"a part, drawn at random"}
    assert found[2]["note"] == "derived, not GLUE's own, a part, drawn at random"
    assert "SST-2: no train.tsv" in printed
    missing = printed.splitlines()[-1]
    for name in ("SST-2", "MRPC", "RTE", "WNLI", "MNLI-m", "MNLI-mm", "QQP", "AX"):
        assert f" {name}.tsv" in missing
    assert (output / "glue.png").exists()
    assert "| CoLA (6) | mcc | **" in printed
    assert "56.5 | 44.1 |" in (output / "glue.md").read_text()

    answers = {
        file.name: [line.split("\t") for line in file.read_text().splitlines()]
        for file in (output / "submission").iterdir()
    }
    assert answers.keys() == {"CoLA.tsv", "STS-B.tsv", "QNLI.tsv"}
    assert all(rows[0] == ["index", "prediction"] for rows in answers.values())
    assert [row[0] for row in answers["CoLA.tsv"][1:]] == ["0", "1"]
    assert {row[1] for row in answers["CoLA.tsv"][1:]} <= {"0", "1"}
    assert all(0 <= float(row[1]) <= 5 for row in answers["STS-B.tsv"][1:])
    [[number, answer]] = answers["QNLI.tsv"][1:]
    assert (number, answer in ("entailment", "not_entailment")) == ("7", True)

    main([*arguments, "--qnli", str(qnli), "--only", "CoLA"])
    printed = capsys.readouterr().out
    assert "is finished; nothing is left to do" in printed
    assert " STS-B.tsv" not in printed.splitlines()[-1], "an earlier run wrote it"
    again = json.loads((output / "glue.json").read_text())["results"]
    assert sorted(result["task"] for result in again) == ["CoLA", "QNLI", "STS-B"]


def test_no_data_and_data_that_can_not_be_read_are_told(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert main([str(tmp_path / "nowhere"), "-o", str(output)]) == 2
    assert "has no folder of a GLUE task" in capsys.readouterr().err
    assert not output.exists()
    (data / "CoLA" / "train.tsv").write_text("one column\n")
    assert main([str(data), "-o", str(output), "--only", "CoLA"]) == 2
    assert "train.tsv" in capsys.readouterr().err


def test_the_better_start_counts_and_the_mean_needs_all_tasks() -> None:
    def result(task: str, start: str, metric: str, score: float) -> dict[str, object]:
        return {
            "task": task, "start": start, "metrics": {metric: score}, "rows": 10, "dev_rows": 5,
            "note": "", "minutes": 1,
        }  # fmt: skip

    rte = [result("RTE", "mini", "accuracy", 0.5), result("RTE", "nli", "accuracy", 0.6)]
    assert "| RTE (5) | accuracy | **60.0** | nli (mini 50.0) |" in table(rte)
    assert "mean of" not in table(rte)
    everything = [result(task.name, "mini", task.metric, 0.8) for task in TASKS]
    assert "| mean of 6 | | **80.0** | | | | 80.5 | 76.3 |" in table(everything)
    by_name = {task.name: list(starts(task, "mini")) for task in TASKS}
    assert by_name["RTE"] == ["mini", "nli"]
    assert by_name["SST-2"] == ["mini"]
    assert list(starts(TASKS[5], "my-encoder")) == ["my-encoder"]
