"""A training in two processes is the training in one."""

import csv
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
from squeezebert.training.processes import share_of

COMMAND = "from squeezebert.cli import main; main()"
STOPPING = """
from squeezebert.training import elapsed
save = elapsed.Elapsed.on_save
def stop(self, args, state, control, **rest):
    save(self, args, state, control, **rest)
    if state.global_step == 5:
        raise SystemExit(7)
elapsed.Elapsed.on_save = stop
"""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    drawn = random.Random(0)
    words = ["a", "good", "bad", "film", "films", "plot", "unmoved", "very", "."]
    file = tmp_path / "text.txt"
    file.write_text("".join(" ".join(drawn.choices(words, k=9)) + "\n" for _ in range(90)))
    return file


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
    with (folder / "curve.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file) if row["loss"]]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.mark.slow  # it starts eight processes that import torch
@pytest.mark.parametrize("command", ["squeeze", "adapt"])
def test_two_processes_learn_what_one_does_and_one_goes_on_from_two(
    command: str,
    text: Path,
    tmp_path: Path,
    make_teacher: Callable[[str], Path],
    make_checkpoint: Callable[..., Path],
) -> None:
    if command == "squeeze":
        source = make_teacher("bert")
    else:
        groups = {f"{part}_groups": 2 for part in ("q", "k", "v", "intermediate", "output")}
        source = make_checkpoint(tmp_path / "encoder", SqueezeBertModel, **groups)
    options = [command, str(source), "--text", str(text), "--length", "16", "--batch-size", "4"]
    options += ["--tokens", str(8 * 4 * 16), "--learning-rate", "0.005", "-o"]
    run(tmp_path, [*options, "one"])
    said = run(tmp_path, [*options, "two"], number=2)
    assert said.count("trained on") == 1, "one process speaks for both"
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert len(one) == 8
    assert two == pytest.approx(one, rel=1e-4)
    for name, weight in weights(tmp_path / "one").items():
        torch.testing.assert_close(weights(tmp_path / "two")[name], weight, rtol=0, atol=2e-3)
    # Stopped in two, it goes on in one.
    run(tmp_path, [*options, "moved"], number=2, code=STOPPING + COMMAND)
    checkpoint = next((tmp_path / "moved.run" / "checkpoints").glob("checkpoint-*"))
    assert not list(checkpoint.glob("*rng_state_1*")), "one process writes"
    assert "Going on from" in run(tmp_path, [*options, "moved", "--resume"])
    assert curve(tmp_path / "moved") == pytest.approx(one, rel=1e-4)


def test_a_batch_is_cut_into_equal_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share_of(6) == 6
    monkeypatch.setattr(processes, "processes", lambda: 4)
    assert share_of(8) == 2
    with pytest.raises(InputError, match="multiple of their number"):
        share_of(6)
