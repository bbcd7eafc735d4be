"""What goes wrong around a training, at the command line: one line, exit code 2, nothing left."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from squeezebert.model import SqueezeBertModel

_RUN = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))  # writing beyond it fails
sys.argv = ["squeezebert", *sys.argv[1:]]
from squeezebert.cli import main
main()
"""


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command in a process that can't write files of more than so many bytes."""

    def run(most: int, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", _RUN.format(most=most), *map(str, arguments)],
            capture_output=True,
            text=True,
            env=os.environ | environment,
        )

    return run


@pytest.fixture
def encoder(tmp_path: Path, make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint(tmp_path / "encoder", SqueezeBertModel)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "films.csv"
    path.write_text("text,label\n" + "a good film,1\na bad film,0\n" * 8)
    return path


def only_error(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


# What fails is writing the weights (by safetensors) or the optimizer's state (by torch).
@pytest.mark.parametrize("most", [15_000, 25_000])
def test_a_full_disk_leaves_no_half_training(
    most: int,
    tmp_path: Path,
    encoder: Path,
    table: Path,
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = run(
        most, "train", "--from", encoder, "--train", table, "--dev", table, "--epochs", 1,
        "--max-length", 16, "-o", tmp_path / "out",
    )  # fmt: skip
    line = only_error(done)
    assert str(tmp_path / "out.run") in line
    assert {path.name for path in tmp_path.iterdir()} == {"encoder", "films.csv"}


def test_processes_that_nobody_started_are_missed_in_a_line(
    tmp_path: Path,
    encoder: Path,
    table: Path,
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = run(
        10**9, "train", "--from", encoder, "--train", table, "-o", tmp_path / "out",
        WORLD_SIZE="2", RANK="0", LOCAL_RANK="0",
    )  # fmt: skip
    assert "there are 2 processes, and they can't be met: " in only_error(done)
    assert not (tmp_path / "out.run").exists()


@pytest.mark.parametrize(
    "command", [("train", "--search", 2, "--from", "encoder", "--train"), ("learn", "--best")]
)
def test_what_runs_in_one_process_refuses_several_in_a_line(
    command: Sequence[object],
    tmp_path: Path,
    encoder: Path,
    table: Path,
    run: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(
        10**9, *command, table, "-o", tmp_path / "out", WORLD_SIZE="2", RANK="0", LOCAL_RANK="0",
    )  # fmt: skip
    assert "one process" in only_error(done)
    assert not list(tmp_path.glob("*out*"))
