"""A training in two processes is the training in one."""

import csv
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from squeezebert.errors import InputError
from squeezebert.model import SqueezeBertModel
from squeezebert.training import processes
from squeezebert.training.processes import mean_of_losses, share_of

COMMAND = "from squeezebert.cli import main; main()"
STOPPING = """
from squeezebert.training import elapsed
def stop(self, args, state, control, **rest):
    if state.global_step == 5:
        raise SystemExit(7)
elapsed.Elapsed.on_step_end = stop
"""
# A softmax takes no notice of them, so that their gradients are rounding, which Adam makes large.
WITHOUT_GRADIENT = ("key.bias", "qa_outputs.bias")
FAST = ["--epochs", "2", "--learning-rate", "0.005", "--max-length", "20", "--train-embeddings"]
PLAN = """
[mood]
train = "films.tsv"
dev = "films.tsv"
teacher = "teacher"
unlabelled = "more.txt"

[names]
task = "entities"
train = "films.conll"

[places]
task = "question-answering"
train = "questions.jsonl"
dev = "questions.jsonl"

[likeness]
task = "embedding"
train = "pairs.tsv"
dev = "pairs.tsv"
"""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    drawn = random.Random(0)
    words = ["a", "good", "bad", "film", "films", "plot", "unmoved", "very", "."]
    file = tmp_path / "text.txt"
    file.write_text("".join(" ".join(drawn.choices(words, k=9)) + "\n" for _ in range(90)))
    return file


@pytest.fixture
def encoder(tmp_path: Path, make_checkpoint: Callable[..., Path]) -> Path:
    groups = {f"{part}_groups": 2 for part in ("q", "k", "v", "intermediate", "output")}
    return make_checkpoint(tmp_path / "encoder", SqueezeBertModel, **groups)


