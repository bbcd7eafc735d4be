"""Fine-tuning from end to end on tiny models: learning, choosing, resuming, refusing."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from squeezebert.data.tasks.classification import Table, read_classification
from squeezebert.errors import CheckpointError, DataError, InputError
from squeezebert.evaluation import evaluate
from squeezebert.export import export_checkpoint
from squeezebert.finetune import trainer
from squeezebert.finetune.finetune import finetune
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.run import Run, Trained
from squeezebert.finetune.settings import Decided, Settings
from squeezebert.finetune.tasks.classification import prepare_classification
from squeezebert.model import SqueezeBertModel
from squeezebert.pipelines import load
from squeezebert.training import elapsed
from squeezebert.training.predictor import load_predictor

TeacherMaker = Callable[[str], Path]
Interruption = Callable[[str], Callable[[str], None]]
_TIMING = ("runtime", "per_second")
FAST = Decided(freeze_embeddings=False, epochs=2, learning_rate=1e-2, batch_size=4, max_length=16)
ROWS = [
    ("a good film", "1"),
    ("a bad film", "0"),
    ("very good plot", "1"),
    ("very bad plot", "0"),
    ("good !", "1"),
    ("bad !", "0"),
] * 4


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Table]:
    def make(name: str, rows: list[tuple[str, ...]], header: str = "text\tlabel") -> Table:
        path = tmp_path / f"{name}.tsv"
        path.write_text("\n".join([header, *("\t".join(row) for row in rows)]) + "\n")
        return read_classification(path)

    return make


@pytest.fixture
def encoder(tmp_path: Path, make_checkpoint: Callable[..., Path]) -> Path:
    """A random encoder with dropout, whose random numbers a resumed run has to draw again."""
    dropout = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
    return make_checkpoint(tmp_path / "encoder", SqueezeBertModel, **dropout)


def report_of(output: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((output / "report.json").read_text())
    return report


def test_it_learns_and_leaves_a_checkpoint_with_a_report(
    tmp_path: Path, encoder: Path, table: Callable[..., Table]
) -> None:
    output = tmp_path / "models" / "films"
    dev = table("dev", ROWS[:6])
    said: list[str] = []
    done = finetune(
        str(encoder),
        table("train", ROWS * 2),
        dev,
        output,
        Decided(
            freeze_embeddings=False,
            epochs=6,
            learning_rate=1e-2,
            batch_size=4,
            max_length=16,
            patience=12,
        ),
        label_names=["negative", "positive"],
        say=said.append,
    )
    assert done.evaluation.metrics["accuracy"] == 1
    assert done.dev == dev.name
    assert done.is_squeezebert

    assert {file.name for file in output.iterdir()} == {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "report.json", "report.md", "confusion.png", "curve.png", "reliability.png",
    }  # fmt: skip
    assert {file.name for file in output.parent.iterdir()} == {"films", "films.run"}
    assert not (tmp_path / "models" / "films.run" / "checkpoints").exists()
    predictor = load_predictor(output)
    assert predictor.spec.labels == ("negative", "positive")
    assert predictor.spec.max_length == 16, "what it was trained at, of 32 positions"
    assert evaluate(predictor, dev).confusion == done.evaluation.confusion
    assert predictor(["a very good film"])[0].label == "positive"

    report = report_of(output)
    assert report["evaluation"]["metrics"]["accuracy"] == 1
    assert report["class_counts"] == {"negative": 24, "positive": 24}
    printed = "\n".join(said)
    assert "guessed text 'text', label 'label'" in printed
    assert "42 rows repeat an earlier one, and are kept: line 8 like line 2" in printed
    assert "6 rows are in the training data too, so the scores will flatter: line 2" in printed
    assert "classifier.weight" in printed
    assert "left" in printed


def test_the_best_checkpoint_is_kept_and_a_run_without_gain_stops(
    tmp_path: Path, encoder: Path, table: Callable[..., Table]
) -> None:
    settings = Decided(
        freeze_embeddings=False,
        epochs=8,
        learning_rate=1e-2,
        batch_size=4,
        max_length=16,
        patience=2,
    )
    output = tmp_path / "out"
    finetune(str(encoder), table("t", ROWS), table("d", ROWS[:6]), output, settings)
    report = report_of(output)
    measured = [
        (entry["step"], entry["eval_accuracy"])
        for entry in report["history"]
        if "eval_accuracy" in entry
    ]
    steps_per_epoch = 6
    assert [step for step, _ in measured[:2]] == [3, 6], "two evaluations an epoch"
    best = max(accuracy for _, accuracy in measured)
    assert report["best_step"] == next(step for step, accuracy in measured if accuracy == best)
    assert report["steps"] < settings.epochs * steps_per_epoch
    assert [step for step, _ in measured].index(report["best_step"]) == len(measured) - 3


@pytest.mark.parametrize(("seconds", "resumed_at"), [(600.0, 6), (0.0, 8)])
def test_a_stopped_run_goes_on_exactly(
    tmp_path: Path,
    encoder: Path,
    table: Callable[..., Table],
    interrupted_at: Interruption,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    resumed_at: int,
) -> None:
    start, train, dev = str(encoder), table("t", ROWS), table("d", ROWS[:6])
    whole, output = tmp_path / "whole", tmp_path / "stopped"
    finetune(start, train, dev, whole, FAST)

    monkeypatch.setattr(trainer, "_SECONDS_BETWEEN_SAVES", seconds)
    # An evaluation comes before its own checkpoint is saved.
    for stop in ("epoch 1.0", "epoch 1.5"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            fast = SimpleNamespace(monotonic=lambda: 1e5 * time.monotonic())
            patch.setattr(elapsed, "time", fast)
            finetune(start, train, dev, output, FAST, resume=True, say=interrupted_at(stop))
        assert not output.exists()
    said: list[str] = []
    finetune(start, train, dev, output, FAST, resume=True, say=said.append)
    assert any(line.endswith(f"checkpoint-{resumed_at}.") for line in said)
    assert report_of(output)["minutes"] > 10, "the stopped sessions' too, on their fast clock"

    def course(folder: Path) -> list[dict[str, float]]:
        return [
            {key: value for key, value in entry.items() if not key.endswith(_TIMING)}
            for entry in report_of(folder)["history"]
            if "train_runtime" not in entry
        ]

    assert course(output) == course(whole)
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (output, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_run_that_is_killed_while_it_saves_goes_on_from_the_save_before(
    tmp_path: Path, encoder: Path, table: Callable[..., Table], killed_in_a_save: Callable[[], Any]
) -> None:
    start, train, dev = str(encoder), table("t", ROWS), table("d", ROWS[:6])
    output = tmp_path / "out"
    with killed_in_a_save():
        finetune(start, train, dev, output, FAST)
    said: list[str] = []
    finetune(start, train, dev, output, FAST, resume=True, say=said.append)
    assert any(line.endswith("checkpoint-3.") for line in said)


def test_resuming_a_finished_run_changes_nothing(
    tmp_path: Path, encoder: Path, table: Callable[..., Table]
) -> None:
    arguments = (str(encoder), table("t", ROWS), table("d", ROWS[:6]), tmp_path / "out", FAST)
    done = finetune(*arguments)
    before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}
    said: list[str] = []
    again = finetune(*arguments, resume=True, say=said.append)
    assert f"{tmp_path / 'out'} is finished; nothing is left to do." in said
    assert again.is_squeezebert
    assert again.evaluation.confusion == done.evaluation.confusion
    after = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}
    assert after == before


def test_a_clean_run_leaves_its_output_alone(
    tmp_path: Path, encoder: Path, table: Callable[..., Table]
) -> None:
    output = tmp_path / "models" / "out"
    one_epoch = replace(FAST, epochs=1)
    finetune(str(encoder), table("t", ROWS), table("d", ROWS), output, one_epoch, clean=True)
    assert list(output.parent.iterdir()) == [output]


def test_a_damaged_best_checkpoint_costs_the_run_but_no_traceback(
    tmp_path: Path, encoder: Path, table: Callable[..., Table], interrupted_at: Interruption
) -> None:
    arguments = (str(encoder), table("t", ROWS), table("d", ROWS[:6]), tmp_path / "out", FAST)
    with pytest.raises(KeyboardInterrupt):
        finetune(*arguments, say=interrupted_at("epoch 2.0"))
    for checkpoint in (tmp_path / "out.run" / "checkpoints").iterdir():
        weights = checkpoint / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
    said: list[str] = []
    done = finetune(*arguments, resume=True, say=said.append)
    assert "can't be gone on from: it is damaged" in "\n".join(said)
    assert done.evaluation.examples == 6


def test_resuming_refuses_other_settings(
    tmp_path: Path, encoder: Path, table: Callable[..., Table], interrupted_at: Interruption
) -> None:
    start, train, dev = str(encoder), table("t", ROWS), table("d", ROWS[:6])
    with pytest.raises(KeyboardInterrupt):
        finetune(start, train, dev, tmp_path / "out", FAST, say=interrupted_at("epoch 1.0"))
    other = Decided(**{**vars_of(FAST), "learning_rate": 0.5})
    with pytest.raises(InputError, match=r"learning_rate was 0.01, is 0\.5"):
        finetune(start, train, dev, tmp_path / "out", other, resume=True)
    with pytest.raises(InputError, match="examples_sha256"):
        finetune(start, table("t2", ROWS[1:]), dev, tmp_path / "out", FAST, resume=True)


def vars_of(settings: Decided) -> dict[str, Any]:
    return dict(vars(settings))


@pytest.mark.parametrize("family", ["bert", "mpnet"])
def test_other_encoders_can_be_fine_tuned_and_teach(
    tmp_path: Path,
    encoder: Path,
    make_teacher: TeacherMaker,
    table: Callable[..., Table],
    family: str,
) -> None:
    train, dev = table("train", ROWS), table("dev", ROWS[:6])
    teacher = tmp_path / "teacher"
    taught = finetune(str(make_teacher(family)), train, dev, teacher, FAST)
    assert not taught.is_squeezebert
    said: list[str] = []
    for student in ("first", "second"):
        finetune(
            str(encoder),
            train,
            dev,
            tmp_path / student,
            FAST,
            teacher=str(teacher),
            say=said.append,
        )
    assert sum(line.startswith("Asking the teacher about 6 texts") for line in said) == 1
    assert said.count("teacher 6/6, 0 s left") == 1
    assert sum("known from an earlier run" in line for line in said) == 1
    first, second = (
        load_file(tmp_path / student / "model.safetensors") for student in ("first", "second")
    )
    assert all(torch.equal(first[name], second[name]) for name in first), "same seed, same run"


def test_alpha_weighs_the_teacher_against_the_labels(
    tmp_path: Path, encoder: Path, table: Callable[..., Table]
) -> None:
    """With alpha 1 labels change nothing, with alpha 0 the teacher changes nothing."""
    start, dev = str(encoder), table("dev", ROWS[:6])
    right = table("right", ROWS)
    wrong = table("wrong", [(text, str(1 - int(label))) for text, label in ROWS])
    finetune(start, right, dev, tmp_path / "teacher", FAST)

    def student(train: Table, alpha: float, teacher: bool) -> dict[str, torch.Tensor]:
        output = tmp_path / "student"
        settings = Decided(**{**vars_of(FAST), "epochs": 1, "alpha": alpha})
        source = str(tmp_path / "teacher") if teacher else None
        finetune(start, train, dev, output, settings, teacher=source)
        return load_file(output / "model.safetensors")

    def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
        return all(torch.equal(one[name], other[name]) for name in one)

    alone = student(right, 0.0, teacher=False)
    taught = student(right, 1.0, teacher=True)
    assert same(taught, student(wrong, 1.0, teacher=True))
    assert same(alone, student(right, 0.0, teacher=True))
    assert not same(alone, taught)


def test_twins_are_held_out_together(tmp_path: Path) -> None:
    texts = [f"{word} {end}" for word in ("film", "plot", "good", "bad", "very") for end in "abcde"]
    rows = [f"{text} {number}" for number in (1, 2) for text in texts]
    kept, drawn = HoldOut(0, tmp_path, tmp_path).split(rows, None, "rows", rows)
    assert len(drawn) == 4
    assert {row[:-2] for row in drawn}.isdisjoint(row[:-2] for row in kept)


def test_regression_of_pairs_with_a_part_held_out(
    tmp_path: Path, encoder: Path, table: Callable[..., Table]
) -> None:
    rows = [("good film", "good plot", "4.5"), ("good", "bad", "0"), ("a", "a film", "2.25")] * 8
    train = table("pairs", rows, "sentence1\tsentence2\tscore")
    output = tmp_path / "out"
    said: list[str] = []
    done = finetune(str(encoder), train, None, output, FAST, say=said.append)
    assert set(done.evaluation.metrics) == {"pearson", "spearman", "rmse"}
    assert "2 of the examples, drawn with seed 0" in "\n".join(said)
    assert not (output / "confusion.png").exists()
    config = json.loads((output / "config.json").read_text())
    assert config["problem_type"] == "regression"
    held_out = read_classification(output / "held_out.jsonl")
    assert evaluate(load_predictor(output), held_out).metrics == done.evaluation.metrics
    assert done.dev == f"{output}/held_out.jsonl"
    shipped = export_checkpoint(output, train, tmp_path / "bundle", tolerance=100, untrained=True)
    assert shipped.comparison.metric == "pearson"
    pair = [("good film", "good plot")]
    value = load(tmp_path / "bundle")(pair)[0].value
    assert value == pytest.approx(load_predictor(output)(pair)[0].value, abs=0.3)


def test_frozen_embeddings_stay(tmp_path: Path, encoder: Path, table: Callable[..., Table]) -> None:
    settings = Decided(**{**vars_of(FAST), "freeze_embeddings": True})
    finetune(
        str(encoder), table("t", ROWS), table("d", ROWS[:6]), tmp_path / "out",
        settings,
    )  # fmt: skip
    before = load_file(encoder / "model.safetensors")
    after = load_file(tmp_path / "out" / "model.safetensors")
    name = "embeddings.word_embeddings.weight"
    assert torch.equal(before[name], after[f"transformer.{name}"])
    name = "embeddings.position_embeddings.weight"
    assert not torch.equal(before[name], after[f"transformer.{name}"])


def test_imbalance_is_said_and_changes_what_is_best(
    tmp_path: Path, encoder: Path, table: Callable[..., Table]
) -> None:
    rows = [("a good film", "yes")] * 24 + [("a bad film", "no")] * 4
    said: list[str] = []
    finetune(
        str(encoder), table("t", rows), table("d", rows), tmp_path / "out", FAST,
        say=said.append,
    )  # fmt: skip
    assert "imbalanced" in "\n".join(said)
    assert report_of(tmp_path / "out")["best_checkpoint_by"] == "macro_f1"


def test_bad_wishes_are_refused_before_anything_is_written(
    tmp_path: Path,
    encoder: Path,
    make_teacher: TeacherMaker,
    table: Callable[..., Table],
) -> None:
    start, train, dev = str(encoder), table("t", ROWS), table("d", ROWS[:6])
    output = tmp_path / "out"
    with pytest.raises(DataError, match="unknown label 'neutral'"):
        finetune(start, train, table("x", [("film", "neutral")]), output, FAST)
    with pytest.raises(DataError, match="every label is '1'"):
        finetune(start, table("x", [("film", "1"), ("plot", "1")]), dev, output, FAST)
    with pytest.raises(DataError, match="too few to hold some out"):
        finetune(start, table("x", [("film", "1"), ("plot", "0")]), None, output, FAST)
    with pytest.raises(CheckpointError, match="There is no model"):
        finetune(str(tmp_path / "none"), train, dev, output, FAST)
    with pytest.raises(InputError, match="max_length 64 is more than the 32 tokens"):
        finetune(start, train, dev, output, Settings(max_length=64))
    with pytest.raises(InputError, match="teacher is for embedding, but the data is for single"):
        finetune(start, train, dev, output, FAST, teacher=str(make_teacher("bert")))
    assert not output.exists()
    output.mkdir()
    (output / "thesis.doc").write_text("years of work")
    with pytest.raises(InputError, match="will not be replaced"):
        finetune(start, train, dev, output, FAST)
    assert (output / "thesis.doc").exists()


def test_a_refused_run_leaves_nothing_behind_but_a_search_its_trials(
    tmp_path: Path, encoder: Path, table: Callable[..., Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    train, output = table("train", ROWS), tmp_path / "out"
    state = tmp_path / "out.run"
    too_long = replace(FAST, max_length=4096)
    for trials in (None, 2):
        with pytest.raises(InputError, match="4096"):
            finetune(str(encoder), train, train, output, too_long, trials=trials)
        assert not state.exists()

    trained: list[Decided] = []

    def once(run: Run, settings: Decided) -> Trained:
        trained.append(settings)
        if len(trained) > 1:
            raise InputError("the teacher is gone")
        return train_once(run, settings)

    train_once = Run.train
    monkeypatch.setattr(Run, "train", once)
    with pytest.raises(InputError, match="teacher is gone"):
        finetune(str(encoder), train, train, output, FAST, trials=2)
    monkeypatch.undo()
    said: list[str] = []
    finetune(str(encoder), train, train, output, FAST, trials=2, resume=True, say=said.append)
    assert [line[:12] for line in said if line.startswith("Trial ")] == ["Trial 2 of 2"]


def test_an_encoder_without_its_weights_is_refused(
    tmp_path: Path, encoder: Path, table: Callable[..., Table]
) -> None:
    config = json.loads((encoder / "config.json").read_text())
    config["num_hidden_layers"] = 3
    (encoder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"lacks .* weights of its encoder"):
        finetune(str(encoder), table("t", ROWS), table("d", ROWS), tmp_path / "out", FAST)


def test_a_head_for_other_labels_is_replaced(
    tmp_path: Path, encoder: Path, table: Callable[..., Table]
) -> None:
    three = [("good", "a"), ("bad", "b"), ("film", "c")] * 4
    finetune(str(encoder), table("t", three), table("d", three),
             tmp_path / "three", FAST)  # fmt: skip
    said: list[str] = []
    finetune(str(tmp_path / "three"), table("t2", ROWS), table("d2", ROWS), tmp_path / "two",
             FAST, say=said.append)  # fmt: skip
    assert "classifier.weight" in "\n".join(said)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "two")
    assert model.config.id2label == {0: "0", 1: "1"}


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"learning_rate": 0}, {"batch_size": 0}, {"alpha": 1.5}, {"temperature": -1}],
)
def test_settings_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Settings(**wrong)


def test_what_is_out_of_scope_is_not_learnt(
    tmp_path: Path, encoder: Path, table: Callable[..., Table]
) -> None:
    outside = [("plot and plot", "out_of_scope")] * 3
    said: list[str] = []
    done = finetune(
        str(encoder),
        table("train", ROWS + outside),
        table("dev", ROWS[:6] + outside[:1]),
        tmp_path / "out",
        FAST,
        label_names=["negative", "positive"],
        say=said.append,
    )
    assert done.evaluation.labels == ("negative", "positive")
    assert done.evaluation.examples == 6
    assert "3 examples are out of scope. They are not learnt" in "\n".join(said)


def test_balanced_classes_weigh_the_same_however_rare(
    tmp_path: Path, encoder: Path, table: Callable[..., Table]
) -> None:
    rows = [("a good film", "yes")] * 9 + [("a bad film", "no")] * 3
    task = prepare_classification(
        table("t", rows), table("d", rows), HoldOut(0, tmp_path, tmp_path), None
    )
    model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2).eval()
    batch = {
        "input_ids": torch.tensor([[2, 5, 6, 8, 3]] * 9 + [[2, 5, 7, 8, 3]] * 3),
        "labels": torch.tensor([1] * 9 + [0] * 3),
    }
    by_class = [
        task.loss(model, {name: rows[part] for name, rows in batch.items()}, FAST).item()
        for part in (slice(0, 9), slice(9, 12))
    ]
    plain, balanced = (
        task.loss(model, dict(batch), replace(FAST, balance_classes=balance)).item()
        for balance in (False, True)
    )
    assert plain == pytest.approx((9 * by_class[0] + 3 * by_class[1]) / 12)
    assert balanced == pytest.approx((by_class[0] + by_class[1]) / 2)


def test_only_classes_can_be_balanced(
    tmp_path: Path, encoder: Path, table: Callable[..., Table]
) -> None:
    values = table("t", [("good", "1.5"), ("bad", "0.25"), ("film", "0.75")] * 4)
    with pytest.raises(InputError, match="balance_classes is for texts or pairs with one class"):
        finetune(
            str(encoder), values, values, tmp_path / "out", replace(FAST, balance_classes=True)
        )
