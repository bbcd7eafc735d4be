"""``squeezebert learn``."""

import re
from pathlib import Path

import pytest
from tests.conftest import BundleMaker
from typer.testing import CliRunner

from squeezebert.cli import app, main
from squeezebert.errors import InputError

TICKETS = Path(__file__).parents[2] / "examples" / "tickets.csv"


PRICES = [7 * number % 100 + 300 * (number % 2) for number in range(40)]


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_the_tickets_of_a_shop_are_learnt_better_than_from_words_alone(tmp_path: Path) -> None:
    columns = ("--label-column", "topic")
    status, output = run("learn", TICKETS, *columns, "-o", tmp_path / "tickets")
    assert status == 0
    scores = dict(re.findall(r"^  (.+?) {2,}([\d.]+)", output, re.MULTILINE))
    words = float(scores["words and letters (TF-IDF)"])
    assert float(scores["learnt"]) > words + 10 > float(scores["always the most frequent answer"])
    assert "estimated" in output or "measured" in output
    page = (tmp_path / "tickets" / "report.html").read_text(encoding="utf-8")
    assert "taken for" in page
    assert not re.search(r"(src|href)=", page)
    _, answer = run("predict", "--model", tmp_path / "tickets", "Where is my parcel?")
    assert '"label": "delivery"' in answer
    _, told = run("evaluate", "--model", tmp_path / "tickets", "--data", TICKETS, *columns)
    assert "note: about 100% of these rows are among those that the model learnt from" in told


def test_where_nothing_was_learnt_nothing_is_written(
    tmp_path: Path,
    make_bundle: BundleMaker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    data = tmp_path / "rows.csv"
    data.write_text("text,label\n" + "good film,x\ngood film,y\n" * 20)
    command = ["squeezebert", "learn", str(data), "--from", str(embed), "-o", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    told = capsys.readouterr().err
    assert told.count("Nothing was learnt") == told.count("Nothing was written") == 1
    assert not (tmp_path / "out").exists()
    status, _ = run("learn", data, "--from", embed, "-o", tmp_path / "out", "--anyway")
    assert status == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "nothing was learnt" in page
    assert "Labels may be in random order" in page
    assert "does well" not in page


def test_it_is_said_that_ratings_are_classes_and_that_a_bundle_is_replaced(
    tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    data = tmp_path / "rows.csv"
    data.write_text("text,label\n" + "very good film,5\ngood film,4\na plot,3\nbad film,1\n" * 8)
    _, output = run("learn", data, "--from", embed, "-o", tmp_path / "out")
    assert "whole numbers from 1 to 5, and learnt as 4 classes" in output
    assert "--problem-type regression" in output
    assert "will be replaced" not in output
    _, output = run("learn", data, "--from", embed, "-o", tmp_path / "out")
    assert f"{tmp_path / 'out'} is there, and will be replaced at the end." in output


def test_many_whole_numbers_are_learnt_as_values(tmp_path: Path, make_bundle: BundleMaker) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    data = tmp_path / "rows.csv"
    rows = [f"{'very good' if price > 200 else 'bad'} film {price},{price}" for price in PRICES]
    data.write_text("\n".join(["text,label", *rows]) + "\n")
    status, output = run("learn", data, "--from", embed, "-o", tmp_path / "out")
    assert status == 0
    assert "always the mean" in output
    assert "40 different whole numbers in 40 rows, so they are learnt as values" in output
    assert "--problem-type single-label" in output


def test_ratings_are_learnt_as_values_if_told_so(tmp_path: Path, make_bundle: BundleMaker) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    data = tmp_path / "rows.csv"
    data.write_text("text,label\n" + "very good film,5\ngood film,4\na plot,3\nbad film,1\n" * 8)
    values = ("--problem-type", "regression")
    status, _ = run("learn", data, "--from", embed, *values, "-o", tmp_path / "out")
    assert status == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "The values go from 1 to 5." in page
    assert "Furthest off" in page
    assert "recognised by" not in page
    _, answer = run("predict", "--model", tmp_path / "out", "very good film")
    assert '"value"' in answer


def test_a_checkpoint_to_learn_from_has_to_be_fine_tuned(tmp_path: Path) -> None:
    data = tmp_path / "rows.csv"
    data.write_text("text,label\na,x\nb,y\nc,x\nd,y\n")
    with pytest.raises(InputError, match=r"mini is a checkpoint, .* add --best"):
        run("learn", data, "--from", "mini", "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()
