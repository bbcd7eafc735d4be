"""New files and folders appear whole or not at all."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from squeezebert.errors import InputError
from squeezebert.files import replacing_file, replacing_folder, sole_writer


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_file_is_replaced_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.txt"
    for text in ("old", "new"):
        with replacing_file(path) as aside:
            aside.write_text(text)
            assert not path.exists() or path.read_text() == "old"
        assert path.read_text() == text
    assert names(path.parent) == ["out.txt"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="No space"), replacing_file(path) as aside:
        aside.write_text("ne")
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out.txt"]


def gone_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


@pytest.mark.parametrize("write", [replacing_file, lambda path: replacing_folder(path, "mark")])
def test_what_killed_processes_left_aside_is_removed_and_nothing_else(
    write: Callable[[Path], AbstractContextManager[Path]], tmp_path: Path
) -> None:
    gone, running = gone_process(), os.getppid()
    left, left_folder = tmp_path / f".out.{gone}-a.tmp", tmp_path / f".out.{gone}-b.tmp"
    others = [
        f".out.{running}-c.tmp",
        f".out.{gone}-d.tmp",
        f".other.{gone}-e.tmp",
        ".out.mine.tmp",
    ]
    left_folder.mkdir()
    for file in (left, left_folder / "half", *(tmp_path / name for name in others)):
        file.touch()
        if f"{gone}-d" not in file.name:  # that one may be written to on another machine
            os.utime(file, (0, 0))
    os.utime(left_folder, (0, 0))
    with write(tmp_path / "out") as aside:
        assert names(tmp_path) == sorted([aside.name, *others])


def test_a_folder_is_replaced_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    for text in ("old", "new"):
        with replacing_folder(path, marker="mark") as aside:
            (aside / "mark").write_text(text)
            (aside / text).touch()
        assert names(path) == sorted(["mark", text])
    assert names(tmp_path) == ["out"]


def test_a_failed_folder_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.mkdir()
    (path / "mark").write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing_folder(path, marker="mark") as aside:
        (aside / "mark").write_text("new")
        raise KeyboardInterrupt
    assert (path / "mark").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_an_empty_folder_is_filled_and_a_foreign_one_refused(tmp_path: Path) -> None:
    empty, foreign, file = tmp_path / "empty", tmp_path / "foreign", tmp_path / "file"
    empty.mkdir()
    foreign.mkdir()
    (foreign / "letter.txt").touch()
    file.touch()
    with replacing_folder(empty, marker="mark") as aside:
        (aside / "mark").touch()
    assert names(empty) == ["mark"]
    for path in (foreign, file):
        with pytest.raises(InputError, match="will not be replaced"):
            replacing_folder(path, marker="mark").__enter__()
    assert names(tmp_path) == ["empty", "file", "foreign"]


def test_what_is_no_place_for_a_file_or_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"is a folder\. Name a file"):
        replacing_file(tmp_path).__enter__()
    (tmp_path / "file").touch()
    for inside in ("file/out", "file/folder/out"):
        with pytest.raises(InputError, match=r"can't be made: .*file is a file"):
            replacing_file(tmp_path / inside).__enter__()
        with pytest.raises(InputError, match=r"can't be made: .*file is a file"):
            replacing_folder(tmp_path / inside, marker="mark").__enter__()
    with pytest.raises(InputError, match=r"out can't be made in /proc: .*Name another output"):
        replacing_folder(Path("/proc/out"), marker="mark").__enter__()
    (tmp_path / "file").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is the folder that you are in"):
        replacing_folder(Path(), marker="mark").__enter__()
    with replacing_folder(Path("sub/../out"), marker="mark") as aside:
        (aside / "mark").touch()
    assert names(tmp_path / "out") == ["mark"]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    umask = os.umask(0o027)
    try:
        with replacing_file(tmp_path / "file") as aside:
            aside.touch()
        with replacing_folder(tmp_path / "folder", marker="mark") as aside:
            (aside / "mark").touch()
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


def test_a_killed_process_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    script = f"""
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from squeezebert.files import replacing_file
with replacing_file(Path({str(path)!r})) as aside:
    aside.write_text("ne")
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert path.read_text() == "old"


def test_one_process_at_a_time_writes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out"
    with sole_writer(path), sole_writer(path.with_name("other")):
        with pytest.raises(InputError, match=r"Another process works at .*/new/out right now"):
            sole_writer(tmp_path / "." / "new" / "out").__enter__()
        assert not path.parent.exists()
    with sole_writer(path):
        pass
    assert names(tmp_path) == []


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out"
    script = f"""
import os
from pathlib import Path
from squeezebert.files import sole_writer
with sole_writer(Path({str(path)!r})):
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with sole_writer(path):
        pass
    assert names(tmp_path) == []


def test_where_nothing_can_be_locked_the_later_process_wins(tmp_path: Path) -> None:
    (tmp_path / ".out.lock").mkdir()
    with sole_writer(tmp_path / "out"), sole_writer(tmp_path / "out"):
        pass
    assert names(tmp_path) == [".out.lock"]
