"""What a probe measures on: fixed parts of four public data sets, and held-out text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from squeezebert.data.conll import Sentence, read_conll
from squeezebert.data.formats import open_rows
from squeezebert.data.formats.decoding import text_lines
from squeezebert.data.labels import as_numbers, infer_labels, match_labels
from squeezebert.data.reservoir import Reservoir
from squeezebert.data.tasks.classification import with_columns
from squeezebert.errors import DataError
from squeezebert.tokenizer import Item

SST2_TRAIN = 6_000
MRPC_TRAIN = 1_500
CONLL_TRAIN = 3_000
CONLL_DEV = 1_000
PARTS = ("train", "dev")
PARAGRAPHS = 64
PARAGRAPH_CHARACTERS = 800  # enough to fill a sequence of 128 tokens

T = TypeVar("T")


class ProbeExample(NamedTuple):
    """What is classified: a text or pair as a whole, or each word of a text.

    Attributes:
        starts: the first character of each word; None if the item is classified as a whole.
        classes: index of the item's class, or of each word's.
    """

    item: Item
    starts: tuple[int, ...] | None
    classes: tuple[int, ...]


@dataclass(frozen=True)
class ProbeTask:
    """A task to fine-tune for.

    Attributes:
        labels: classes in the order of their indices; of words, IOB2 tags, "O" the first.
        chance: the score without looking at the text: for accuracy that of always naming the most
            frequent class of the dev part.
    """

    name: str
    metric: Literal["accuracy", "entity F1"]
    labels: tuple[str, ...]
    train: tuple[ProbeExample, ...]
    dev: tuple[ProbeExample, ...]
    chance: float


@dataclass(frozen=True)
class Similarity:
    """Pairs of texts [n] and how similar people found them [n]."""

    pairs: tuple[tuple[str, str], ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class ProbeFiles:
    """Where the data is."""

    sst2: Path
    """Folder with train.tsv and dev.tsv, as GLUE has them; so have the next two."""
    mrpc: Path
    stsb: Path
    conll2003: Path
    """Folder with eng.train and eng.testa."""
    text: Path
    """Plain text that no model was trained on, one paragraph a line."""

    @classmethod
    def under(cls, folder: Path) -> "ProbeFiles":
        """The usual places in one folder."""
        glue = folder / "glue"
        return cls(
            sst2=glue / "SST-2",
            mrpc=glue / "MRPC",
            stsb=glue / "STS-B",
            conll2003=folder / "conll2003",
            text=folder / "text" / "wiki_2021.txt.xz",
        )

    def check(self) -> None:
        """Raises DataError naming whatever is not there, and the field that says where it is."""
        missing = [
            f"{path} ({field.name})"
            for field in fields(self)
            if not (path := getattr(self, field.name)).exists()
        ]
        if missing:
            raise DataError(
                f"Missing data: {', '.join(missing)}. "
                "Name the folder that holds all of them, or each."
            )


@dataclass(frozen=True)
class ProbeData:
    """All that one run reads; the same for every model."""

    similarity: Similarity
    tasks: tuple[ProbeTask, ...]
    paragraphs: tuple[str, ...]


def read_probe_data(files: ProbeFiles, seed: int) -> ProbeData:
    """Reads the data and draws the parts used; the same seed draws the same.

    Raises:
        DataError: something is missing or malformed, with its line.
    """
    files.check()
    return ProbeData(
        similarity=_similarity(files.stsb / "dev.tsv"),
        tasks=(
            _text_task("SST-2", files.sst2, ("sentence", None, "label"), SST2_TRAIN, seed),
            _text_task("MRPC", files.mrpc, ("#1 String", "#2 String", "Quality"), MRPC_TRAIN, seed),
            _entity_task("CoNLL-2003", files.conll2003, seed),
        ),
        paragraphs=_paragraphs(files.text, seed),
    )


def _text_task(
    name: str, folder: Path, columns: tuple[str, str | None, str], wanted: int, seed: int
) -> ProbeTask:
    train, dev = (with_columns(open_rows(folder / f"{part}.tsv"), *columns) for part in PARTS)
    known = infer_labels(train.check().labels, train.name).names
    found = dev.check().labels
    match_labels(found, known, dev.name)
    index = {label: position for position, label in enumerate(known)}
    drawn, scored = (
        tuple(ProbeExample(example.item, None, (index[example.label],)) for example in examples)
        for examples in (_drawn(list(train), wanted, seed), dev)
    )
    chance = max(found.values()) / found.total()
    return ProbeTask(name, "accuracy", known, drawn, scored, chance)


def _entity_task(name: str, folder: Path, seed: int) -> ProbeTask:
    train, dev = read_conll(folder / "eng.train"), read_conll(folder / "eng.testa")
    labels = ("O", *(f"{mark}-{kind}" for kind in train.types for mark in "BI"))
    index = {label: position for position, label in enumerate(labels)}
    if unknown := set(dev.types) - set(train.types):
        raise DataError(
            f"{dev.name}: entities of type {', '.join(sorted(unknown))} are not in {train.name}."
        )
    drawn, scored = (
        tuple(_words(sentence, index) for sentence in _drawn(sentences, wanted, seed))
        for sentences, wanted in ((train.sentences, CONLL_TRAIN), (dev.sentences, CONLL_DEV))
    )
    return ProbeTask(name, "entity F1", labels, drawn, scored, chance=0.0)


def _words(sentence: Sentence, index: dict[str, int]) -> ProbeExample:
    starts = np.cumsum([0, *(len(word) + 1 for word in sentence.words[:-1])])
    return ProbeExample(
        " ".join(sentence.words), tuple(starts.tolist()), tuple(index[tag] for tag in sentence.tags)
    )


def _similarity(path: Path) -> Similarity:
    table = with_columns(open_rows(path), "sentence1", "sentence2", "score")
    table.check()
    pairs, scores = [], []
    for example in table:
        assert example.pair is not None
        pairs.append((example.text, example.pair))
        scores.append(example.label)
    return Similarity(tuple(pairs), tuple(as_numbers(scores, table.name)))


def _paragraphs(path: Path, seed: int) -> tuple[str, ...]:
    long = (line for _, line in text_lines(path) if len(line) >= PARAGRAPH_CHARACTERS)
    drawn = _sample(long, PARAGRAPHS, seed)
    if not drawn:
        raise DataError(f"{path}: no line has {PARAGRAPH_CHARACTERS} characters. Give longer text.")
    return tuple(drawn)


def _drawn(items: Sequence[T], wanted: int, seed: int) -> list[T]:
    """``wanted`` items, or all if there are not more, in random order."""
    order = np.random.default_rng(seed).permutation(len(items))
    return [items[position] for position in order[:wanted]]


def _sample(items: Iterable[T], wanted: int, seed: int) -> list[T]:
    """Up to ``wanted`` items of a stream."""
    reservoir = Reservoir(wanted, seed)
    kept: list[T] = []
    for item in items:
        if (place := reservoir.place()) is not None:
            kept[place : place + 1] = [item]
    return kept
