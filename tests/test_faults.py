"""What goes wrong for users, through the command line: one line that helps, and no half results."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from squeezebert.cli import main

Break = Callable[[Path], object]
Run = Callable[..., str]


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command that must exit with 2; returns the one line that it printed."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["squeezebert", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        assert stopped.value.code == 2, printed
        line = printed.err.splitlines()[-1]
        assert line.startswith("error: ")
        return line

    return run


def flip_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def encoder_of(bundle: Path) -> Path:
    return next(bundle.glob("encoder-*"))


def set_version(bundle: Path) -> None:
    manifest = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(manifest | {"format_version": 99}))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda bundle: flip_bit(encoder_of(bundle)), ["encoder-", "digest", "again"]),
        (lambda bundle: os.truncate(encoder_of(bundle), 100), ["encoder-", "100 bytes", "again"]),
        (lambda bundle: encoder_of(bundle).unlink(), ["encoder-", "missing", "again"]),
        (lambda bundle: (bundle / "bundle.json").write_text("{"), ["bundle.json", "JSON"]),
        (lambda bundle: (bundle / "bundle.json").unlink(), ["holds no bundle.json", "export"]),
        (set_version, ["version", "99", "Install"]),
    ],
    ids=["bit flipped", "cut short", "part missing", "manifest cut", "foreign folder", "too new"],
)
def test_a_damaged_bundle_is_named_with_what_to_do(
    damage: Break, words: list[str], tiny_bundle: Path, fails: Run
) -> None:
    damage(tiny_bundle)
    line = fails("predict", "--model", tiny_bundle, "a good film")
    for word in words:
        assert word in line


def test_an_unknown_model_is_named(fails: Run) -> None:
    assert "'sentimnt'" in fails("predict", "--model", "sentimnt", "a good film")


@pytest.mark.parametrize(
    ("name", "content", "options", "words"),
    [
        ("a.csv", b"text,label\ngood,1\n", ["--text-column", "body"], ["'body'", "'text'"]),
        ("a.csv", b"title,stuff\ngood,1\n", [], ["which column", "--text-column"]),
        ("a.csv", b"text\n" + bytes(range(0xE0, 0xE8)), [], ["UTF-8"]),
        ("a.txt", b"fine\n" + bytes(range(0xE0, 0xE8)), [], ["UTF-8"]),
        ("a.jsonl", b'{"text": "good"}\n{"text": \n', [], ["line 2"]),
        ("a.jsonl", b'{"text": {"good": 1}}\n', [], ["line 1"]),
        ("a.xyz", b"good\n", [], ["a.xyz"]),
    ],
    ids=["no such column", "no text column", "csv not UTF-8", "txt not UTF-8", "not JSON",
         "not a text", "unknown kind of file"],
)  # fmt: skip
def test_a_bad_data_file_is_named_with_where_it_is_bad(
    name: str,
    content: bytes,
    options: list[str],
    words: list[str],
    tmp_path: Path,
    tiny_bundle: Path,
    fails: Run,
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    line = fails(
        "predict", "--model", tiny_bundle, "--file", file, "-o", tmp_path / "out.jsonl", *options
    )
    for word in [name, *words]:
        assert word in line
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text,label\na good film,positive\nbad,\n", ["empty 'label'", "line 3"]),
        ("text,label\na good film,happy\n", ["'happy'", "'negative', 'positive'"]),
        ('text,label\n"",positive\n', ["empty"]),
        ("text\na good film\n", ["which column is the label", "--label-column"]),
        ("text,label\n", ["no rows"]),
    ],
    ids=["empty label", "unknown label", "empty text", "no label column", "no rows"],
)
def test_bad_labels_are_named(
    content: str, words: list[str], tmp_path: Path, tiny_bundle: Path, fails: Run
) -> None:
    file = tmp_path / "dev.csv"
    file.write_text(content)
    line = fails("evaluate", "--model", tiny_bundle, "--data", file)
    for word in words:
        assert word in line


def test_a_part_of_a_file_without_parts_is_refused(
    tmp_path: Path, tiny_bundle: Path, fails: Run
) -> None:
    file = tmp_path / "dev.csv"
    file.write_text("text,label\na good film,positive\n")
    line = fails("evaluate", "--model", tiny_bundle, "--data", file, "--split", "test")
    assert "dev.csv has no parts" in line
    assert "leave out --split" in line


@pytest.mark.parametrize("earlier", [False, True], ids=["new", "replacing"])
def test_a_process_killed_while_writing_leaves_the_old_bundle_or_none(
    earlier: bool, tmp_path: Path, tiny_bundle: Path, fails: Run
) -> None:
    target = tiny_bundle if earlier else tmp_path / "new"
    before = {file.name: file.read_bytes() for file in target.glob("*")}
    source = tiny_bundle
    script = f"""
import os, signal
from dataclasses import asdict
from pathlib import Path
from squeezebert.bundle import read_bundle, write_bundle

bundle = read_bundle({str(source)!r})
fields = {{name: getattr(bundle.manifest, name) for name in ("architecture", "provenance")}}
write = Path.write_bytes
def write_and_die(path, data):
    write(path, data[: len(data) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
Path.write_bytes = write_and_die
write_bundle({str(target)!r}, heads=bundle.manifest.heads, **fields,
             evaluation=[{{"data": "other"}}],
             tensors=bundle.tensors, tokenizer_json=bundle.tokenizer_json)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert {file.name: file.read_bytes() for file in target.glob("*")} == before
    if not earlier:
        assert "no model" in fails("predict", "--model", target, "a good film")


def test_a_full_disk_leaves_no_half_output(tmp_path: Path, tiny_bundle: Path) -> None:
    texts = tmp_path / "in.txt"
    texts.write_text("a good film\n" * 2000)
    script = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # writing beyond it fails
sys.argv = ["squeezebert", "predict", "--model", {str(tiny_bundle)!r}, "--file", {str(texts)!r},
            "-o", {str(tmp_path / "out.jsonl")!r}]
from squeezebert.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "tiny"]
