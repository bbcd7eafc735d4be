"""What is learnt from: labelled rows, and what their labels mean."""

import re
import reprlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from numbers import Number
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from squeezebert.bundle import OUT_OF_SCOPE, Task, TaskSpec
from squeezebert.bundle.heads import ProblemType
from squeezebert.data.labels import (
    SEPARATOR,
    LabelSpace,
    are_ids,
    as_numbers,
    infer_labels,
    labels_in,
)
from squeezebert.data.rows import Row, Rows
from squeezebert.data.tasks.classification import LabelledText, LabelSummary, Table
from squeezebert.errors import DataError
from squeezebert.evaluation.baselines.linear import Loss
from squeezebert.learn.search import NO_CLASS
from squeezebert.tokenizer import Item

Label: TypeAlias = str | float | Sequence[str]
"""One label, a value, or all labels of a text."""

_ENOUGH = 8  # rows of a label
_NEAR, _LONG = 0.85, 6  # how alike labels are that one slip sets apart, and letters of such ones
_ROWS = 'rows such as ("a text", "its label") or (("a text", "another"), "their label")'

_LOSSES: dict[ProblemType, Loss] = {
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
    "regression": "squares",
}


@dataclass(frozen=True, slots=True)
class Examples:
    """Labelled rows that were read once.

    Attributes:
        table: the rows.
        space: what their labels mean.
        counts: how many rows have each label; of values, None.
        rows: how many there are, those out of scope included.
        outside: how many of them are out of scope.
        mean, deviation: of values, else 0 and 1.
        oddities: what to tell of the rows.
    """

    table: Table
    space: LabelSpace
    counts: dict[str, int]
    rows: int
    outside: int
    mean: float = 0.0
    deviation: float = 1.0
    oddities: tuple[str, ...] = ()

    @property
    def loss(self) -> Loss:
        """What is minimised."""
        return _LOSSES[self.space.problem_type]

    def spec(self, max_length: int) -> TaskSpec:
        """What a model of these labels is for."""
        return TaskSpec(
            task=Task.CLASSIFICATION,
            labels=self.space.names,
            problem_type=self.space.problem_type,
            max_length=max_length,
            inputs="text" if self.table.pair is None else "pair",
        )

    def targets(self, labels: Sequence[str]) -> npt.NDArray[Any]:
        """Classes ``[rows]``, labels given ``[rows, labels]``, or scaled values ``[rows, 1]``."""
        if self.space.is_regression:
            values = np.array([float(label) for label in labels], np.float32)
            return ((values - self.mean) / self.deviation)[:, None]
        position = {value: index for index, value in enumerate(self.space.values)}
        if self.space.is_multi_label:
            given = np.zeros((len(labels), len(position)), np.bool_)
            for row, label in enumerate(labels):
                given[row, [position[one] for one in labels_in(label)]] = True
            return given
        return np.array([position.get(label, NO_CLASS) for label in labels], np.int64)


def examples_of(rows: Table | Iterable[tuple[Item, Label]]) -> Examples:
    """Reads labelled rows once.

    Args:
        rows: a table, or pairs of an item and its label; more labels than one are a list.

    Raises:
        DataError: a row can't be used, or a label has too few rows to learn from.
    """
    table = rows if isinstance(rows, Table) else _table(_listed(rows))
    summary = table.check()
    inside = {label: count for label, count in summary.labels.items() if label != OUT_OF_SCOPE}
    outside = summary.labels[OUT_OF_SCOPE]
    _require_texts(table, summary)
    space = infer_labels(
        inside, table.name, places=summary.places, problem_type=summary.problem_type
    )
    table = table.of_type(space.problem_type)
    if space.is_regression:
        values = np.array(as_numbers(inside, table.name, summary.places))
        weights = np.array(list(inside.values()))
        mean = float(np.average(values, weights=weights))
        deviation = float(np.average((values - mean) ** 2, weights=weights) ** 0.5)
        return Examples(
            table, space, {}, summary.examples, 0, mean, deviation, oddities=summary.repeats
        )
    counts = dict.fromkeys(space.values, 0)
    for label, count in inside.items():
        for one in labels_in(label) if space.is_multi_label else (label,):
            counts[one] += count
    few = [label for label, count in counts.items() if count < 2]
    if few:
        others = [label for label, count in counts.items() if count >= _ENOUGH]
        shown = ", ".join(_single(label, summary.places, others) for label in few[:5])
        raise DataError(
            f"{table.name}: there is one example of {shown}"
            f"{f' and {len(few) - 5} other labels' if len(few) > 5 else ''}; each label needs at "
            "least two, better eight. Correct or add rows, or leave these out."
            + next(filter(None, (_several(label, counts) for label in few)), "")
        )
    oddities = (*_alike(counts), *_misspelt(counts), *summary.repeats)
    return Examples(table, space, counts, summary.examples, outside, oddities=oddities)


