"""What lets a long run be stopped and resumed: its state on disk, in one process at a time."""

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from squeezebert.errors import CheckpointError, InputError
from squeezebert.files import replacing_file, sole_writer
from squeezebert.training.checkpoints import last_whole_checkpoint
from squeezebert.training.disk import disk_error
from squeezebert.training.memory import memory_error
from squeezebert.training.processes import join, leads, processes, told, wait

_RECORD = "run.json"
_BEGUN, _STOPPED, _FINISHED = "begun", "stopped", "finished"


class Session:
    """One sitting of a run; its state is in ``<output>.run`` beside what the run makes.

    The state stays until it is removed: `open_session` does so at the end if it is told to, and
    after an error if nothing in it would be worth going on from.

    Attributes:
        folder: of the state.
        output: what the run makes.
        say: prints a line.
        finished: whether an earlier session has made the output, and it is there.
        result: what that session gave to `finish`.
    """

    def __init__(self, output: Path, resume: bool, say: Callable[[str], None]) -> None:
        self.output = output
        self.folder = state_folder(output)
        self.say = say
        self.finished = False
        self.result: dict[str, Any] = {}
        self._resume = resume
        self._leads = leads()
        self._record: dict[str, Any] = {}

    @property
    def checkpoints(self) -> Path:
        """Where the trainer's checkpoints are."""
        return self.folder / "checkpoints"

    def claim(self, facts: Mapping[str, Any], reusable: Collection[str] = ()) -> None:
        """Goes on with the stopped run, or begins a new one.

        Args:
            facts: all that decides what comes out, as JSON has it.
            reusable: names in the state's folder that a new run may find there.

        Raises:
            CheckpointError: the record of the run is damaged.
            InputError: the stopped run was another one, or there is one and nobody asked for it.
        """
        if self._leads:
            self._claim(json.loads(json.dumps(facts)), reusable)
        self.finished, self.result = told((self.finished, self.result))

    def _claim(self, facts: Mapping[str, Any], reusable: Collection[str]) -> None:
        before = self._read()
        status = before.get("status", _BEGUN)
        if status == _FINISHED and not self.output.exists():
            status = _BEGUN
        if self._resume and status != _BEGUN:
            _check_unchanged(before["facts"], facts, f"The run in {self.folder}")
            self._record = before
            self.finished = status == _FINISHED
            self.result = before.get("result", {})
            return
        if status == _STOPPED:
            raise InputError(
                f"{self.folder} holds a stopped run. Resume it, or remove that folder to start "
                "anew."
            )
        if self._resume:
            self.say("There is no stopped run to go on from, so this one starts at the beginning.")
        for path in self.folder.iterdir():
            if path.name in reusable:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._record = {"facts": facts}
        self._write(_BEGUN)

    def keep(self) -> None:
        """Says that the state now holds what a later session can go on from."""
        if self._leads and self._record["status"] == _BEGUN:
            self._write(_STOPPED)

    def last_checkpoint(self) -> Path | None:
        """The trainer's last whole checkpoint; None where there is none."""
        found = last_whole_checkpoint(self.checkpoints, self.say) if self._leads else None
        checkpoint = told(found)
        if checkpoint is not None:
            self.say(f"Going on from {checkpoint}.")
        return checkpoint

    def finish(self, result: Mapping[str, Any]) -> None:
        """Says that the output is whole, and frees the space of the checkpoints."""
        wait()
        if not self._leads:
            return
        self._record["result"] = dict(result)
        self._write(_FINISHED)
        self.forget_checkpoints()

    def forget_checkpoints(self) -> None:
        """Leaves nothing that a trainer could go on from."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)

    @property
    def is_worth_keeping(self) -> bool:
        """Whether a later session could make use of the state."""
        return bool(self._read().get("status", _BEGUN) != _BEGUN)

    def _read(self) -> dict[str, Any]:
        file = self.folder / _RECORD
        if not file.exists():
            return {}
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            if record["status"] in (_BEGUN, _STOPPED, _FINISHED) and record["facts"].keys():
                return dict(record)
            problem: Exception | str = "unknown status"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = error
        raise CheckpointError(f"{file} is damaged ({problem}). Remove {self.folder} to start anew.")

    def _write(self, status: str) -> None:
        self._record["status"] = status
        with replacing_file(self.folder / _RECORD) as aside:
            aside.write_text(json.dumps(self._record, indent=2) + "\n", encoding="utf-8")


def state_folder(output: Path) -> Path:
    """Where the state of the run that makes ``output`` is kept."""
    return output.with_name(f"{output.name}.run")


@contextmanager
def open_session(
    output: Path,
    *,
    resume: bool,
    clean: bool,
    say: Callable[[str], None],
    shared: bool = False,
) -> Iterator[Session]:
    """Opens the one session that may work at an output.

    Of several processes, one leads: it alone writes the state and speaks.

    Args:
        output: file or folder that the run makes.
        resume: go on with the run that was stopped, if there is one.
        clean: remove the state once the output is whole.
        say: prints a line.
        shared: whether it may run in several processes, as torchrun starts them.

    Raises:
        InputError: another process works at the output, or this is one of several processes of
            a distributed training that can't be shared out; or memory is not enough.
        OSError: a disk is full or fails, whichever library met it.
    """
    if processes() > 1 and not shared:
        raise InputError(
            f"This runs in one process, and WORLD_SIZE says that there are {processes()}. "
            "Start it without torchrun or accelerate."
        )
    join()
    if not leads():
        yield Session(output, resume, lambda line: None)
        wait()
        return
    session = Session(output, resume, say)
    folder = session.folder
    with sole_writer(output):
        fresh = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield session
        except BaseException as error:
            if fresh and not session.is_worth_keeping:
                shutil.rmtree(folder)
            if isinstance(error, Exception):
                problem = disk_error(error, folder) or memory_error(error)
                if problem is not None:
                    raise problem from error
            raise
    wait()
    if clean:
        shutil.rmtree(folder)


def _check_unchanged(before: Mapping[str, Any], now: Mapping[str, Any], what: str) -> None:
    """Raises InputError, naming the differences, if what was stopped is not what is resumed."""
    changed = [key for key in now if now[key] != before.get(key)]
    if changed:
        raise InputError(
            f"{what} had other settings: "
            + "; ".join(f"{key} was {before.get(key)}, is {now[key]}" for key in changed)
            + ". Give the same ones, or name another output."
        )
