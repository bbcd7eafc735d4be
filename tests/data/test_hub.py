"""Datasets by name, through folders that `datasets` reads as it reads the hub."""

import logging
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import datasets
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from squeezebert.data.hub import split_names
from squeezebert.data.tasks.classification import read_classification
from squeezebert.errors import DataError, MissingExtraError


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder with a train and a validation split, whose label is a ClassLabel."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "films"
    folder.mkdir()
    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    )
    for split, rows in (
        ("train", {"sentence": ["good", "bad", "?"], "label": [1, 0, -1]}),
        ("validation", {"sentence": ["fine"], "label": [1]}),
    ):
        table = arrow.table(rows, schema=features.arrow_schema)
        parquet.write_table(table, folder / f"{split}-00000-of-00001.parquet")
    return str(folder)


def test_splits_and_class_names(dataset: str) -> None:
    assert split_names(dataset) == ["train", "validation"]
    train = read_classification(dataset)
    assert [(e.number, e.text, e.label) for e in train] == [
        (1, "good", "pos"),
        (2, "bad", "neg"),
        (3, "?", ""),
    ]
    with pytest.raises(DataError, match=r"1 with an empty 'label' \(row 3\)"):
        train.check()
    validation = read_classification(dataset, split="validation")
    assert [example.label for example in validation] == ["pos"]


def test_a_missing_split(dataset: str) -> None:
    with pytest.raises(DataError, match="test"):
        read_classification(dataset, split="test")


def test_a_folder_that_is_no_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: str
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(DataError, match=r"^\. is a folder, .* Name a csv, tsv, jsonl or parquet"):
        read_classification(".")
    Path("rows.csv").write_text("text,label\n")
    with pytest.raises(DataError, match=r"^\. is a folder, .* Name a file, such as rows\.csv\.$"):
        read_classification(".", split="test")
    monkeypatch.chdir(dataset)
    assert len(list(read_classification("."))) == 3


def test_an_unreachable_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="Check the name and the connection") as caught:
        read_classification("someone/films")
    assert "'someone/films' is no data file" in str(caught.value)


class NoSuchDataset(BaseHTTPRequestHandler):
    """A hub that has nothing."""

    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def empty_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with HTTPServer(("127.0.0.1", 0), NoSuchDataset) as server:
        monkeypatch.setattr(
            datasets.config, "HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}"
        )
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield
        server.shutdown()
        serving.join()


@pytest.mark.usefixtures("empty_hub")
def test_a_mistyped_name_is_told_at_once_with_the_file_that_may_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tickets.csv").write_text("text,label\n")
    with pytest.raises(DataError, match=r"the hub has no dataset .* Did you mean tickets\.csv\?"):
        read_classification("tickts")
    with pytest.raises(DataError, match=r"of that name\. Check the name"):
        split_names("someone/films")


def test_without_the_extra_a_mistyped_name_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match="Reading a hub dataset needs datasets"):
        read_classification("someone/films")
    (tmp_path / "tickets.csv.gz").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"^tickt: no such file\. Did you mean tickets\.csv\.gz\?$"):
        read_classification("tickt")


def test_a_hub_that_is_not_there_is_asked_once_and_quietly(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    start = time.monotonic()
    with pytest.raises(DataError, match=r"the hub can't be asked \(.*\)\. Check the name and"):
        read_classification("someone/films")
    assert time.monotonic() - start < 10  # `datasets` alone tries for 23 s
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not datasets.config.HF_HUB_OFFLINE
