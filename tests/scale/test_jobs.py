"""Which files are answered, what they become, and what is left to do."""

import os
from pathlib import Path

import pytest

from squeezebert.errors import InputError
from squeezebert.scale import Job, claim_folder, jobs_of


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"text\n")


def targets(jobs: list[Job], out: Path) -> dict[str, str]:
    return {job.source.name: str(job.target.relative_to(out.resolve())) for job in jobs}


def test_a_file_becomes_one_of_its_kind_or_json_lines(tmp_path: Path) -> None:
    names = ("a.parquet", "b.csv", "c.tsv.gz", "d.txt", "e.json", "f.JSONL")
    touch(*(tmp_path / "data" / name for name in names))
    out = tmp_path / "out"
    assert targets(jobs_of(f"{tmp_path}/data/*", out), out) == {
        "a.parquet": "a.parquet",
        "b.csv": "b.csv",
        "c.tsv.gz": "c.csv",
        "d.txt": "d.jsonl",
        "e.json": "e.jsonl",
        "f.JSONL": "f.jsonl",
    }


def test_folders_below_the_first_wildcard_are_kept(tmp_path: Path) -> None:
    touch(tmp_path / "data/2025/x.csv", tmp_path / "data/2026/x.csv", tmp_path / "data/.x.csv")
    out = tmp_path / "out"
    found = [str(job.target.relative_to(out)) for job in jobs_of(f"{tmp_path}/data/**/*.csv", out)]
    assert sorted(found) == ["2025/x.csv", "2026/x.csv"]


def test_a_name_may_hold_what_a_pattern_would(tmp_path: Path) -> None:
    touch(tmp_path / "a[1].csv")
    [job] = jobs_of(str(tmp_path / "a[1].csv"), tmp_path / "out")
    assert job.source.name == "a[1].csv"


def test_the_largest_file_is_first(tmp_path: Path) -> None:
    for name, size in (("a", 1), ("b", 30), ("c", 20)):
        (tmp_path / f"{name}.txt").write_text("x" * size)
    names = [job.source.name for job in jobs_of(f"{tmp_path}/*.txt", tmp_path / "out")]
    assert names == ["b.txt", "c.txt", "a.txt"]


@pytest.mark.parametrize(
    ("files", "pattern", "message"),
    [
        ([], "*.csv", "No file matches"),
        (["a.xlsx"], "*", "unknown kind of data file"),
        (["a.csv", "a.tsv"], "a.*", "would both become"),
        (["out/a.csv"], "**/*.csv", "lies in the output folder"),
    ],
)
def test_files_that_cannot_be_answered_are_refused(
    tmp_path: Path, files: list[str], pattern: str, message: str
) -> None:
    touch(*(tmp_path / file for file in files))
    with pytest.raises(InputError, match=message):
        jobs_of(f"{tmp_path}/{pattern}", tmp_path / "out")


def test_a_file_is_finished_until_its_source_changes(tmp_path: Path) -> None:
    job = Job(tmp_path / "a.csv", tmp_path / "out" / "a.csv")
    touch(job.source)
    assert not job.finished
    touch(job.target)
    assert job.finished
    later = job.target.stat().st_mtime + 10
    os.utime(job.source, (later, later))
    assert not job.finished


def test_a_folder_is_that_of_one_question(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    claim_folder(folder, {"model": "one", "top": 3})
    claim_folder(folder, {"model": "one", "top": 3})
    with pytest.raises(InputError, match="a run with another model and top"):
        claim_folder(folder, {"model": "two"})


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    touch(tmp_path / "letters.txt")
    with pytest.raises(InputError, match="no empty folder"):
        claim_folder(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]