def _require_texts(table: Table, summary: LabelSummary) -> None:
    """Raises DataError if the texts look like labels, and the labels like texts."""
    labels = summary.in_scope.labels
    if not are_ids(labels) or 2 * summary.different > summary.examples:
        return
    raise DataError(
        f"{table.name}: each row has a label of its own, such as "
        f"{reprlib.repr(next(iter(labels)))}, and there are {summary.different:,} different texts "
        f"in {summary.examples:,} rows. Are {table.text!r} and {table.label!r} swapped?"
    )


def _single(label: str, places: Mapping[str, str], others: Sequence[str]) -> str:
    """A label of one row, where it is, and which other one it may be a slip of."""
    place = places.get(label)
    near = get_close_matches(label, others, n=1, cutoff=_NEAR)
    told = [*([place] if place else []), *(f"did you mean {other!r}?" for other in near)]
    return f"{label!r} ({'; '.join(told)})" if told else repr(label)


def _several(label: str, counts: Mapping[str, int]) -> str:
    """What to tell of a label that others are parts of."""
    parts = [part.strip() for part in re.split("[,;]", label)]
    if len(parts) == 1 or not counts.keys() & set(parts):
        return ""
    return f" If a text may have several labels, write {SEPARATOR.join(parts)!r}."


def _misspelt(counts: Mapping[str, int]) -> Iterator[str]:
    """What to tell of rare labels that are spelt nearly as a frequent one."""
    frequent = [label for label, count in counts.items() if count >= _ENOUGH]
    for label, count in counts.items():
        if count >= _ENOUGH or len(label) < _LONG or not label.isalpha():
            continue
        for other in get_close_matches(label, frequent, n=1, cutoff=_NEAR):
            opposites = label.endswith(other) or other.endswith(label)  # "relevant", "irrelevant"
            if label.casefold() != other.casefold() and not opposites:
                yield (
                    f"The label {label!r} has {count} rows, and {other!r} has {counts[other]}. If "
                    "one is a slip of the other, write them alike."
                )


def _alike(labels: Iterable[str]) -> Iterator[str]:
    """What to tell of labels that are likely to mean the same."""
    spelt: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        spelt[" ".join(label.casefold().split())].append(label)
    for group in spelt.values():
        if len(group) > 1:
            yield (
                f"The labels {' and '.join(map(repr, group))} are the same but for case or spaces, "
                "and are learnt as different ones. If they mean the same, write them alike."
            )


def _listed(rows: Iterable[tuple[Item, Label]]) -> list[tuple[Item, Label]]:
    """Rows that are in memory.

    Raises:
        DataError: one is not an item and its label.
    """
    if hasattr(rows, "columns"):
        raise DataError(
            f"The examples are a {type(rows).__name__}; pass {_ROWS}: "
            'zip(table["text"], table["label"])'
        )
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise DataError(
            f"The examples are of type {type(rows).__name__}; pass {_ROWS}. Files are read at the "
            "shell: squeezebert learn FILE -o BUNDLE"
        )
    found = list(rows)
    for number, row in enumerate(found, 1):
        if not (isinstance(row, tuple | list) and len(row) == 2 and _is_item(row[0])):
            raise DataError(f"The examples, row {number}: {reprlib.repr(row)}; pass {_ROWS}.")
        if not isinstance(row[1], str | Number | Iterable):
            raise DataError(
                f"The examples, row {number}: the label is {row[1]!r}; give a text, a number, or "
                "a list of texts."
            )
    return found


def _is_item(item: object) -> bool:
    if isinstance(item, str):
        return True
    return (
        isinstance(item, tuple | list)
        and len(item) == 2
        and all(isinstance(text, str) for text in item)
    )


def _table(rows: Sequence[tuple[Item, Label]]) -> Table:
    """The table of rows that are in memory."""
    pairs = bool(rows) and not isinstance(rows[0][0], str)

    def read() -> Iterator[tuple[int, Row]]:
        for number, (item, label) in enumerate(rows, 1):
            if isinstance(item, str) == pairs:
                raise DataError(f"The examples, row {number}: some are pairs, and some are not.")
            text, pair = (item, None) if isinstance(item, str) else item
            plain: Any = label.item() if isinstance(label, np.generic) else label
            shown = plain if isinstance(plain, str | Number) else list(plain)
            yield number, {"text": text, "pair": pair, "label": shown}

    columns = ("text", "pair", "label") if pairs else ("text", "label")
    return Table(
        Rows("the examples", columns, "row", read), "text", "pair" if pairs else None, ("label",)
    )


def table_of(rows: Sequence[LabelledText], like: Table) -> Table:
    """The table of some rows of another."""

    def read() -> Iterator[tuple[int, Row]]:
        for number, text, pair, label in rows:
            yield number, {"text": text, "pair": pair, "label": label}

    return replace(
        like,
        rows=Rows(like.name, ("text", "pair", "label"), like.rows.unit, read),
        text="text",
        pair=None if like.pair is None else "pair",
        labels=("label",),
        in_scope=False,
    )
