"""What `squeezebert squeeze` and `probe` refuse before they start, as a user sees it."""

import sys
from pathlib import Path

import pytest

from squeezebert.cli import main

SQUEEZE = ["squeeze", "no-teacher", "--text", "no.txt", "--tokens", "0"]
PROBE = ["probe", "no-student", "--teacher", "no-teacher"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([*SQUEEZE, "-o", "full"], "full exists and holds no config.json"),
        ([*SQUEEZE, "-o", "."], "Name another output folder"),
        ([*SQUEEZE, "-o", "out", "--seed", "-1"], "seed must be in 0..4294967295"),
        ([*SQUEEZE, "-o", "out", "--learning-rate", "nan"], "learning_rate must be a finite"),
        ([*PROBE, "--json", "full"], "full is a folder. Name a file."),
        ([*PROBE, "--seed", "-1"], "seed must be in 0..4294967295"),
    ],
)
def test_one_line_says_what_is_wrong(
    command: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["squeezebert", *command])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: ")
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
