"""What a column of labels means: classes with names, or numbers to predict."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from squeezebert.bundle.heads import ProblemType
from squeezebert.data.repeats import Places
from squeezebert.errors import DataError, InputError

_NOWHERE: Mapping[str, str] = {}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_INTEGER = re.compile(r"[+-]?\d+")
_WHOLE = re.compile(r"[+-]?\d+\.0*")
_CLASSES, _ROWS_OF_A_CLASS = 10, 8  # more of them, with fewer rows each, are no classes
_NAMES_SHOWN = 20
_WITH_COMMA = re.compile(r"[+-]?\d+,\d+")
_BOOLEANS = {"True", "TRUE", "False", "FALSE"}
_MISSING = {"NaN", "nan", "<NA>", "NaT"}
MISSING_AMONG_NUMBERS = {"NA", "N/A", "n/a", "na", "None", "none", "NULL", "null", "-", "?", "#N/A"}
"""What stands for a missing value where all others are numbers; else it may be a class's name."""


SEPARATOR = "|"
"""Between the labels of a text that may have several."""


@dataclass(frozen=True)
class LabelSpace:
    """The labels of a task.

    Attributes:
        problem_type: "single_label_classification", "multi_label_classification" or "regression",
            as in transformers.
        names: the class names in the order of the logits; one name for regression.
        values: what the training file holds for each class; empty for regression.
    """

    problem_type: ProblemType
    names: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def is_regression(self) -> bool:
        return self.problem_type == "regression"

    @property
    def is_multi_label(self) -> bool:
        """Whether a text may have several labels, or none."""
        return self.problem_type == "multi_label_classification"


def canonical_label(label: str, *, decimal_comma: bool = False) -> str:
    """One spelling for what is the same in different files.

    A whole number with a fraction of zeros is written without it, as "1" for "1.0"; "True" is
    "true", as in JSON; what pandas writes for a missing value is empty.

    Args:
        label: of a cell; with a "|", each of its labels is spelt so.
        decimal_comma: a comma between digits is a decimal point.
    """
    if SEPARATOR in label:
        return SEPARATOR.join(
            canonical_label(part.strip(), decimal_comma=decimal_comma)
            for part in label.split(SEPARATOR)
        )
    if label in _MISSING:
        return ""
    if label in _BOOLEANS:
        return label.lower()
    if decimal_comma and _WITH_COMMA.fullmatch(label):
        label = label.replace(",", ".")
    return label.partition(".")[0] if _WHOLE.fullmatch(label) else label


def labels_in(cell: str) -> tuple[str, ...]:
    """The different labels in a cell such as "news|sport", in order; none in an empty one."""
    return tuple(dict.fromkeys(label for label in map(str.strip, cell.split(SEPARATOR)) if label))


def places_of_labels(places: Mapping[str, str]) -> dict[str, str]:
    """Where each of several labels occurs first, from where each cell does."""
    found: dict[str, str] = {}
    for cell, place in places.items():
        for label in labels_in(cell):
            found.setdefault(label, place)
    return found


def infer_labels(
    values: Iterable[str],
    source: str,
    names: Sequence[str] | None = None,
    places: Mapping[str, str] = _NOWHERE,
    problem_type: ProblemType | None = None,
) -> LabelSpace:
    """Decides what the labels of training data are.

    With a "|" in at least one cell, texts have several labels each. Numbers of which at least one
    has a fraction are regression. Everything else is classes. Labels are in numerical order if all
    are numbers, else in alphabetical order.

    Args:
        values: the distinct cells, or how many rows have each: then ids are refused.
        source: where they are from, for messages.
        names: class names to use in place of the values, in the same order.
        places: where in the source each label occurs first, for messages.
        problem_type: what they are, in place of that decision.

    Raises:
        DataError: there is one class only, no label at all, or a value that is no number; or each
            row has another label.
        InputError: ``names`` does not fit the classes.
    """
    distinct = set(values)
    problem_type = problem_type or infer_problem_type(distinct)
    if problem_type == "multi_label_classification":
        return _several(distinct, source, names)
    if problem_type == "regression":
        strange = {value for value in distinct if not _NUMBER.fullmatch(value)}
        if strange:
            ordered = [value for value in places if value in strange] or sorted(strange)
            more = f", nor are {len(strange) - 1:,} others" if len(strange) > 1 else ""
            remedy = "Correct what is wrong, or learn them as classes."
            if _WITH_COMMA.fullmatch(ordered[0]):
                remedy = f"Write it with a point: {ordered[0].replace(',', '.')}"
            raise DataError(
                f"{source}: the labels are numbers to be predicted, but "
                f"{_with_place(ordered[0], places)} is not one{more}. {remedy}"
            )
        if len(distinct) < 2:
            raise DataError(f"{source}: every value is {next(iter(distinct), '')}.")
        if names:
            raise InputError("Class names are given, and these labels are numbers to be predicted.")
        return LabelSpace("regression", ("value",), ())
    if isinstance(values, Mapping) and are_ids(values):
        raise DataError(
            f"{source}: each row has a label of its own, such as {next(iter(values))!r}, as ids "
            "are. Name the column with the labels."
        ).giving(label_column="NAME")
    if len(distinct) < 2:
        raise DataError(
            f"{source}: every label is {next(iter(distinct), '')!r}; "
            "at least two classes are needed to learn from."
        )
    return _classes("single_label_classification", distinct, names)