def run(folder: Path, arguments: Sequence[str], number: int = 1, code: str = COMMAND) -> str:
    script = folder / "run.py"
    script.write_text(code)
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={number}"]
    done = subprocess.run(
        [sys.executable, *(launcher if number > 1 else []), str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert (done.returncode == 0) == (code == COMMAND), done.stderr
    return done.stdout


def curve(folder: Path) -> list[float]:
    if (report := folder / "report.json").exists():
        history = json.loads(report.read_text())["history"]
        return [entry["loss"] for entry in history if "loss" in entry]
    with (folder / "curve.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file) if row["loss"]]


def same(one: Path, two: Path, within: float) -> None:
    """Asserts that two trainings went the same way and came to the same end."""
    assert curve(two) == pytest.approx(curve(one), rel=1e-4)
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (one, two))
    for name, weight in ours.items():
        if not name.endswith(WITHOUT_GRADIENT):
            torch.testing.assert_close(theirs[name], weight, rtol=0, atol=within)


@pytest.mark.slow  # it starts eight processes that import torch
@pytest.mark.parametrize("command", ["squeeze", "adapt", "pretrain"])
def test_two_processes_learn_what_one_does_and_one_goes_on_from_two(
    command: str,
    text: Path,
    tmp_path: Path,
    encoder: Path,
    make_teacher: Callable[[str], Path],
) -> None:
    start = {
        "squeeze": [str(make_teacher("bert"))],
        "adapt": [str(encoder)],
        "pretrain": ["--shape", "2x64", "--pieces", "100"],
    }
    options = [command, *start[command], "--text", str(text), "--length", "16"]
    options += ["--batch-size", "4", "--tokens", str(8 * 4 * 16), "--learning-rate", "0.005", "-o"]
    run(tmp_path, [*options, "one"])
    said = run(tmp_path, [*options, "two"], number=2)
    assert said.count("trained on") == 1, "one process speaks for both"
    assert len(curve(tmp_path / "one")) == 8
    same(tmp_path / "one", tmp_path / "two", 2e-3)
    # Stopped in two, it goes on in one.
    run(tmp_path, [*options, "moved"], number=2, code=STOPPING + COMMAND)
    checkpoint = next((tmp_path / "moved.run" / "checkpoints").glob("checkpoint-*"))
    assert not list(checkpoint.glob("*rng_state_1*")), "one process writes"
    assert "Going on from" in run(tmp_path, [*options, "moved", "--resume"])
    same(tmp_path / "one", tmp_path / "moved", 2e-3)


@pytest.mark.slow
def test_two_processes_fine_tune_as_one_does_though_a_batch_has_a_single_row(
    text: Path, tmp_path: Path, encoder: Path
) -> None:
    rows = enumerate(text.read_text().splitlines()[:15])  # two are held out, so the last is alone
    table = "".join(f"{row},{('even', 'odd')[index % 2]}\n" for index, row in rows)
    (tmp_path / "films.csv").write_text("text,label\n" + table)
    options = ["train", "--from", str(encoder), "--train", "films.csv", *FAST]
    options += ["--batch-size", "4", "--balance-classes", "-o"]
    run(tmp_path, [*options, "one"])
    said = run(tmp_path, [*options, "two"], number=2)
    assert said.count("dev examples") == 1, "one process speaks for both"
    assert len(curve(tmp_path / "one")) == 8
    same(tmp_path / "one", tmp_path / "two", 1e-5)
    run(tmp_path, [*options, "moved"], number=2, code=STOPPING + COMMAND)
    checkpoint = next((tmp_path / "moved.run" / "checkpoints").glob("checkpoint-*"))
    assert not list(checkpoint.glob("*rng_state_1*")), "one process writes"
    assert "Going on from" in run(tmp_path, [*options, "moved", "--resume"])
    same(tmp_path / "one", tmp_path / "moved", 1e-5)


@pytest.mark.slow
def test_two_processes_fine_tune_for_several_tasks_as_one_does_and_go_on_from_one(
    text: Path, tmp_path: Path, encoder: Path, make_bundle: Callable[..., Path]
) -> None:
    lines = text.read_text().splitlines()
    make_bundle(tmp_path / "teacher", labels=("0", "1"))
    rows = "".join(f"{line}\t{index % 2}\n" for index, line in enumerate(lines[:9]))
    (tmp_path / "films.tsv").write_text("text\tlabel\n" + rows)
    (tmp_path / "more.txt").write_text("\n".join(lines[9:12]))
    (tmp_path / "films.conll").write_text("a O\ngood B-X\nfilm O\n\nbad B-Y\nplot O\n\n" * 3)
    questions = [
        {"question": "a film", "context": line, "answers": [{"text": word, "answer_start": 0}]}
        for line in lines[:8]
        for word in line.split()[:1]
    ]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, questions)))
    pairs = zip(lines[:12], lines[12:24], strict=True)
    scored = "".join(f"{one}\t{two}\t{index % 5}\n" for index, (one, two) in enumerate(pairs))
    (tmp_path / "pairs.tsv").write_text(f"sentence1\tsentence2\tscore\n{scored}")
    (tmp_path / "plan.toml").write_text(PLAN)
    options = ["train", "--from", str(encoder), "--plan", "plan.toml", *FAST]
    options += ["--batch-size", "6", "-o"]
    run(tmp_path, [*options, "one"])
    said = run(tmp_path, [*options, "two"], number=2)
    assert said.count("in 2 epochs") == 1, "one process speaks for both"
    run(tmp_path, [*options, "moved"], code=STOPPING + COMMAND)
    assert "Going on from" in run(tmp_path, [*options, "moved", "--resume"], number=2)
    for task in ("mood", "names", "places", "likeness"):
        same(tmp_path / "one" / task, tmp_path / "two" / task, 1e-5)
        same(tmp_path / "one" / task, tmp_path / "moved" / task, 1e-5)


def test_a_mean_of_losses_is_by_their_weights_and_of_none_it_is_nothing() -> None:
    losses = torch.tensor([1.0, 3.0], requires_grad=True)
    assert mean_of_losses(losses).item() == 2
    assert mean_of_losses(losses, torch.tensor([0.3, 0.1])).item() == pytest.approx(1.5)
    nothing = mean_of_losses(losses[:0])
    nothing.backward()
    assert nothing.item() == 0
    assert losses.grad is not None and losses.grad.tolist() == [0, 0]


def test_a_batch_is_cut_into_equal_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share_of(6) == 6
    monkeypatch.setattr(processes, "processes", lambda: 4)
    assert share_of(8) == 2
    with pytest.raises(InputError, match="multiple of their number"):
        share_of(6)
