"""The whole way of docs/languages.md, from a teacher of any kind to bundles that answer."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from squeezebert.cli import app

GOOD, BAD = "dobrý skvělý", "špatný hloupý nudný"
SHAPE = ["--length", "16", "--batch-size", "4"]


def run(*arguments: str | Path) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == 0, (arguments[0], done.exception, done.output)
    return str(done.stdout)


@pytest.fixture
def lines() -> list[tuple[str, str]]:
    drawn = random.Random(0)
    return [
        (f"{drawn.choice(['Ten', 'To byl'])} {drawn.choice(words.split())} film .", label)
        for _ in range(60)
        for words, label in ((GOOD, "good"), (BAD, "bad"))
    ]


@pytest.mark.parametrize("family", ["xlm-roberta", "byte-level"])
def test_a_language_of_no_model_gets_its_own(
    family: str, lines: list[tuple[str, str]], tmp_path: Path, make_teacher: Callable[[str], Path]
) -> None:
    text, table = tmp_path / "czech.txt", tmp_path / "labelled.csv"
    text.write_text("\n".join(line for line, _ in lines) + "\n", encoding="utf-8")
    table.write_text(
        "text,label\n" + "".join(f"{line},{label}\n" for line, label in lines),
        encoding="utf-8",
    )
    teacher, student, own = (tmp_path / name for name in ("teacher", "czech", "own"))
    run("trim", make_teacher(family), "--text", text, "--coverage", "1", "-o", teacher)
    run("squeeze", teacher, "--text", text, "--tokens", "512", *SHAPE, "-o", student)
    run("adapt", student, "--text", text, "--tokens", "6400", "--learning-rate", "0.01", *SHAPE,
        "-o", own)  # fmt: skip
    mood, guess = tmp_path / "mood", tmp_path / "guess"
    run("train", "--from", own, "--train", table, "--dev", table, "--epochs", "8", "--max-length",
        "20", "--learning-rate", "0.01", "-o", mood)  # fmt: skip
    bundle = tmp_path / "mood-bundle"
    # So small an encoder learns letters, which the word may be broken into, only by chance.
    run("export", mood, "--data", table, "--language", "cs", "--tolerance", "100", "--untrained",
        "-o", bundle)  # fmt: skip
    answer = json.loads(run("predict", "--model", bundle, "Ten skvělý film ."))
    assert answer["label"] in ("good", "bad")
    run("export", own, "--data", text, "--language", "cs", "--untrained", "--tolerance", "100",
        "-o", guess)  # fmt: skip
    [hidden] = json.loads(run("predict", "--model", guess, "To byl [MASK] film ."))["hidden"]
    assert len(hidden["guesses"]) == 5
    assert "cs" in (guess / "README.md").read_text()
