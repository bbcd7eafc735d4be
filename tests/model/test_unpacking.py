"""A compact checkpoint that two processes unpack at once."""

from pathlib import Path

import pytest

from squeezebert.model import compact
from squeezebert.model.compact import find_checkpoint, unpack, write_compact


def test_who_comes_second_uses_what_the_first_unpacked(
    tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    name = str(tmp_path / "compact")
    write_compact(encoder, tmp_path / "compact")
    first: list[Path] = []

    def overtaken(source: Path, folder: Path) -> None:
        monkeypatch.setattr(compact, "unpack", unpack)
        first.append(Path(find_checkpoint(name)))
        (first[0] / "read by the first").touch()
        unpack(source, folder)

    monkeypatch.setattr(compact, "unpack", overtaken)
    assert find_checkpoint(name) == str(first[0])
    assert (first[0] / "read by the first").exists()
    assert list(first[0].parent.iterdir()) == first
