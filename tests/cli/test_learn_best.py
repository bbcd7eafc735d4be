"""``squeezebert learn`` with fine-tuning: beside the regression, and where nothing else does."""

import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.cli.test_learn import run
from tests.conftest import BundleMaker

from squeezebert.bundle import read_bundle
from squeezebert.cli import best
from squeezebert.data.tasks.classification import read_classification
from squeezebert.finetune import defaults
from squeezebert.finetune.settings import Settings
from squeezebert.finetune.trainer import Deadline
from squeezebert.learn import learn
from squeezebert.pipelines import Classifier, EntityFinder, load
from squeezebert.pipelines.learnt import LearntClassifier

ENDS = ("", " a", " not", " un", " and", " very")
ROWS = [
    (f"{word} {noun}{end}", label)
    for word, label in (("good", "x"), ("bad", "y"))
    for noun in ("film", "plot")
    for end in ENDS
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in ROWS * 2))
    return path


def test_four_ways_to_answer_are_compared_and_the_better_is_kept(
    data: Path, encoder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    status, shown = run("learn", data, "--best", "--minutes", 0.2, "--from", encoder, "-o", output)
    assert status == 0
    scores = {
        name: float(score) for name, score in re.findall(r"^  (.+?) {2,}([\d.]+)", shown, re.M)
    }
    assert [*scores] == [
        "always the most frequent answer",
        "words and letters (TF-IDF)",
        "learnt",
        "fine-tuned",
    ]
    kept = load(output)
    ahead = (scores["fine-tuned"] - scores["learnt"]) / 100
    if ahead * int(re.search(r"on (\d+) rows", shown)[1]) > 1.5:  # type: ignore[index]
        assert isinstance(kept, Classifier)
    else:
        assert isinstance(kept, LearntClassifier)
    page = (output / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in scores)
    assert not list(tmp_path.glob(".out*")), "the checkpoint's folder is gone"


def test_entities_are_learnt_by_fine_tuning(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(defaults._RATES, defaults.Kind.ENTITIES, 2e-2)  # the encoder is tiny
    data = tmp_path / "tags.conll"
    sentences = ["a\tO\nvery\tO\ngood\tB-PER\nfilms\tI-PER\n", "not\tO\nbad\tB-LOC\nplot\tO\n"]
    data.write_text("\n".join(sentences * 20))
    output = tmp_path / "out"
    status, shown = run("learn", data, "--task", "entities", "--from", encoder, "-o", output)
    assert status == 0
    assert re.search(r"what has learnt next to nothing +5\.0\n  fine-tuned +\d", shown)
    assert isinstance(load(output), EntityFinder)
    assert "Fine-tuning report" in (output / "report.md").read_text(encoding="utf-8")


def test_a_start_that_was_trained_for_a_task_may_flatter(
    data: Path, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    start = make_bundle(tmp_path / "start")
    short = ("--best", "--minutes", 0.02, "--from", start)
    _, shown = run("learn", data, *short, "-o", tmp_path / "out")
    assert "start was trained for its task on labelled data; " in shown


def test_pairs_are_fine_tuned_from_entailment(tmp_path: Path) -> None:
    data = tmp_path / "pairs.csv"
    lines = [f'"a {text}","the {text}",{label}' for text, label in ROWS]
    data.write_text("\n".join(["text,pair,label", *lines]))
    _, shown = run("learn", data, "--best", "--minutes", 0.02, "-o", tmp_path / "out")
    assert "nli was trained for its task on labelled data" in shown
    assert "Not in nli, so learnt from scratch: classifier" in shown


def test_what_is_interrupted_promises_no_resuming(
    data: Path, encoder: Path, tmp_path: Path
) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("epoch "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        best.fine_tune("classification", read_classification(data), str(encoder), 0, tmp_path, say)
    assert said[-1].startswith("epoch ")
    assert not any(str(tmp_path / "checkpoint") in line for line in said), "it doesn't stay"


def test_minutes_are_refused_where_nothing_is_fine_tuned(data: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="Add --best"):
        run("learn", data, "--minutes", 3, "-o", tmp_path / "out")


def test_vectors_are_of_an_embedding_bundle_whatever_fine_tuning_starts_from(
    encoder: Path, make_bundle: BundleMaker, tmp_path: Path
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    assert best.vectors_of(str(embed)) == str(embed)
    assert best.vectors_of(str(encoder)) == best.vectors_of("nli") == best.vectors_of(None)
    assert read_bundle(embed).manifest.heads[0].task == "embedding"


def test_training_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    deadline, control = Deadline(60), SimpleNamespace(should_training_stop=False)
    assert deadline.part == 0
    deadline.on_train_begin(None, None, control)  # type: ignore[arg-type]
    now = 130.0
    deadline.on_step_end(None, None, control)  # type: ignore[arg-type]
    assert deadline.part == 0.5 and not control.should_training_stop
    now = 161.0
    deadline.on_step_end(None, None, control)  # type: ignore[arg-type]
    assert control.should_training_stop and control.should_evaluate and control.should_save


def test_one_part_of_few_rows_was_held_out_together(
    tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    learnt = learn(ROWS * 2, embed).learnt
    part = learnt.on_one_part()
    assert len(part.rows) == part.learnt.evaluation.examples == 10
    assert {row.label for row in part.rows} == {"x", "y"}
    assert part.on_one_part() is part
    with pytest.raises(Exception, match="minutes"):
        Settings(minutes=-1)
