"""Datasets by name, through folders that `datasets` reads as it reads the hub."""

from pathlib import Path

import datasets
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from squeezebert.data.hub import split_names
from squeezebert.data.tasks.classification import read_classification
from squeezebert.errors import DataError


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
