"""Public data sets in nine languages as arrays of tokens.

The data folder holds ``umsab/german.train.tsv``, ``umsab/german.val.tsv`` and so on,
``wikineural/de.train.tsv.xz`` and so on, ``conll2002/`` with ``esp.train``, ``esp.testa``,
``ned.train`` and ``ned.testa``, and ``stsb_multi/stsb-de-train.csv`` and so on. Plain text of each
language, one paragraph a line, is in a folder of its own, as ``de.txt`` and, held out,
``de.held.txt``.
"""

import csv
import lzma
import random
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.gpu.languages import LANGUAGES, LIKENESS, NATIVE
from benchmarks.gpu.prepare import LONGEST
from benchmarks.gpu.store import Arrays, Work
from benchmarks.gpu.teach import CONLL_TAGS
from benchmarks.gpu.tokenise import rows_of, sequences, tagged, texts

from squeezebert.tokenizer import Tokenizer

SENTIMENT = {"negative": 0, "neutral": 1, "positive": 2}
TWEETS = ("german", "english", "french", "spanish", "italian", "portuguese")
NATIVE_TEXTS = {"es": "esp", "nl": "ned"}
ORIGINALS_FIRST = ("en", "de", "es", "fr", "it", "nl", "pl", "pt", "ru")
LONGEST_SENTENCE, SENTENCES, HELD_OUT = 96, 22_000, 60
DEV = 10
"""Every tenth sentence is for choosing."""
SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True)
class Preparation:
    """Where data are from, where they go, and the teacher's tokenizer.json."""

    work: Work
    data: Path
    text: Path
    tokenizer: Path


def prepare(given: Preparation) -> None:
    """Writes all that the steps in several languages read."""
    tokenizer = Tokenizer.from_file(given.tokenizer)
    _sentiment(given, tokenizer)
    _entities(given, tokenizer)
    _similarity(given, tokenizer)
    choose = random.Random(3)
    pool: list[str] = []
    for language in LANGUAGES:
        lines = (given.text / f"{language}.txt").read_text(encoding="utf-8").splitlines()
        found = {one for line in lines for one in SENTENCE_END.split(line.strip())}
        sentences = sorted(one for one in found if 4 <= len(one.split()) <= 40)
        choose.shuffle(sentences)
        pool += sentences[:SENTENCES]
    given.work.save("pool.languages", texts(tokenizer, pool, LONGEST_SENTENCE))
    _running_text(given)


def _sentiment(given: Preparation, tokenizer: Tokenizer) -> None:
    for part, file in (("train", "train"), ("dev", "val")):
        found = [
            (row[0], SENTIMENT[row[1]], number)
            for number, language in enumerate(TWEETS)
            for row in rows_of(given.data / f"umsab/{language}.{file}.tsv")
        ]
        items, label, language_of = zip(*found, strict=True)
        more: Arrays = {
            "label": np.array(label, np.int64),
            "language": np.array(language_of, np.int8),
        }
        given.work.save(f"sentiment.{part}", {**texts(tokenizer, items, LONGEST_SENTENCE), **more})


def _entities(given: Preparation, tokenizer: Tokenizer) -> None:
    folder = given.work.folder / "text"
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, list[Arrays]] = {"train": [], "dev": []}

    def add(part: str, content: str, number: int) -> None:
        file = folder / f"entities.{part}.conll"
        file.write_text(content, encoding="utf-8")
        found = tagged(tokenizer, file, CONLL_TAGS, LONGEST)
        language = np.full(len(found["lengths"]), number, np.int8)
        parts[part].append({**found, "language": language})

    for number, language in enumerate(LANGUAGES):
        packed = given.data / f"wikineural/{language}.train.tsv.xz"
        with lzma.open(packed, "rt", encoding="utf-8") as file:
            sentences = [one for one in file.read().split("\n\n") if one.strip()]
        dev = sentences[DEV - 1 :: DEV]
        train = [one for place, one in enumerate(sentences) if place % DEV != DEV - 1]
        for part, some in (("train", train), ("dev", dev)):
            add(part, "\n\n".join(some) + "\n", number)
    for language, name in NATIVE_TEXTS.items():
        for part, file_name in (("train", f"{name}.train"), ("dev", f"{name}.testa")):
            raw = (given.data / "conll2002" / file_name).read_bytes()
            try:
                content = raw.decode()
            except UnicodeDecodeError:
                content = raw.decode("latin-1")
            add(part, content, LANGUAGES.index(language) + NATIVE)
    for part, sets in parts.items():
        merged = {name: np.concatenate([one[name] for one in sets]) for name in sets[0]}
        given.work.save(f"entities.{part}", merged)


def _similarity(given: Preparation, tokenizer: Tokenizer) -> None:
    def rows(language: str, part: str) -> list[list[str]]:
        path = given.data / f"stsb_multi/stsb-{language}-{part}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))

    translations: list[str] = []
    for language in ORIGINALS_FIRST:
        found = rows(language, "train")
        translations += [row[side] for side in range(2) for row in found]
    given.work.save("parallel", texts(tokenizer, translations, LONGEST_SENTENCE))
    for language in LIKENESS:
        found = rows(language, "dev")
        number = np.array([float(row[2]) for row in found], np.float32)
        for side in range(2):
            own = texts(tokenizer, [row[side] for row in found], LONGEST_SENTENCE)
            given.work.save(f"likeness{side + 1}.{language}", {**own, "number": number})


def _running_text(given: Preparation) -> None:
    folder = given.work.folder / "text"
    files = [given.text / f"{language}.txt" for language in LANGUAGES]
    ids = sequences(given.tokenizer, files, folder / "languages")
    np.random.default_rng(0).shuffle(ids)
    given.work.save("text.languages", {"ids": ids})
    held_out = [
        sequences(
            given.tokenizer, [given.text / f"{language}.held.txt"], folder / f"held.{language}"
        )[:HELD_OUT]
        for language in LANGUAGES
    ]
    given.work.save("text.languages.held", {"ids": np.concatenate(held_out)})
