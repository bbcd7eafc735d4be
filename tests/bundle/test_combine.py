"""Several bundles over one encoder as one."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import squeezebert
from squeezebert.bundle import HeadSpec, combine_bundles, read_bundle
from squeezebert.bundle.reading import read_manifest
from squeezebert.cli import app
from squeezebert.errors import InputError

BundleMaker = Callable[..., Path]


@pytest.fixture
def single(tmp_path: Path, make_bundle: BundleMaker) -> dict[str, Path]:
    """Bundles over one encoder, by name."""
    no_labels = {"labels": (), "problem_type": None}
    tags = {"labels": ("O", "B-PER", "I-PER"), "problem_type": None}
    score = {"data": "films.tsv", "metric": "accuracy", "bundle": 0.9}
    return {
        "mood": make_bundle(
            tmp_path / "mood", threshold=0.4, evaluation=[score], card="# mood\n\n## Limits\n"
        ),
        "names": make_bundle(tmp_path / "names", task="entities", **tags, max_length=8),
        "vectors": make_bundle(tmp_path / "vectors", task="embedding", **no_labels),
        "answers": make_bundle(
            tmp_path / "answers", task="question-answering", **no_labels, max_length=20
        ),
    }


def test_each_head_is_what_its_bundle_was(single: dict[str, Path], tmp_path: Path) -> None:
    manifest = combine_bundles(list(single.values()), tmp_path / "assistant")
    assert manifest.names == tuple(single)
    for head, folder in zip(manifest.heads, single.values(), strict=True):
        [alone] = read_manifest(folder).heads
        assert head == HeadSpec.of(alone, head.name, prefix=f"{head.name}.")
    assert manifest.provenance["heads"]["names"] == {"note": "random weights"}
    [score] = manifest.evaluation
    assert (score["head"], score["bundle"]) == ("mood", 0.9)
    card = (tmp_path / "assistant" / "README.md").read_text()
    assert "# assistant\n" in card
    assert "\n## mood\n\n### Limits\n" in card


def test_the_encoder_is_the_same_file(single: dict[str, Path], tmp_path: Path) -> None:
    combine_bundles(list(single.values()), tmp_path / "assistant")
    parts = {
        folder: {file.name for file in folder.glob("en*.safetensors")}
        | {file.name for file in folder.glob("em*.safetensors")}
        for folder in [tmp_path / "assistant", *single.values()]
    }
    assert len({frozenset(names) for names in parts.values()}) == 1


def test_what_is_said_about_a_bundle_may_be_in_pieces(
    single: dict[str, Path], tmp_path: Path, make_bundle: BundleMaker
) -> None:
    parts = [
        make_bundle(
            tmp_path / "odd",
            evaluation=[{"data": "films.tsv"}, {"metric": "f1", "bundle": 0.5, "data": "plots"}],
            provenance={"heads": "unknown"},
            card="# \N{LATIN SMALL LETTER E WITH ACUTE}",
        ),
        single["names"],
    ]
    card = parts[0] / "README.md"
    card.write_bytes(b"# \xff\xe9")
    manifest = json.loads((parts[0] / "bundle.json").read_text())
    manifest["files"]["README.md"]["sha256"] = hashlib.sha256(card.read_bytes()).hexdigest()
    (parts[0] / "bundle.json").write_text(json.dumps(manifest))
    done = CliRunner().invoke(app, ["combine", *map(str, parts), "-o", str(tmp_path / "both")])
    assert done.exit_code == 0, done.output
    combined = read_manifest(tmp_path / "both")
    assert [str(score) for score in combined.scores] == ["f1 0.5 on plots"]
    assert [score.head for score in combined.scores] == ["odd"]
    assert combined.provenance["heads"]["odd"] == {"heads": "unknown"}
    assert "## \ufffd\ufffd" in (tmp_path / "both" / "README.md").read_text(encoding="utf-8")


def test_bundles_of_several_heads_are_combined_with_more(
    single: dict[str, Path], tmp_path: Path
) -> None:
    mood, names, vectors, answers = single.values()
    two = tmp_path / "two"
    combine_bundles([mood, names], two)
    manifest = combine_bundles([vectors, two, answers], two)
    assert manifest.names == ("vectors", "mood", "names", "answers")
    assert set(manifest.provenance["heads"]) == set(manifest.names)
    assert [score["head"] for score in manifest.evaluation] == ["mood"]
    pipeline = squeezebert.load(two)
    [alone] = squeezebert.load(mood)(["a good film"])
    [together] = pipeline(["a good film"])
    assert together["mood"] == alone


def test_other_encoders_and_tokenizers_are_refused(
    single: dict[str, Path], tmp_path: Path, make_bundle: BundleMaker, tokenizer_json: bytes
) -> None:
    bundle = read_bundle(single["mood"])
    name = "encoder.layers.1.output.layernorm.bias"
    changed = bundle.tensors | {name: np.zeros(16, np.float32)}
    other = make_bundle(tmp_path / "other", tensors=changed)
    with pytest.raises(InputError, match=f"1 of 37 tensors differ, such as {name}"):
        combine_bundles([single["names"], other], tmp_path / "both")
    cased = make_bundle(
        tmp_path / "cased", tokenizer_json=tokenizer_json.replace(b'"good"', b'"food"')
    )
    with pytest.raises(InputError, match=r"mood and cased have .* different tokenizers"):
        combine_bundles([single["mood"], cased], tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_limits_that_a_training_left_in_a_tokenizer_are_no_difference(
    single: dict[str, Path], tmp_path: Path, make_bundle: BundleMaker, tokenizer_json: bytes
) -> None:
    limit = (
        b'"truncation":{"direction":"Right","max_length":8,"strategy":"LongestFirst","stride":0}'
    )
    limited = tokenizer_json.replace(b'"truncation":null', limit)
    assert limited != tokenizer_json
    other = make_bundle(tmp_path / "other", tokenizer_json=limited)
    combine_bundles([single["mood"], other], tmp_path / "both")
    pipeline = squeezebert.load(tmp_path / "both")
    assert pipeline.task("other")(["good " * 10])[0].tokens == 12


def test_two_heads_of_one_name_and_a_single_bundle_are_refused(
    single: dict[str, Path], tmp_path: Path
) -> None:
    mood = single["mood"]
    with pytest.raises(InputError, match="Two heads would be called 'mood'"):
        combine_bundles([mood, mood], tmp_path / "both")
    with pytest.raises(InputError, match="two bundles or more"):
        combine_bundles([mood], tmp_path / "both")


def test_the_command_shows_each_task(single: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "assistant"
    done = CliRunner().invoke(app, ["combine", *map(str, single.values()), "-o", str(output)])
    assert done.exit_code == 0, done.output
    for name, kind in (("mood", "classification"), ("answers", "question-answering")):
        assert any(line.split()[:2] == [name, kind] for line in done.output.splitlines())
    assert "accuracy 0.9 on films.tsv" in done.output
