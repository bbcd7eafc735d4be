"""From checkpoint to bundle: exact, verified, gated, and reproducible."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertForSequenceClassification

import squeezebert
from squeezebert.bundle import BlockQuantised, Quantised, combine_bundles, read_bundle
from squeezebert.bundle.architecture import WORDS
from squeezebert.bundle.quantise import quantise_rows
from squeezebert.bundle.reading import read_manifest
from squeezebert.bundle.tensors import as_floats
from squeezebert.data.columns import Columns
from squeezebert.data.tasks import READERS
from squeezebert.data.tasks.classification import Table, read_classification
from squeezebert.errors import (
    CheckpointError,
    DataError,
    InputError,
    QualityGateError,
    SqueezeBertError,
)
from squeezebert.evaluation import evaluate
from squeezebert.export import Comparison, export_checkpoint
from squeezebert.export.gate import check
from squeezebert.export.outliers import outlying
from squeezebert.export.provenance import without_folders
from squeezebert.export.verify import verify
from squeezebert.model import (
    SqueezeBertConfig,
    SqueezeBertForSequenceClassification,
    SqueezeBertForTokenClassification,
)
from squeezebert.model.checkpoint import TorchHead, load_checkpoint
from squeezebert.runtime import PackedBatch
from squeezebert.runtime.native_engine import instruction_sets
from squeezebert.tokenizer import Tokenizer
from squeezebert.training.predictor import pipeline_of

only_grouped = pytest.mark.parametrize("trained", ["grouped"], indirect=True)


def test_a_bundle_answers_as_its_checkpoint_does(
    checkpoint: Path, table: Table, tmp_path: Path
) -> None:
    done = export_checkpoint(checkpoint, table, tmp_path / "bundle")
    assert done.comparison == Comparison("films/dev.tsv", 40, "accuracy", 1.0, 1.0, {"numpy": 1.0})
    assert done.difference <= 1e-4
    pipeline = squeezebert.load(tmp_path / "bundle")
    source = load_checkpoint(checkpoint)
    spec = dataclasses.replace(source.spec, temperature=done.spec.temperature)
    assert dataclasses.asdict(spec).items() <= dataclasses.asdict(pipeline.spec).items()
    before = pipeline_of(dataclasses.replace(source, spec=spec))
    texts = ["a good film", "a bad, bad plot", "unmoved", ""]
    for ours, theirs in zip(pipeline(texts), before(texts), strict=True):
        assert ours.label == theirs.label
        assert ours.score == pytest.approx(theirs.score, abs=0.03)


@only_grouped
def test_words_in_4_bits_are_asked_for_once(checkpoint: Path, table: Table, tmp_path: Path) -> None:
    done = export_checkpoint(checkpoint, table, tmp_path / "four", word_bits=4)
    assert done.difference <= 1e-4
    bundle = read_bundle(tmp_path / "four")
    words = bundle.tensors[WORDS]
    assert isinstance(words, BlockQuantised)
    file = checkpoint / "model.safetensors"
    weights = load_file(file)
    weights[f"transformer.{WORDS}"] = torch.tensor(as_floats(words))
    save_file(weights, file, {"format": "pt"})
    export_checkpoint(checkpoint, table, tmp_path / "again")
    again = read_bundle(tmp_path / "again").tensors[WORDS]
    assert isinstance(again, BlockQuantised)
    np.testing.assert_array_equal(again.dequantise(), words.dequantise())


@only_grouped
def test_languages_are_said(checkpoint: Path, table: Table, tmp_path: Path) -> None:
    done = export_checkpoint(checkpoint, table, tmp_path / "bundle", languages=["en", "de", "en"])
    assert done.spec.languages == ("de", "en")
    assert read_bundle(tmp_path / "bundle").manifest.heads[0].languages == ("de", "en")
    assert "- languages: de, en" in (tmp_path / "bundle" / "README.md").read_text()
    with pytest.raises(InputError, match="'English' is no code"):
        export_checkpoint(checkpoint, table, tmp_path / "other", languages=["English"])


def test_every_matrix_is_int8_by_row_and_all_else_is_exact(
    checkpoint: Path, table: Table, tmp_path: Path
) -> None:
    export_checkpoint(checkpoint, table, tmp_path / "bundle")
    tensors = read_bundle(tmp_path / "bundle").tensors
    floats = load_file(checkpoint / "model.safetensors")
    assert len(tensors) == len(floats)
    for name, weight in floats.items():
        tensor = tensors[name.removeprefix("transformer.")]
        if weight.ndim == 1 or "token_type" in name or "depthwise" in name:
            np.testing.assert_array_equal(as_floats(tensor), weight.numpy())
        else:
            assert isinstance(tensor, Quantised), name
            expected = quantise_rows(weight.numpy())
            np.testing.assert_array_equal(tensor.values, expected.values)
            np.testing.assert_array_equal(tensor.scale, expected.scale)


def test_exports_are_reproducible_to_the_byte(
    checkpoint: Path, table: Table, tmp_path: Path
) -> None:
    for name in ("one/bundle", "two/bundle"):
        export_checkpoint(checkpoint, table, tmp_path / name)
    first, second = (sorted((tmp_path / name / "bundle").iterdir()) for name in ("one", "two"))
    assert [file.name for file in first] == [file.name for file in second]
    for ours, theirs in zip(first, second, strict=True):
        assert ours.read_bytes() == theirs.read_bytes(), ours.name


@only_grouped
def test_bundles_with_the_same_words_have_the_same_embeddings_file(
    checkpoint: Path, table: Table, tmp_path: Path
) -> None:
    export_checkpoint(checkpoint, table, tmp_path / "one")
    edit_weights(checkpoint, lambda name, weight: weight if "word_emb" in name else weight * 1.001)
    export_checkpoint(checkpoint, table, tmp_path / "two")
    parts = [
        {file.name for file in (tmp_path / name).glob("*.safetensors")} for name in ("one", "two")
    ]
    assert {name.partition("-")[0] for name in parts[0] & parts[1]} == {"embeddings"}


@only_grouped
def test_heads_over_one_encoder_are_exported_with_the_same_encoder_and_combined(
    checkpoint: Path, table: Table, tmp_path: Path
) -> None:
    """Whatever their tasks, precisions on disk and heads are."""
    mood = SqueezeBertForSequenceClassification.from_pretrained(checkpoint)
    tags = {0: "O", 1: "B-PER", 2: "I-PER"}
    config = SqueezeBertConfig.from_pretrained(checkpoint, id2label=tags, problem_type=None)
    names = SqueezeBertForTokenClassification(config)
    names.transformer.load_state_dict(mood.transformer.state_dict())
    names.save_pretrained(tmp_path / "names")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(checkpoint / file, tmp_path / "names" / file)
    tagged = tmp_path / "dev.conll"
    tagged.write_text("good B-PER\nfilm O\n\nbad O\n")
    export_checkpoint(checkpoint, table, tmp_path / "bundles" / "mood")
    export_checkpoint(
        tmp_path / "names",
        READERS["entities"](str(tagged), "validation", Columns()),
        tmp_path / "bundles" / "names",
        untrained=True,
        tolerance=100,
    )
    folders = [tmp_path / "bundles" / name for name in ("mood", "names")]
    parts = [set(read_manifest(folder).parts().items()) for folder in folders]
    assert {part for part, _ in parts[0] & parts[1]} == {"embeddings", "encoder"}
    combine_bundles(folders, tmp_path / "assistant")
    pipeline = squeezebert.load(tmp_path / "assistant")
    [together] = pipeline(["a good film"])
    for name, folder in zip(("mood", "names"), folders, strict=True):
        assert squeezebert.load(folder)(["a good film"]) == [together[name]]


@only_grouped
def test_the_manifest_says_where_the_bundle_is_from_and_how_good_it_is(
    checkpoint: Path, table: Table, tmp_path: Path
) -> None:
    learnt = {"rows": 3, "texts": "+/AAAA/BBBB/w=="}
    report = {"seed": 7, "train": "/home/ada/data/films/train.tsv", "history": [1, 2], **learnt}
    (checkpoint / "report.json").write_text(json.dumps(report))
    card = tmp_path / "card.md"
    card.write_text("## Limits\n\nFilms only.\n")
    done = export_checkpoint(checkpoint, table, tmp_path / "bundle", card=card)
    bundle = read_bundle(tmp_path / "bundle")
    assert list(bundle.manifest.evaluation) == [dataclasses.asdict(done.comparison)]
    provenance = bundle.manifest.provenance
    assert provenance["training"] == {"seed": 7, "train": "films/train.tsv", **learnt}
    assert len(provenance["checkpoint_sha256"]["model.safetensors"]) == 64
    assert provenance["exported_with"]["torch"] == torch.__version__
    text = (tmp_path / "bundle" / "README.md").read_text()
    assert "Films only." in text
    assert "| films/dev.tsv | 40 | accuracy | 1.0000 | 1.0000 | numpy 1.0000 |" in text
    assert "README.md" in bundle.manifest.files
    assert done.bytes == sum(file.stat().st_size for file in (tmp_path / "bundle").iterdir())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/ada/data/films/dev.tsv", "films/dev.tsv"),
        ("/dev.tsv", "/dev.tsv"),
        ("films/2024/dev.tsv", "films/2024/dev.tsv"),
        ("stanfordnlp/sst2", "stanfordnlp/sst2"),
        ("train --from '/a/b/c' -o=/d/e/f --epochs 3", "train --from 'b/c' -o=e/f --epochs 3"),
        ("https://example.org/a/b/c", "https://example.org/a/b/c"),
    ],
)
def test_folders_of_this_machine_stay_here(text: str, expected: str) -> None:
    assert without_folders(text) == expected


@only_grouped
def test_a_damaged_report_is_named(checkpoint: Path, table: Table, tmp_path: Path) -> None:
    (checkpoint / "report.json").write_text('{"seed": 7')
    with pytest.raises(CheckpointError, match=r"report\.json is damaged"):
        export_checkpoint(checkpoint, table, tmp_path / "bundle")


@only_grouped
def test_the_tokenizer_is_stored_without_its_layout(
    checkpoint: Path, table: Table, tmp_path: Path
) -> None:
    file = checkpoint / "tokenizer.json"
    content = json.loads(file.read_bytes())
    file.write_text(json.dumps(content, indent=4))
    export_checkpoint(checkpoint, table, tmp_path / "bundle")
    stored = read_bundle(tmp_path / "bundle").tokenizer_json
    assert json.loads(stored) == content
    assert b"\n" not in stored


@only_grouped
def test_a_card_without_a_human_part_admits_it(
    checkpoint: Path, table: Table, tmp_path: Path
) -> None:
    export_checkpoint(checkpoint, table, tmp_path / "bundle")
    assert "stated none" in (tmp_path / "bundle" / "README.md").read_text()


@only_grouped
def test_a_bundle_that_lost_too_much_is_not_written(
    checkpoint: Path, table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ruin(weights: np.ndarray[Any, np.dtype[np.float32]]) -> Quantised:
        good = quantise_rows(weights)
        return Quantised(-good.values, good.scale)

    monkeypatch.setattr("squeezebert.export.convert.quantise_rows", ruin)
    monkeypatch.setattr(
        "squeezebert.export.convert.quantise_table", lambda table, bits: ruin(table)
    )
    with pytest.raises(QualityGateError, match=r"lost .* points of accuracy on 40 examples"):
        export_checkpoint(checkpoint, table, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
    export_checkpoint(checkpoint, table, tmp_path / "bundle", tolerance=100)
    assert (tmp_path / "bundle" / "bundle.json").exists()


@pytest.mark.parametrize(
    ("checkpoint_score", "bundle_score", "passes"),
    [(0.9, 0.895, True), (0.9, 0.8949, False), (0.9, 0.95, True), (float("nan"), 0.9, False)],
)
def test_the_gate_tolerates_half_a_point_and_no_more(
    checkpoint_score: float, bundle_score: float, passes: bool
) -> None:
    comparison = Comparison(
        "dev", 1000, "accuracy", checkpoint_score, bundle_score, {"avx2": bundle_score}
    )
    if passes:
        check(comparison, 0.5, {})
    else:
        with pytest.raises(QualityGateError, match="Nothing was written"):
            check(comparison, 0.5, {})


@pytest.mark.parametrize(("lost", "passes"), [(0.007, True), (0.0072, False)])
def test_of_some_hundred_examples_the_gate_lets_a_standard_error_be_lost(
    lost: float, passes: bool
) -> None:
    comparison = Comparison("dev", 200, "f1", 0.861, 0.861 - lost, {"avx2": 0.861 - lost})
    if passes:
        check(comparison, 0.5, {})
    else:
        with pytest.raises(QualityGateError, match=r"and 0\.707 are tolerated"):
            check(comparison, 0.5, {})


@pytest.mark.parametrize(("lost", "passes"), [(1, True), (2, False)])
def test_the_gate_lets_one_example_of_few_be_lost(lost: int, passes: bool) -> None:
    after = (11 - lost) / 12
    comparison = Comparison("dev", 12, "accuracy", 11 / 12, after, {"avx2": after})
    if passes:
        check(comparison, 0.5, {})
    else:
        with pytest.raises(QualityGateError, match=r"and 8\.33 are tolerated"):
            check(comparison, 0.5, {})


@only_grouped
def test_an_engine_that_disagrees_with_torch_is_caught(
    checkpoint: Path, table: Table, tmp_path: Path
) -> None:
    export_checkpoint(checkpoint, table, tmp_path / "bundle")
    model = SqueezeBertForSequenceClassification.from_pretrained(checkpoint)
    bundle = read_bundle(tmp_path / "bundle")
    [head], architecture = bundle.manifest.heads, bundle.manifest.architecture
    rest = (bundle.tensors, Tokenizer.from_json(bundle.tokenizer_json), head)
    assert verify(model, architecture, *rest, ["a good film", ("bad", "plot")]) <= 1e-4
    other = dataclasses.replace(architecture, layer_norm_eps=0.1)
    with pytest.raises(SqueezeBertError, match=r"differ by .* No tensor has weights far outside"):
        verify(model, other, *rest, ["a good film"])


def test_tensors_with_outlying_weights_are_named() -> None:
    weights = np.random.default_rng(0).normal(size=(8, 1000)).astype(np.float32)
    tensors = {"even": quantise_rows(weights), "norm": weights[0]}
    assert outlying(tensors) == "No tensor has weights far outside the rest of their row."
    weights[3, 7] = 1e4
    assert "in odd (32 times): training" in outlying(tensors | {"odd": quantise_rows(weights)})


def untrained_checkpoint(path: Path, make_checkpoint: Callable[..., Path]) -> Path:
    """With widths that the native engine takes."""
    return make_checkpoint(
        path,
        SqueezeBertForSequenceClassification,
        hidden_size=64,
        embedding_size=64,
        intermediate_size=64,
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
    )


def test_a_model_that_knows_nothing_is_refused_unless_it_is_wanted(
    table: Table, tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    checkpoint = untrained_checkpoint(tmp_path / "checkpoint", make_checkpoint)
    with pytest.raises(
        QualityGateError, match=r"most frequent answer alone has 50\.00, with a standard error of 7"
    ):
        export_checkpoint(checkpoint, table, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
    done = export_checkpoint(checkpoint, table, tmp_path / "bundle", untrained=True, tolerance=100)
    by_set = done.comparison.instruction_sets
    assert list(by_set) == (instruction_sets() or ["numpy"])
    assert done.comparison.bundle == min(by_set.values())
    [evaluation] = read_bundle(tmp_path / "bundle").manifest.evaluation
    assert evaluation["instruction_sets"] == by_set


def test_the_worst_instruction_set_is_gated() -> None:
    comparison = Comparison("dev", 1000, "accuracy", 0.9, 0.89, {"amx": 0.9, "avx2": 0.89})
    with pytest.raises(QualityGateError, match=r"89\.00 after \(on avx2\)"):
        check(comparison, 0.5, {})


def test_a_checkpoint_is_computed_once_whatever_is_fitted_to_it(
    checkpoint: Path, table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    compute = TorchHead.__call__

    def counted(head: TorchHead, batch: PackedBatch) -> Any:
        nonlocal calls
        calls += len(batch.lengths)
        return compute(head, batch)

    monkeypatch.setattr(TorchHead, "__call__", counted)
    done = export_checkpoint(checkpoint, table, tmp_path / "bundle")
    assert done.spec.temperature != 1
    assert calls <= 40 + 32, "the examples once, and those that verify the engine"


@only_grouped
def test_an_earlier_bundle_is_replaced_and_anything_else_is_not(
    checkpoint: Path, table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_checkpoint(checkpoint, table, tmp_path / "bundle")
    edit_weights(checkpoint, lambda _, weight: weight * 1.01)
    before = read_bundle(tmp_path / "bundle").manifest
    export_checkpoint(checkpoint, table, tmp_path / "bundle")
    after = read_bundle(tmp_path / "bundle").manifest
    assert before.files.keys() != after.files.keys()
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.txt").write_text("years of work")
    monkeypatch.setattr("squeezebert.export.export.load_checkpoint", None)  # said before the work
    with pytest.raises(InputError, match="will not be replaced"):
        export_checkpoint(checkpoint, table, other)
    assert (other / "chapter.txt").read_text() == "years of work"


@only_grouped
def test_weights_of_a_diverged_training_are_refused(
    checkpoint: Path, table: Table, tmp_path: Path
) -> None:
    edit_weights(checkpoint, lambda name, weight: weight / ("query" not in name))
    with pytest.raises(CheckpointError, match="query"):
        export_checkpoint(checkpoint, table, tmp_path / "bundle")


@only_grouped
def test_a_bundle_may_read_less_at_once_than_was_trained(
    checkpoint: Path, table: Table, tmp_path: Path
) -> None:
    done = export_checkpoint(checkpoint, table, tmp_path / "bundle", max_length=8)
    assert done.spec.max_length == 8
    assert squeezebert.load(tmp_path / "bundle").spec.max_length == 8
    for length in (0, 1000):
        with pytest.raises(InputError, match=f"max_length {length}: the model was trained"):
            export_checkpoint(checkpoint, table, tmp_path / "bundle", max_length=length)


@only_grouped
@pytest.mark.parametrize("tolerance", [-0.1, float("nan")])
def test_a_tolerance_must_be_a_number_of_points(
    checkpoint: Path, table: Table, tmp_path: Path, tolerance: float
) -> None:
    with pytest.raises(InputError, match="tolerance"):
        export_checkpoint(checkpoint, table, tmp_path / "bundle", tolerance=tolerance)


@only_grouped
def test_data_with_labels_the_model_does_not_know_is_refused(
    checkpoint: Path, tmp_path: Path
) -> None:
    file = tmp_path / "other.csv"
    file.write_text("text,label\na good film,sports\n")
    with pytest.raises(DataError, match="sports"):
        export_checkpoint(checkpoint, read_classification(file), tmp_path / "bundle")


def test_a_checkpoint_that_is_not_there_is_named(table: Table, tmp_path: Path) -> None:
    with pytest.raises(SqueezeBertError, match="nowhere"):
        export_checkpoint(tmp_path / "nowhere", table, tmp_path / "bundle")


def edit_weights(checkpoint: Path, edit: Any) -> None:
    file = checkpoint / "model.safetensors"
    weights = {name: edit(name, weight) for name, weight in load_file(file).items()}
    save_file(weights, file, metadata={"format": "pt"})


def test_only_squeezebert_becomes_a_bundle(
    table: Table, tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    folder = make_checkpoint(tmp_path / "bert", BertForSequenceClassification)
    with pytest.raises(
        CheckpointError, match=r"is of the class BertForSequenceClassification.*squeeze"
    ):
        export_checkpoint(folder, table, tmp_path / "bundle")


def test_temperature_and_threshold_are_fitted_and_kept(
    checkpoint: Path, table: Table, tmp_path: Path
) -> None:
    file = Path(table.name)
    outside = "and .\tout_of_scope\nun !\tout_of_scope\n" * 5
    file.write_text(file.read_text() + outside)
    done = export_checkpoint(checkpoint, table, tmp_path / "bundle")
    spec = squeezebert.load(tmp_path / "bundle").spec
    assert (spec.temperature, spec.threshold) == (done.spec.temperature, done.spec.threshold)
    assert spec.temperature != 1
    assert spec.threshold is not None
    assert done.comparison.metric == "accuracy_in_scope"
    assert done.calibration_errors is not None
    before, after = done.calibration_errors
    assert after < before
    evaluation = evaluate(squeezebert.load(tmp_path / "bundle"), table)
    assert evaluation.metrics["accuracy_in_scope"] > 0.9
    assert "out_of_scope_recall" in evaluation.metrics
