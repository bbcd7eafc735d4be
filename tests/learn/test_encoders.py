"""Which installed encoder is learnt from."""

from pathlib import Path

import pytest
from tests.conftest import BundleMaker

from squeezebert.bundle import read_bundle
from squeezebert.learn import encoders, learn
from squeezebert.learn.encoders import choose_encoder
from squeezebert.learn.examples import examples_of

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


def test_an_encoder_that_sees_more_is_chosen(short_sighted: dict[str, Path]) -> None:
    assert choose_encoder(examples_of(ROWS), lambda *how_far: None) == "embed-far"


def test_the_default_is_kept_where_another_is_no_better(short_sighted: dict[str, Path]) -> None:
    short_sighted["embed-far"] = short_sighted["embed"]
    assert choose_encoder(examples_of(ROWS), lambda *how_far: None) == "embed"


def test_a_bundle_says_for_which_languages_its_encoder_is(
    short_sighted: dict[str, Path], tmp_path: Path
) -> None:
    learn(ROWS, short_sighted["embed-far"]).save(tmp_path / "learnt")
    assert read_bundle(tmp_path / "learnt").manifest.heads[0].languages == ("de", "en")
    assert "made for: de, en" in (tmp_path / "learnt" / "README.md").read_text()