def are_values(labels: Mapping[str, int]) -> bool:
    """Whether whole numbers are too many to be classes: over ten, with under eight rows each.

    Those that count the rows are neither: they are ids.

    Args:
        labels: how many rows have each.
    """
    if len(labels) <= _CLASSES or sum(labels.values()) >= _ROWS_OF_A_CLASS * len(labels):
        return False
    return all(map(is_whole_number, labels)) and not are_ids(labels)


def are_ids(labels: Mapping[str, int]) -> bool:
    """Whether labels are no labels: each row has another, and if they are numbers, without gaps.

    Args:
        labels: how many rows have each.
    """
    if len(labels) <= _CLASSES or sum(labels.values()) > len(labels):
        return False
    if not all(map(is_number, labels)):
        return True
    numbers = sorted(map(float, labels))
    return numbers[-1] - numbers[0] == len(numbers) - 1 and numbers[0].is_integer()


def is_number(label: str) -> bool:
    """Whether a label is written as a number."""
    return _NUMBER.fullmatch(label) is not None


def is_whole_number(label: str) -> bool:
    """Whether it is written as one without a fraction."""
    return _INTEGER.fullmatch(label) is not None


def infer_problem_type(values: Iterable[str]) -> ProblemType:
    """What labels are by their looks, in transformers' words; see `infer_labels`."""
    distinct = set(values)
    if any(SEPARATOR in value for value in distinct):
        return "multi_label_classification"
    numbers = (float(value) for value in distinct if _NUMBER.fullmatch(value))
    return (
        "single_label_classification"
        if all(number.is_integer() for number in numbers)
        else "regression"
    )


def _several(cells: set[str], source: str, names: Sequence[str] | None) -> LabelSpace:
    distinct = {label for cell in cells for label in labels_in(cell)}
    if not distinct:
        raise DataError(f"{source}: no row has a label, so there is nothing to learn.")
    return _classes("multi_label_classification", distinct, names)


def _classes(
    problem_type: ProblemType, distinct: set[str], names: Sequence[str] | None
) -> LabelSpace:
    numbers = all(_NUMBER.fullmatch(value) for value in distinct)
    ordered = tuple(sorted(distinct, key=float) if numbers else sorted(distinct))
    if names and (len(names) != len(ordered) or len(set(names)) != len(names)):
        raise InputError(
            f"{len(ordered)} different class names are needed, for the labels {', '.join(ordered)} "
            f"in this order; these are {', '.join(names)}."
        )
    return LabelSpace(problem_type, tuple(names or ordered), ordered)


@dataclass(frozen=True)
class Matching:
    """How labels in a file map to a model's classes; ``note`` says so if it wasn't by name."""

    index: Mapping[str, int]
    note: str | None


def match_labels(
    values: Iterable[str],
    names: Sequence[str],
    source: str,
    known: Sequence[str] = (),
    places: Mapping[str, str] = _NOWHERE,
) -> Matching:
    """Maps the labels of a file to a model's classes: by name, else ids 0, 1, ... by position.

    Ids are taken for such only where each of the model's classes has one.

    Args:
        values: the distinct labels in the file.
        names: the model's class names.
        source: the file, for messages.
        known: what the training file held for each class, tried before the names.
        places: where in the file each label occurs first, for messages.

    Raises:
        DataError: a label belongs to no class of the model.
    """
    distinct = set(values)
    for candidates in (known, names):
        index = {canonical_label(value): position for position, value in enumerate(candidates)}
        if distinct <= index.keys():
            return Matching(index, None)
    ids = {str(position): position for position in range(len(names))}
    if distinct == ids.keys():
        shown = ", ".join(f"{position} = {name}" for position, name in enumerate(names))
        return Matching(ids, f"{source} holds label ids, read by position: {shown}.")
    unknown = sorted(distinct - set(known or names))
    listed = Places(_with_place(label, places) for label in unknown)
    if any(SEPARATOR in label for label in unknown):
        more = f" Several labels of a text, apart by {SEPARATOR}, are for models trained on such."
    elif distinct < ids.keys():
        more = (
            f" They could be ids, but only {len(distinct)} of the {len(ids)} from 0 to "
            f"{len(ids) - 1} occur, so it is not clear which classes they are. Write the names."
        )
    else:
        more = ""
    raise DataError(
        f"{source}: unknown label{'s' if len(unknown) > 1 else ''} {listed}. "
        f"Those of the model are {_some(known or names)}.{more} Use data with the model's labels."
    )


def _some(names: Iterable[str]) -> str:
    """The names, but of many the first ones."""
    shown = [repr(name) for name in names]
    if len(shown) <= _NAMES_SHOWN:
        return ", ".join(shown)
    return f"{', '.join(shown[:_NAMES_SHOWN])} and {len(shown) - _NAMES_SHOWN} more"


def as_numbers(
    labels: Iterable[str], source: str, places: Mapping[str, str] = _NOWHERE
) -> list[float]:
    """Labels as numbers to predict.

    Args:
        source: where they are from, for messages.
        places: where in the source each label occurs first.

    Raises:
        DataError: one is not a finite number.
    """
    numbers = []
    for label in labels:
        try:
            number = float(label)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise DataError(
                f"{source}: the label {_with_place(label, places)} is not a finite number."
            )
        numbers.append(number)
    return numbers


def _with_place(label: str, places: Mapping[str, str]) -> str:
    return f"{label!r} ({places[label]})" if label in places else repr(label)
