"""From an encoder that guesses hidden words to a bundle that does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import squeezebert
from squeezebert.bundle import read_bundle
from squeezebert.bundle.architecture import WORDS
from squeezebert.bundle.reading import read_manifest
from squeezebert.cli import app
from squeezebert.data.columns import Columns
from squeezebert.data.tasks.hidden_words import read_hidden_words
from squeezebert.errors import CheckpointError, DataError, QualityGateError
from squeezebert.evaluation import evaluate
from squeezebert.export import export_checkpoint
from squeezebert.model import SqueezeBertForMaskedLM
from squeezebert.training.predictor import load_predictor

LINES = ["a good film", "a very bad plot !", "good film and bad plot .", "not a film"] * 8
TEXT = "a [MASK] film and a bad <mask> ."


@pytest.fixture
def checkpoint(tmp_path: Path, make_checkpoint: Callable[..., Path]) -> Path:
    groups = {f"{part}_groups": 2 for part in ("q", "k", "v", "intermediate", "output")}
    return make_checkpoint(
        tmp_path / "guesser", SqueezeBertForMaskedLM, layer_norm_eps=1e-5, **groups
    )


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text("\n".join([*LINES, "12 !", "a [MASK]"]) + "\n")
    return file


def test_a_bundle_guesses_as_its_checkpoint_does(
    checkpoint: Path, text: Path, tmp_path: Path
) -> None:
    examples = read_hidden_words(text, "validation", Columns())
    bundle = tmp_path / "bundle"
    done = export_checkpoint(checkpoint, examples, bundle, tolerance=100, untrained=True)
    assert done.comparison.metric == "accuracy"
    assert done.comparison.examples == len(LINES), "those without words or with a mark are out"
    assert done.difference < 1e-4
    names = read_bundle(bundle).tensors.keys()
    assert WORDS in names
    assert sum("cls" in name for name in names) == 5, "the table of words is not there twice"
    assert "A guesser of hidden words" in (bundle / "README.md").read_text()
    float_model: Any = load_predictor(checkpoint)
    shipped = squeezebert.load(bundle)
    [expected], [found] = float_model([TEXT], top=19), shipped([TEXT], top=19)
    for one, other in zip(expected.hidden, found.hidden, strict=True):
        assert (one.start, one.end) == (other.start, other.end)
        of_float = {guess.token: guess.score for guess in one.guesses}
        of_bundle = {guess.token: guess.score for guess in other.guesses}
        assert of_bundle == pytest.approx(of_float, abs=0.03)
    scores = evaluate(shipped, examples)
    assert list(scores.metrics) == ["accuracy", "top_5_accuracy"]
    assert scores.metrics["accuracy"] == done.comparison.bundle
    assert scores.metrics["accuracy"] <= scores.metrics["top_5_accuracy"]
    assert scores.wrong == round(len(LINES) * (1 - scores.metrics["accuracy"]))


def test_a_model_that_guesses_no_better_than_one_word_is_not_shipped(
    checkpoint: Path, text: Path, tmp_path: Path
) -> None:
    model = SqueezeBertForMaskedLM.from_pretrained(checkpoint)
    with torch.no_grad():
        model.cls.predictions.bias[5] = 100.0
    model.save_pretrained(checkpoint)
    examples = read_hidden_words(text, "validation", Columns())
    with pytest.raises(QualityGateError, match="the most frequent answer alone has"):
        export_checkpoint(checkpoint, examples, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_the_command_line_exports_guesses_and_scores(
    checkpoint: Path, text: Path, tmp_path: Path
) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, (done.exception, done.output)
        return str(done.stdout)

    def refused(*arguments: str) -> str:
        return str(CliRunner().invoke(app, arguments).exception)

    bundle = str(tmp_path / "bundle")
    made = run("export", str(checkpoint), "--data", str(text), "-o", bundle, "--untrained",
               "--tolerance", "100")  # fmt: skip
    assert '"Some [MASK] text."' in made
    [head] = read_manifest(Path(bundle)).heads
    assert (head.task, head.mask) == ("fill-mask", 4)
    record = json.loads(run("predict", "--model", bundle, "--top", "2", TEXT))
    assert [(one["start"], one["end"]) for one in record["hidden"]] == [(2, 8), (24, 30)]
    assert [len(one["guesses"]) for one in record["hidden"]] == [2, 2]
    assert "accuracy" in run("evaluate", "--model", bundle, "--data", str(text))
    assert "hides no word" in refused("predict", "--model", bundle, "a film")
    assert "--top needs a model of classes or of hidden words" in refused(
        "predict", "--model", "embed", "--top", "2", "a film"
    )
    assert "by `squeezebert adapt`" in refused(
        "train", "--task", "fill-mask", "--from", str(checkpoint), "--train", str(text),
        "-o", str(tmp_path / "out"),
    )  # fmt: skip


def test_a_tokenizer_without_a_mask_is_refused(checkpoint: Path) -> None:
    file = checkpoint / "tokenizer_config.json"
    stated = json.loads(file.read_text())
    file.write_text(json.dumps({k: v for k, v in stated.items() if k != "mask_token"}))
    whole = json.loads((checkpoint / "tokenizer.json").read_text())
    whole["added_tokens"] = [one for one in whole["added_tokens"] if one["content"] != "[MASK]"]
    (checkpoint / "tokenizer.json").write_text(json.dumps(whole))
    (checkpoint / "special_tokens_map.json").unlink(missing_ok=True)
    with pytest.raises(CheckpointError, match="no piece that hides a word"):
        load_predictor(checkpoint)


def test_pairs_hide_no_words(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("sentence1,sentence2,label\na,b,1\n")
    with pytest.raises(DataError, match="pairs of texts"):
        read_hidden_words(tmp_path / "pairs.csv", "validation", Columns())
    (tmp_path / "none.txt").write_text("12\n!\n")
    with pytest.raises(DataError, match="no words to hide"):
        read_hidden_words(tmp_path / "none.txt", "validation", Columns()).check()
