"""Rows of a hub dataset, or of a local folder in a layout that ``datasets`` understands."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from squeezebert.data.formats import KINDS, file_of, named_classes, near_files
from squeezebert.data.formats.unpacking import PACKINGS
from squeezebert.data.rows import Row, Rows
from squeezebert.errors import DataError, MissingExtraError

_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?(:.+)?")
_SPREADSHEETS = (".xlsx", ".xls", ".ods")
_SECONDS = 10.0  # to wait for the hub's answer whether it has a dataset
_REMEDY = "use a csv, tsv, jsonl or parquet file."


def open_dataset(name: str, split: str) -> Rows:
    """Opens one split of a dataset.

    Class labels and lists of them become their names; a missing label (-1, as in GLUE's test sets)
    becomes empty.

    Args:
        name: a hub name such as ``stanfordnlp/sst2``, with a configuration after a colon where
            the dataset has several (``nyu-mll/glue:mrpc``); or a folder of data files.
        split: "train", "validation" or "test".

    Raises:
        DataError: no such dataset, configuration or split, or the hub can't be reached.
        MissingExtraError: ``datasets`` is not installed.
    """
    with _loading(name) as datasets:
        data = datasets.load_dataset(*_address(name), split=split)
    classes = {
        column: kind.names
        for column, feature in data.features.items()
        if isinstance(kind := getattr(feature, "feature", feature), datasets.ClassLabel)
        and kind.names
    }

    def read() -> Iterator[tuple[int, Row]]:
        for number, row in enumerate(data, 1):
            yield number, named_classes(row, classes, f"{name}, row {number}")

    return Rows(f"{name} [{split}]", tuple(data.column_names), "row", read)


def split_names(name: str) -> list[str]:
    """The splits a dataset has; ``name`` and errors as in `open_dataset`."""
    with _loading(name) as datasets:
        return [str(split) for split in datasets.get_dataset_split_names(*_address(name))]


def _address(name: str) -> tuple[str, str | None]:
    if Path(name).is_dir():
        return str(Path(name).resolve()), None  # "." is no name to the library
    repository, _, configuration = name.partition(":")
    return repository, configuration or None


def _is_of_a_file(name: str) -> bool:
    """Whether a name can't be a dataset's, or is nearly that of a file in a folder here."""
    ending = Path(name.partition(":")[0]).suffix.lower()
    if not _HUB_NAME.fullmatch(name) or ending in (*KINDS, *PACKINGS, *_SPREADSHEETS):
        return True
    return "/" in name and near_files(Path(name)) != ""


@contextmanager
def _loading(name: str) -> Iterator[Any]:
    folder = Path(name).is_dir()
    if not folder and _is_of_a_file(name):
        raise DataError(f"{name}: no such file or folder.{near_files(Path(name))}")
    try:
        import datasets
    except ImportError as error:
        if folder:
            raise DataError(f"{name} is a folder. {file_of(Path(name))}") from error
        if near := near_files(Path(name)):
            raise DataError(f"{name}: no such file.{near}") from error
        raise MissingExtraError("Reading a hub dataset", "train", "datasets") from error
    unreached = None if folder else _ask_hub(datasets, name)
    offline = datasets.config.HF_HUB_OFFLINE
    try:
        # Without the hub what was loaded before is at hand, and it would be asked six times more.
        datasets.config.HF_HUB_OFFLINE = offline or unreached is not None
        yield datasets
    # `datasets` and the hub client raise many unrelated types here, most of them undocumented.
    except Exception as error:
        reason = _first_line(error)
        if folder:
            raise DataError(
                f"{name} is a folder, and can't be loaded as a dataset: {reason}. "
                f"{file_of(Path(name))}"
            ) from error
        if unreached is not None:
            reason = f"the hub can't be asked ({_first_line(unreached)})"
        raise DataError(
            f"{name!r} is no data file, and as a dataset it can't be loaded: {reason}."
            f"{near_files(Path(name))} Check the name and the connection, or {_REMEDY}"
        ) from error
    finally:
        datasets.config.HF_HUB_OFFLINE = offline


def _ask_hub(datasets: Any, name: str) -> Exception | None:
    """Why the hub can't be asked; None where it answers, and may have the dataset.

    Raises:
        DataError: it answers that it has none of this name.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    repository, _ = _address(name)
    try:
        HfApi(datasets.config.HF_ENDPOINT).dataset_info(repository, timeout=_SECONDS)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise DataError(
            f"{name!r} is no data file, and the hub has no dataset of that name."
            f"{near_files(Path(name))} Check the name, or {_REMEDY}"
        ) from error
    except HfHubHTTPError:  # what `datasets` says of it is better
        return None
    except Exception as error:  # the library of the hub changes its HTTP client with its versions
        return error
    return None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
