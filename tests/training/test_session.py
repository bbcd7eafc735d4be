"""Runs that are stopped, resumed, damaged, or started twice, whatever they make."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from transformers import TrainerControl, TrainerState, TrainingArguments

from squeezebert.errors import CheckpointError, InputError
from squeezebert.training.checkpoints import (
    SealCheckpoints,
    is_whole,
    last_whole_checkpoint,
    seal,
)
from squeezebert.training.memory import require_memory
from squeezebert.training.session import Session, open_session

FACTS = {"rate": 1.5, "text": ["a"]}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "model"


def stopped(output: Path, *, keep: bool) -> None:
    """A session that is interrupted, perhaps with something that it leaves."""
    with (
        pytest.raises(KeyboardInterrupt),
        open_session(output, resume=False, clean=False, say=print) as session,
    ):
        session.claim(FACTS)
        if keep:
            checkpoint(session.checkpoints, 3)
            session.keep()
        raise KeyboardInterrupt


def finished(output: Path, *, clean: bool = False) -> None:
    with open_session(output, resume=False, clean=clean, say=print) as session:
        session.claim(FACTS)
        checkpoint(session.checkpoints, 3)
        session.keep()
        output.write_text("whole")
        session.finish({"score": 1})


def checkpoint(folder: Path, step: int, best: int | None = None) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "model.safetensors").write_bytes(b"weights")
    name = None if best is None else f"elsewhere/checkpoint-{best}"
    (path / "trainer_state.json").write_text(json.dumps({"best_model_checkpoint": name}))
    seal(path)
    return path


def claimed(output: Path, *, resume: bool, facts: Mapping[str, object] = FACTS) -> Session:
    with open_session(output, resume=resume, clean=False, say=print) as session:
        session.claim(facts)
    return session


def test_a_stopped_run_is_resumed_or_protected(output: Path) -> None:
    stopped(output, keep=True)
    with pytest.raises(InputError, match=r"model\.run holds a stopped run\. Resume it, or remove"):
        claimed(output, resume=False)
    session = claimed(output, resume=True)
    assert session.last_checkpoint() == output.with_name("model.run") / "checkpoints/checkpoint-3"
    assert not session.finished


def test_a_run_that_was_stopped_before_it_saved_leaves_nothing(output: Path) -> None:
    stopped(output, keep=False)
    assert not list(output.parent.iterdir())


def test_without_a_stopped_run_resuming_begins(output: Path) -> None:
    said: list[str] = []
    with open_session(output, resume=True, clean=False, say=said.append) as session:
        session.claim(FACTS)
        assert session.last_checkpoint() is None
    assert "no stopped run to go on from" in said[0]


def test_resuming_a_finished_run_changes_nothing_and_a_new_one_begins(output: Path) -> None:
    finished(output)
    session = claimed(output, resume=True)
    assert session.finished
    assert session.result == {"score": 1}
    assert session.last_checkpoint() is None, "their space is free"
    assert not claimed(output, resume=False).finished


def test_a_finished_run_whose_output_is_gone_begins_anew(output: Path) -> None:
    finished(output)
    output.unlink()
    assert not claimed(output, resume=True).finished


def test_a_clean_run_leaves_its_output_alone(output: Path) -> None:
    finished(output, clean=True)
    assert list(output.parent.iterdir()) == [output]


def test_what_differs_from_the_stopped_run_is_named(output: Path) -> None:
    stopped(output, keep=True)
    with pytest.raises(InputError, match=r"rate was 1\.5, is 2; text was \['a'\], is \['b'\]"):
        claimed(output, resume=True, facts={"rate": 2, "text": ("b",)})


def test_equal_facts_in_other_types_are_equal(output: Path) -> None:
    stopped(output, keep=True)
    claimed(output, resume=True, facts={"rate": 1.5, "text": ("a",)})


@pytest.mark.parametrize("content", ["", "{", "[]", '{"status": "odd", "facts": {}}'])
@pytest.mark.parametrize("resume", [True, False])
def test_a_damaged_record_is_named_with_what_to_remove(
    content: str, resume: bool, output: Path
) -> None:
    stopped(output, keep=True)
    folder = output.with_name("model.run")
    (folder / "run.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"run\.json is damaged .*Remove .*model\.run to"):
        claimed(output, resume=resume)
    assert (folder / "checkpoints").exists()


def test_two_sessions_at_one_output_are_one_too_many(output: Path) -> None:
    with open_session(output, resume=False, clean=False, say=print) as session:
        session.claim(FACTS)
        session.keep()
        with pytest.raises(InputError, match="Another process works at"):
            claimed(output, resume=True)
    claimed(output, resume=True)


def test_a_killed_process_holds_no_lock(output: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from squeezebert.training.session import open_session
with open_session(Path({str(output)!r}), resume=False, clean=False, say=print) as session:
    session.claim({{"rate": 1.5, "text": ["a"]}})
    session.keep()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    assert claimed(output, resume=True).last_checkpoint() is None


def test_several_processes_are_refused(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="one process, and WORLD_SIZE says that there are 2"):
        claimed(output, resume=False)
    assert not list(output.parent.iterdir())


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Error while serializing: I/O error: No space left on device (os error 28)", "No space"),
        ("Disk quota exceeded (os error 122)", "quota"),
        ("[enforce fail at inline_container.cc:664] . PytorchStreamWriter failed writing", "space"),
        ("[enforce fail at inline_container.cc:668] . unexpected pos 64 vs 0", "space"),
    ],
)
def test_a_full_disk_is_an_error_of_the_system_whoever_met_it(
    message: str, reason: str, output: Path
) -> None:
    with (
        pytest.raises(OSError, match=reason) as raised,
        open_session(output, resume=False, clean=False, say=print) as session,
    ):
        session.claim(FACTS)
        raise RuntimeError(message)
    assert raised.value.filename == str(output.with_name("model.run"))
    assert not list(output.parent.iterdir())


def test_too_little_memory_is_told_with_what_would_need_less(output: Path) -> None:
    with (
        pytest.raises(InputError, match=r"not enough memory .* Give a smaller batch"),
        open_session(output, resume=False, clean=False, say=print),
    ):
        torch.empty(1 << 50)
    assert not list(output.parent.iterdir())
    require_memory(1)
    with pytest.raises(InputError, match=r"this machine has \d+\. Give a smaller shape"):
        require_memory(1 << 50)


def test_other_errors_stay_what_they_are(output: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="shapes"),
        open_session(output, resume=False, clean=False, say=print),
    ):
        raise RuntimeError("shapes don't fit")


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("damage", [truncate, flip, Path.unlink])
@pytest.mark.parametrize("file", ["model.safetensors", "trainer_state.json", "seal.json"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    damage: Callable[[Path], None], file: str, tmp_path: Path
) -> None:
    before, last = checkpoint(tmp_path, 9), checkpoint(tmp_path, 10)
    damage(last / file)
    said: list[str] = []
    assert last_whole_checkpoint(tmp_path, said.append) == before
    assert not last.exists()
    if (damage, file) != (Path.unlink, "seal.json"):  # then it was stopped while it was saved
        assert "checkpoint-10 can't be gone on from" in said[0]


def test_a_checkpoint_is_of_no_use_without_the_best_one(tmp_path: Path) -> None:
    best, last = checkpoint(tmp_path, 2), checkpoint(tmp_path, 3, best=2)
    assert last_whole_checkpoint(tmp_path, print) == last
    truncate(best / "model.safetensors")
    assert last_whole_checkpoint(tmp_path, print) is None
    assert not list(tmp_path.iterdir())


def test_the_two_newest_checkpoints_stay_and_the_best_ones_of_both(tmp_path: Path) -> None:
    state, left = TrainerState(), []
    for step, best in [(1, 1), (2, 1), (3, 1), (4, 4), (5, 4), (6, 4)]:
        checkpoint(tmp_path, step, best)
        state.global_step = step
        SealCheckpoints(lambda: None).on_save(
            TrainingArguments(output_dir=str(tmp_path)), state, TrainerControl()
        )
        left.append("".join(sorted(path.name[-1] for path in tmp_path.iterdir())))
    assert left == ["1", "12", "123", "134", "45", "456"]
    truncate(tmp_path / "checkpoint-6" / "model.safetensors")
    assert last_whole_checkpoint(tmp_path, print) == tmp_path / "checkpoint-5"


def test_a_folder_is_whole_only_once_it_is_sealed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    assert not is_whole(tmp_path)
    seal(tmp_path)
    assert is_whole(tmp_path)
    (tmp_path / "b").write_text("b")
    assert not is_whole(tmp_path)
