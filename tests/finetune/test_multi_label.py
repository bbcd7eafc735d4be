"""Several labels at once: learnt, scored, shipped and told."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from squeezebert.cli import app
from squeezebert.data.labels import labels_in
from squeezebert.data.tasks.classification import read_classification
from squeezebert.evaluation import evaluate
from squeezebert.export import export_checkpoint
from squeezebert.finetune.finetune import finetune
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.tasks.problems import PROBLEMS
from squeezebert.pipelines import load

# "good" praises, "plot" is of the story; a text may be both, or neither.
ROWS = [
    ("a good film", "praise"),
    ("a good plot", "praise|story"),
    ("very bad plot", "story"),
    ("a bad film", ""),
    ("good and very good", "praise|"),
    ("a plot and a plot", "story"),
    ("not a film", ""),
    ("good film and good plot", "story | praise"),
] * 3
SETTINGS = Decided(
    freeze_embeddings=False, epochs=15, learning_rate=1e-2, batch_size=4, max_length=16, patience=60
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "films.csv"
    path.write_text("text,labels\n" + "".join(f"{text},{labels}\n" for text, labels in ROWS))
    return path


def test_from_a_file_to_a_bundle_that_gives_each_label(
    tmp_path: Path, encoder: Path, data: Path
) -> None:
    table = read_classification(data)
    said: list[str] = []
    output, bundle = tmp_path / "out", tmp_path / "bundle"
    done = finetune(str(encoder), table, table, output, SETTINGS, say=said.append)
    assert done.evaluation.metrics["best_micro_f1"] > 0.95
    report = json.loads((output / "report.json").read_text())
    assert report["best_checkpoint_by"] == "best_micro_f1"
    assert report["class_counts"] == {"praise": 12, "story": 12}
    assert "6 of the training and 6 of the dev examples have no label." in "\n".join(said)

    shipped = export_checkpoint(output, table, bundle)
    assert shipped.comparison.metric == "micro_f1"
    classify = load(bundle)
    assert classify.spec.problem_type == "multi_label_classification"
    assert classify.spec.threshold == shipped.spec.threshold is not None
    assert evaluate(classify, table).metrics["exact_match"] > 0.9
    both, story, neither = classify(["a good plot", "very bad plot", "a bad film"])
    assert set(both.labels) == {"praise", "story"}
    assert (story.labels, neither.labels) == (("story",), ())
    assert set(neither.scores) == {"praise", "story"}
    [long] = classify(["a good plot " * 9])
    assert (long.tokens, long.total_tokens, long.truncated) == (16, 29, True)


def test_lists_are_held_out_as_lists_and_teach(tmp_path: Path, encoder: Path) -> None:
    path = tmp_path / "films.jsonl"
    rows = [{"text": text, "labels": labels_in(labels)} for text, labels in ROWS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    train, few = (
        read_classification(path),
        Decided(freeze_embeddings=False, epochs=2, learning_rate=5e-5, batch_size=4, max_length=16),
    )
    said: list[str] = []
    finetune(str(encoder), train, None, tmp_path / "teacher", few, say=said.append)
    held_out = read_classification(tmp_path / "teacher" / "held_out.jsonl")
    assert held_out.check().multi_label
    assert "drawn with seed 0, are held out" in "\n".join(said)
    done = finetune(
        str(encoder), train, held_out, tmp_path / "student", few, teacher=str(tmp_path / "teacher")
    )
    assert done.evaluation.labels == ("praise", "story")


def test_a_student_that_says_the_same_as_its_teacher_has_the_least_loss() -> None:
    teacher = torch.tensor([[2.0, -1.0], [0.0, 3.0]])
    student = teacher.clone().requires_grad_()
    loss = PROBLEMS["multi_label_classification"].distillation_losses(student, teacher, 2.0).mean()
    loss.backward()
    assert student.grad is not None and student.grad.abs().max() < 1e-6


def test_the_commands_take_it_from_the_file(tmp_path: Path, encoder: Path, data: Path) -> None:
    output, bundle = tmp_path / "out", tmp_path / "bundle"

    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    run("train", "--from", encoder, "--train", data, "--dev", data, "-o", output, "--epochs", 15,
        "--learning-rate", 0.01, "--batch-size", 4, "--max-length", 16)  # fmt: skip
    assert "a label is given where it reaches 0." in run(
        "export", output, "--data", data, "-o", bundle
    )
    assert "micro_f1" in run("evaluate", "--model", bundle, "--data", data)
    answer = json.loads(run("predict", "--model", bundle, "a good plot"))
    assert (set(answer["labels"]), set(answer["scores"])) == ({"praise", "story"},) * 2
    file = tmp_path / "answers.csv"
    run("predict", "--model", bundle, "-o", file, "bad film")
    assert file.read_text().startswith("text,labels,score_praise,score_story,tokens")
