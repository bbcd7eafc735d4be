"""`squeezebert models`."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from squeezebert import cli


def run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["squeezebert", "models"])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert not exit_.value.code


def test_models_are_listed_with_task_sizes_and_score(
    tmp_path: Path,
    make_bundle: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("squeezebert.bundle.installed._packages", lambda: (tmp_path,))
    run(monkeypatch)
    assert capsys.readouterr().out == "There are no built-in models.\n"
    score = {"data": "SST-2 dev", "metric": "accuracy", "bundle": 0.8912345}
    card = "x" * 1_000_000
    make_bundle(tmp_path / "bundles" / "sentiment", evaluation=[score], card=card)
    topics = make_bundle(tmp_path / "bundles" / "topics", card=card)
    shared = tmp_path / "bundles" / "shared"
    shared.mkdir()
    (topics / "README.md").rename(shared / "README.md")
    run(monkeypatch)
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["model", "task", "size", "shared", "score"]
    assert " ".join(first.split()) == (
        "sentiment classification 1.0 MB 0.0 MB accuracy 0.8912 on SST-2 dev"
    )
    assert " ".join(second.split()) == "topics classification 0.0 MB 1.0 MB unscored"
