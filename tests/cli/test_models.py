"""`squeezebert models`."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from squeezebert import cli


def run(monkeypatch: pytest.MonkeyPatch, *options: str, code: int | None = None) -> None:
    monkeypatch.setattr(sys, "argv", ["squeezebert", "models", *options])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert (exit_.value.code or None) == code


def test_models_are_listed_with_task_sizes_and_score(
    tmp_path: Path,
    make_bundle: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("squeezebert.bundle.installed._packages", lambda: (tmp_path,))
    run(monkeypatch)
    nothing, *more = capsys.readouterr().out.splitlines()
    assert nothing == "There are no built-in models."
    assert more == [
        "More, by `pip install ./models/base` in a clone: base, embed-base, sentiment-base",
        "More, by `pip install ./models/polyglot` in a clone: "
        "embed-multi, ner-multi, polyglot, sentiment-multi",
    ]
    score = {"data": "SST-2 dev", "metric": "accuracy", "bundle": 0.8912345}
    card = "x" * 1_000_000
    make_bundle(
        tmp_path / "bundles" / "sentiment", evaluation=[score], card=card, languages=("en", "de")
    )
    topics = make_bundle(tmp_path / "bundles" / "topics", card=card)
    shared = tmp_path / "bundles" / "shared"
    shared.mkdir()
    (topics / "README.md").rename(shared / "README.md")
    run(monkeypatch)
    header, first, second, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == ["model", "task", "languages", "size", "shared", "score"]
    assert " ".join(first.split()) == (
        "sentiment classification de en 1.0 MB 0.0 MB accuracy 0.8912 on SST-2 dev"
    )
    assert " ".join(second.split()) == "topics classification not stated 0.0 MB 1.0 MB unscored"
    encoder = tmp_path / "checkpoints" / "small"
    encoder.mkdir(parents=True)
    (encoder / "config.json").write_text("{}")
    run(monkeypatch)
    assert "Encoders to fine-tune, by `train --from NAME`: small" in capsys.readouterr().out
    run(monkeypatch, "--language", "de")
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[:3]] == [
        "model", "sentiment", "More,",
    ]  # fmt: skip
    run(monkeypatch, "--language", "fi", code=2)
    assert "for 'fi'. There are some for de, en." in " ".join(capsys.readouterr().err.split())
