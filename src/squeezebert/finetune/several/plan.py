"""Which tasks are learnt at once, from what, and how often: a TOML file with a table for each."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from squeezebert.bundle import Task
from squeezebert.bundle.heads import ProblemType
from squeezebert.data.columns import Columns
from squeezebert.data.tasks import READERS, Examples
from squeezebert.data.tasks.classification import Table
from squeezebert.data.unlabelled import read_unlabelled
from squeezebert.errors import InputError
from squeezebert.finetune.answers import Source
from squeezebert.tokenizer import Item

_PROBLEM_TYPES: Mapping[str, ProblemType] = {
    "single-label": "single_label_classification",
    "multi-label": "multi_label_classification",
    "regression": "regression",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_TEXTS = (
    "train", "task", "dev", "text-column", "pair-column", "label-column", "problem-type", "teacher",
    "answers", "unlabelled",
)  # fmt: skip
_SOURCES = ("train", "dev", "teacher", "unlabelled")
_KINDS: Mapping[str, tuple[Any, str]] = {
    **dict.fromkeys(_TEXTS, (str, "a text")),
    "label-names": (list, "a list of texts"),
    "balance-classes": (bool, "true or false"),
    "max-length": (int, "a whole number"),
    "weight": ((int, float), "a number"),
}


@dataclass(frozen=True)
class PlannedTask:
    """One of several tasks to learn.

    Attributes:
        name: of its folder in the result, and of its head in a bundle.
        task: what its examples are for.
        train: examples to learn from.
        dev: examples to measure on; None holds a tenth of ``train`` out.
        source: of a teacher's answers, if there are some.
        unlabelled: texts or pairs to learn by what the teacher says of them.
        label_names: class names in place of the values in the data.
        weight: times the passes over the examples that the task would have alone.
        max_length: tokens an example is cut to; None for the settings' or what is chosen.
        balance_classes: gives each class the same weight in the loss.
        notes: what to tell the user about how the texts without labels were read.

    Raises:
        InputError: a value makes no sense.
    """

    name: str
    task: str
    train: Examples
    dev: Examples | None = None
    source: Source = field(default_factory=Source)
    unlabelled: Sequence[Item] = ()
    label_names: list[str] | None = None
    weight: float = 1.0
    max_length: int | None = None
    balance_classes: bool = False
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Raises InputError if a value makes no sense."""
        if not _NAME.fullmatch(self.name):
            raise InputError(
                f"The task {self.name!r} needs a name of letters, digits, - and _, for its folder."
            )
        if not 0 < self.weight < float("inf"):
            raise InputError(f"{self.name}: weight must be more than 0, and it is {self.weight}.")


def read_plan(file: Path) -> list[PlannedTask]:
    """Reads a plan and opens its data.

    Paths are taken from the plan's folder; what is not there may be a name as `finetune` takes it.

    Raises:
        DataError: data can't be used.
        InputError: the plan can't be read, or holds what is not known.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is no TOML: {error}.") from error
    if len(tables) < 2 or not all(isinstance(table, dict) for table in tables.values()):
        raise InputError(
            f"{file} must have a table for each of two tasks or more, such as [sentiment], with "
            'train = "reviews.csv" in it.'
        )
    return [_planned(file, name, table) for name, table in tables.items()]


def _planned(file: Path, name: str, table: Mapping[str, Any]) -> PlannedTask:
    where = f"{file}, [{name}]"
    _check(table, where)
    task = table.get("task", Task.CLASSIFICATION)
    if task not in READERS:
        raise InputError(f"{where}: task is {task!r}, none of {', '.join(READERS)}.")
    given = {key: _located(file, value) for key, value in table.items() if key in _SOURCES}
    columns = Columns(*(table.get(f"{kind}-column") for kind in ("text", "pair", "label")))
    train = READERS[task](given["train"], "train", columns)
    if (problem := table.get("problem-type")) is not None:
        if problem not in _PROBLEM_TYPES or not isinstance(train, Table):
            raise InputError(
                f"{where}: problem-type is one of {', '.join(_PROBLEM_TYPES)}, and for "
                f"classification; it is {problem!r}."
            )
        train = train.of_type(_PROBLEM_TYPES[problem])
    dev = READERS[task](given["dev"], "validation", columns) if "dev" in given else None
    more, answers = None, table.get("answers")
    if "unlabelled" in given:
        more = read_unlabelled(given["unlabelled"], task, columns, like=train)
    return PlannedTask(
        name,
        task,
        train,
        dev,
        Source(given.get("teacher"), file.parent / answers if answers else None),
        unlabelled=() if more is None else more.items,
        label_names=table.get("label-names"),
        weight=float(table.get("weight", 1)),
        max_length=table.get("max-length"),
        balance_classes=table.get("balance-classes", False),
        notes=() if more is None else more.notes,
    )


def _check(table: Mapping[str, Any], where: str) -> None:
    unknown = sorted(table.keys() - _KINDS.keys())
    if unknown:
        raise InputError(
            f"{where}: there is no setting {unknown[0]!r}. A task has {', '.join(_KINDS)}."
        )
    if "train" not in table:
        raise InputError(f'{where}: what is learnt from? Give train = "FILE".')
    for key, value in table.items():
        kind, shown = _KINDS[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InputError(f"{where}: {key} must be {shown}, and it is {value!r}.")
    names = table.get("label-names", [])
    if not all(isinstance(name, str) for name in names):
        raise InputError(f"{where}: label-names must be a list of texts, and it is {names!r}.")
    if table.get("max-length", 1) < 1:
        raise InputError(f"{where}: max-length must be 1 or more, and it is {table['max-length']}.")


def _located(file: Path, value: str) -> str:
    """A path beside the plan, if it is one."""
    beside = file.parent / value
    return str(beside) if beside.exists() else value
