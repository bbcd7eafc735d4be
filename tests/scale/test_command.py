"""What is told before a cluster is asked for anything."""

import sys
from pathlib import Path

import pytest

from squeezebert import cli


def refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str | Path
) -> str:
    """The message of the command, which ends with 2."""
    monkeypatch.setattr(sys, "argv", ["squeezebert", "predict", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ray", "auto", "a text"], "--ray is for files into a folder"),
        (["--ray", "auto", "--file", "-", "-o", "out"], "--ray is for files into a folder"),
        (["--ray", "auto", "--file", "*.csv"], "--ray is for files into a folder"),
        (["--ray", "auto", "--file", "none/*.csv", "-o", "out"], "No file matches"),
    ],
)
def test_what_is_no_run_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(monkeypatch, capsys, *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["127.0.0.1:1", "cluster", "127.0.0.1:port"])
def test_an_address_without_a_cluster_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    tiny_bundle: Path,
    address: str,
) -> None:
    (tmp_path / "a.txt").write_text("good\n")
    said = refused(
        monkeypatch, capsys, "--model", tiny_bundle, "--file", tmp_path / "*.txt",
        "-o", tmp_path / "out", "--ray", address,
    )  # fmt: skip
    assert f"There is no Ray cluster at {address}" in said
