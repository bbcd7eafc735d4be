"""Which installed encoder is learnt from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import BundleMaker
from typer.testing import CliRunner

from squeezebert import load
from squeezebert.bundle import combine_bundles, installed, read_bundle
from squeezebert.bundle.architecture import Architecture
from squeezebert.cli import app
from squeezebert.learn import encoders, learn
from squeezebert.learn.encoders import choose_encoder
from squeezebert.learn.examples import examples_of
from squeezebert.learn.remarks import remarks
from squeezebert.pipelines.words.languages import remark_on

ROWS = [
    (f"a film and a plot {word} {end}", label)
    for word, label in (("good", "praise"), ("bad", "blame"))
    for end in ("", ".", "!", "and film", "very", ", plot", ", film", "! !")
]


@pytest.fixture
def short_sighted(
    tmp_path: Path, make_bundle: BundleMaker, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Path]:
    """Two installed encoders, the default of which reads only four words of a text."""
    embedding = {"task": "embedding", "labels": (), "problem_type": None}
    installed = {
        "embed": make_bundle(tmp_path / "embed", max_length=6, **embedding),
        "embed-far": make_bundle(tmp_path / "embed-far", languages=("de", "en"), **embedding),
        "sentiment": make_bundle(tmp_path / "sentiment", languages=("en",)),
    }
    monkeypatch.setattr(encoders, "installed_bundles", lambda: installed)
    return installed


def test_encoders_of_embeddings_and_of_several_languages_are_compared(
    short_sighted: dict[str, Path], tmp_path: Path, make_bundle: BundleMaker
) -> None:
    assert encoders.candidates() == ["embed", "embed-far"]
    short_sighted["moods"] = make_bundle(tmp_path / "moods", languages=("de", "fr"))
    assert encoders.candidates() == ["embed", "embed-far", "moods"]
    both = [short_sighted["embed"], short_sighted["sentiment"]]
    combine_bundles(both, tmp_path / "assistant")
    short_sighted["assistant"] = tmp_path / "assistant"
    assert encoders.candidates() == ["embed", "embed-far", "moods"]


def test_an_encoder_that_sees_more_is_chosen(short_sighted: dict[str, Path]) -> None:
    assert choose_encoder(examples_of(ROWS), lambda *how_far: None) == "embed-far"


def test_the_default_is_kept_where_another_is_no_better(short_sighted: dict[str, Path]) -> None:
    short_sighted["embed-far"] = short_sighted["embed"]
    assert choose_encoder(examples_of(ROWS), lambda *how_far: None) == "embed"


def test_better_by_chance_is_not_clearly_better(
    short_sighted: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gain of 5% that half of the rows have, and the others the opposite, nearly."""
    usual, gain = np.full(16, 1.0), np.tile([1.0, -0.9], 8)
    losses = {"embed": usual, "embed-far": usual - gain}
    monkeypatch.setattr(encoders, "_losses", lambda examples, name: losses[name])
    assert choose_encoder(examples_of(ROWS), lambda *how_far: None) == "embed"
    losses["embed-far"] = usual - 0.05
    assert choose_encoder(examples_of(ROWS), lambda *how_far: None) == "embed-far"
    losses["embed-far"] = usual - gain
    monkeypatch.setattr(encoders, "_is_foreign_to", lambda name, examples: True)
    assert choose_encoder(examples_of(ROWS), lambda *how_far: None) == "embed-far"


def test_what_another_encoder_costs_is_told_by_its_arithmetic(
    short_sighted: dict[str, Path],
    tmp_path: Path,
    make_bundle: BundleMaker,
    tiny_architecture: Architecture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twice = 2 * tiny_architecture.num_hidden_layers
    deep = replace(tiny_architecture, num_hidden_layers=twice)
    embedding = {"task": "embedding", "labels": (), "problem_type": None}
    short_sighted["embed-far"] = make_bundle(tmp_path / "deep", architecture=deep, **embedding)
    assert encoders.times_the_arithmetic(short_sighted["embed"]) == 1
    assert encoders.times_the_arithmetic(short_sighted["embed-far"]) == pytest.approx(2, rel=0.01)
    monkeypatch.setattr(installed, "installed_bundles", lambda: short_sighted)
    data = tmp_path / "rows.csv"
    data.write_text("".join(["text,label\n", *(f'"{text}",{label}\n' for text, label in ROWS)]))
    told = CliRunner().invoke(app, ["learn", str(data), "--anyway", "-o", str(tmp_path / "out")])
    assert (
        "The vectors of deep suit these texts better than embed's, at 2.0 times the arithmetic. "
        "To stay with embed: --from embed\n" in told.stdout
    )
    short_sighted["embed-far"] = short_sighted["embed"]
    told = CliRunner().invoke(app, ["learn", str(data), "--anyway", "-o", str(tmp_path / "out")])
    assert "embed-far did not do clearly better than embed here.\n" in told.stdout


def test_an_encoder_that_was_trained_for_a_task_may_flatter(
    tmp_path: Path, make_bundle: BundleMaker
) -> None:
    scores = [{"head": "classification", "data": "moods.csv", "metric": "accuracy", "bundle": 0.9}]
    moods = make_bundle(tmp_path / "moods", evaluation=scores)
    learnt = learn(ROWS, moods).learnt
    [line] = [line for line in remarks(learnt) if "moods" in line]
    assert "labelled data and scored on moods.csv; " in line
    assert f"{moods / 'README.md'} says on which" in line
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    assert not any("labelled data" in line for line in remarks(learn(ROWS, embed).learnt))


def test_rows_of_another_language_are_told_of_once(tmp_path: Path) -> None:
    rows = [
        (f"{begin} {end}", label)
        for begin, label in (("das ist sehr gut, wir sind", "lob"), ("das war nichts,", "tadel"))
        for end in ("zufrieden mit dem Essen", "immer noch hier", "auf dem Weg", "bei der Arbeit")
    ]
    data = tmp_path / "rows.csv"
    data.write_text("".join(["text,label\n", *(f'"{text}",{label}\n' for text, label in rows)]))
    command = ["learn", str(data), "--from", "embed", "--anyway", "-o", str(tmp_path / "out")]
    assert "look like German" in CliRunner().invoke(app, command).stderr
    model = learn(rows, "embed", anyway=True)
    assert any(
        "look like German, and embed was made for English" in r for r in remarks(model.learnt)
    )
    model.save(tmp_path / "learnt")
    assert not read_bundle(tmp_path / "learnt").manifest.heads[0].languages
    loaded = load(tmp_path / "learnt")
    german = [text for text, _ in rows]
    assert remark_on("learnt", loaded.tokenizer, loaded.spec, german) is None


def test_a_bundle_says_for_which_languages_its_encoder_is(
    short_sighted: dict[str, Path], tmp_path: Path
) -> None:
    learn(ROWS, short_sighted["embed-far"]).save(tmp_path / "learnt")
    assert read_bundle(tmp_path / "learnt").manifest.heads[0].languages == ("de", "en")
    assert "made for: de, en" in (tmp_path / "learnt" / "README.md").read_text()
