"""Rows read once and turned into features: those to learn from, and those held out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from squeezebert.bundle import OUT_OF_SCOPE, FeatureRecipe
from squeezebert.bundle.tensors import Floats
from squeezebert.data.split import drawn_apart
from squeezebert.data.tasks.classification import LabelledText
from squeezebert.data.twins import Places, among, first_twins
from squeezebert.errors import InputError
from squeezebert.evaluation.known import Sketch
from squeezebert.learn.examples import Examples
from squeezebert.learn.search import FOLDS, NO_CLASS
from squeezebert.learn.store import Portion, Store
from squeezebert.pipelines import Embedder
from squeezebert.pipelines.items import at_place
from squeezebert.pipelines.learnt.features import FeatureExtractor

Progress = Callable[[str, int, int], None]
"""Told what is being done, how far it is, and how far it goes."""

FEW = 1500
"""Rows up to which each is held out in its turn; of more, a part is held out once."""

_ROWS_AT_ONCE = 512
_HELD_OUT = 0.1
_MOST_HELD_OUT = 2000
_MANY_LABELS = 10
_BUCKETS = 1 << 16
_SMALL, _LARGE = 950_000, 4_750_000  # bytes of the table of n-grams up to ten labels, and beyond
_NAMED = 64  # rows of a label from which on its name can hardly tell anything new


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What there is to learn from.

    Attributes:
        examples: that were read.
        recipe: their features.
        taught: rows to learn from; of few rows all.
        kept: rows held out, those out of scope among them; of few rows none.
        kept_rows: the same as texts; of few rows, all rows.
        rarity: how much each bucket tells ``[buckets]``; 0 of those that don't occur.
        names: the names of the labels as one text each; None where they are no words, or texts are
            many.
        twins: of each row to learn from, the first of them that is the same but for case, spaces,
            punctuation and digits.
        alike: how many of all rows are so like an earlier one.
        are_apart: whether such rows are held out together; where there is hardly anything else,
            they can't be.
        cut: how many of all rows are longer than the encoder reads.
        sketch: by which they are recognised later.
    """

    examples: Examples
    recipe: FeatureRecipe
    taught: Store
    kept: Store
    kept_rows: list[LabelledText]
    rarity: Floats
    names: Portion | None
    twins: Places
    alike: int
    are_apart: bool
    cut: int
    sketch: Sketch

    @property
    def is_small(self) -> bool:
        """Whether each row is held out in its turn."""
        return not self.kept.rows


def read(
    examples: Examples, embed: Embedder, taught: Store, kept: Store, progress: Progress
) -> Material:
    """Reads all rows and computes their features.

    Args:
        examples: to read.
        embed: gives texts their vectors.
        taught: empty, for the rows to learn from.
        kept: empty, for rows held out.
        progress: told how far it is.

    Raises:
        InputError: a text can't be used; the message names its place.
    """
    outputs = len(examples.space.names)
    limit = _SMALL if outputs <= _MANY_LABELS else _LARGE
    recipe = FeatureRecipe(
        vectors=1.0,
        ngrams=1.0,
        buckets=min(_BUCKETS, limit // (outputs + 2)),  # each row of the table has a float16 scale
        pairs=examples.table.pair is not None,
    )
    extract = FeatureExtractor(embed, recipe)
    twins = first_twins(row.item for row in examples.table)
    held, are_apart = _places_held_out(examples, twins)
    kept_rows: list[LabelledText] = []
    occurs_in = np.zeros(recipe.buckets, np.int64)
    rows = iter(examples.table)
    place = cut = 0
    sketch = Sketch()
    while chunk := list(islice(rows, _ROWS_AT_ONCE)):
        portion, longer = _portion(examples, extract, chunk)
        cut += longer
        sketch.add(row.item for row in chunk)
        occurs_in += np.bincount(portion.ngrams.buckets, minlength=recipe.buckets)
        is_kept = np.array([place + row in held for row in range(len(chunk))])
        if is_kept.any():
            kept.add(portion.part(np.flatnonzero(is_kept)))
        if not is_kept.all():
            taught.add(portion.part(np.flatnonzero(~is_kept)))
        kept_rows += [row for row, wanted in zip(chunk, is_kept, strict=True) if wanted or not held]
        place += len(chunk)
        progress("reading", place, examples.rows)
    # The rarer an n-gram, the more it tells (Spärck Jones 1972, Journal of Documentation 28).
    rarity = np.where(occurs_in, 1 + np.log((1 + place) / (1 + occurs_in)), 0).astype(np.float32)
    places = np.setdiff1d(np.arange(place), np.fromiter(held, np.int64, len(held)))
    return Material(
        examples,
        recipe,
        taught,
        kept,
        kept_rows,
        rarity,
        _names(examples, extract, recipe),
        among(twins, places),
        int((twins != np.arange(place)).sum()),
        are_apart,
        cut,
        sketch,
    )


def _places_held_out(examples: Examples, twins: Places) -> tuple[set[int], bool]:
    """The places to hold out once, none of few rows; and whether twins are held out together."""
    if examples.rows <= FEW:
        return set(), len(np.unique(twins)) >= FOLDS
    fraction = min(_HELD_OUT, _MOST_HELD_OUT / examples.rows)
    if examples.space.is_regression:
        drawn, are_apart = drawn_apart(None, examples.rows, fraction, seed=0, twins=twins)
        return set(drawn), are_apart
    shared: dict[str, str] = {}  # one text for each label, however many rows have it
    labels = [shared.setdefault(row.label, row.label) for row in examples.table]
    outside = {place for place, label in enumerate(labels) if label == OUT_OF_SCOPE}
    drawn, are_apart = drawn_apart(labels, examples.rows, fraction, seed=0, twins=twins)
    return outside | set(drawn), are_apart


def _portion(
    examples: Examples, extract: FeatureExtractor, rows: Sequence[LabelledText]
) -> tuple[Portion, int]:
    """Rows with their features, and how many are longer than the encoder reads."""
    try:
        features = extract([row.item for row in rows])
    except InputError as error:
        table = examples.table
        raise at_place(
            error, [f"{table.name}, {table.place(row.number)}" for row in rows]
        ) from error
    targets = examples.targets([row.label for row in rows])
    counts = np.ones(len(rows), np.float32)
    if examples.loss == "softmax":
        counts[targets == NO_CLASS] = 0
    portion = Portion(features.dense, targets, counts, features.ngrams)
    return portion, int((features.tokens < features.total_tokens).sum())


def _names(examples: Examples, extract: FeatureExtractor, recipe: FeatureRecipe) -> Portion | None:
    space = examples.space
    if examples.loss != "softmax" or recipe.pairs or min(examples.counts.values()) > _NAMED:
        return None
    if not all(any(map(str.isalpha, name)) for name in space.names):
        return None
    rows = [
        LabelledText(0, name.replace("_", " "), None, value)
        for name, value in zip(space.names, space.values, strict=True)
    ]
    return _portion(examples, extract, rows)[0]
