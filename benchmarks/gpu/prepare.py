"""Public English data sets as arrays of tokens.

The data folder holds ``glue/`` (SST-2, CoLA, MRPC, RTE, STS-B, QNLI as GLUE has them),
``qnli_derived/train.tsv.xz``, ``snli/``, ``cad_nli/`` and ``clinc150/data_full.json``,
``conll2003/eng.train`` and ``eng.testa``, ``bc5cdr/train.tsv`` and ``devel.tsv``, ``squad/`` of
version 1.1, ``umsab/english.train.tsv``, and plain text in ``text/``: ``wiki_core``, ``wikinews``,
``english_100`` (novels) and ``wiki_2021`` (held out), each .txt.xz. The questions without an answer
are made by `benchmarks.misleading_questions`.
"""

import json
import lzma
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.gpu.store import Work
from benchmarks.gpu.teach import BC5CDR_TAGS, CONLL_TAGS
from benchmarks.gpu.tokenise import pieces, questions, rows_of, sequences, tagged, texts
from benchmarks.task_texts import of_text

from squeezebert.data.tasks.question_answering import read_questions
from squeezebert.tokenizer import Item, Tokenizer

LONGEST, LONGEST_RTE, LONGEST_INTENT, LONGEST_QUESTION = 128, 160, 64, 384
ENTAILMENT = {"entailment": 0, "not_entailment": 1}
NLI = {"contradiction": 0, "entailment": 1, "neutral": 2}
NLI_FILES = {
    "train": ("snli/dev.tsv", "cad_nli/train.tsv"),
    "dev": ("cad_nli/dev.tsv",),
}
MISLEADING = 32_000  # questions
POOLS = {
    "news": ("wikinews", 60_000),
    "wiki": ("wiki_core", 150_000),
    "novels": ("english_100", 60_000),
}
MEDICAL, SHORT, QUESTIONS = 40_000, 80_000, 40_000
TEXT = {"wiki_core": 52_000_000, "wikinews": 26_000_000, "english_100": 76_000_000}
"""Characters of each text to squeeze with."""
CHARACTERS, HELD_OUT_CHARACTERS, HELD_OUT = 110_000_000, 600_000, 512


@dataclass(frozen=True)
class Preparation:
    """Where data are from, where they go, and the students' tokenizer.json."""

    work: Work
    data: Path
    tokenizer: Path
    misleading: Path

    @property
    def loaded(self) -> Tokenizer:
        """The tokenizer."""
        return Tokenizer.from_file(self.tokenizer)

    def texts(self, name: str, items: Sequence[Item], longest: int = LONGEST, **more: Any) -> None:
        """Keeps texts or pairs."""
        self.work.save(name, {**texts(self.loaded, items, longest), **more})


def prepare(given: Preparation) -> None:
    """Writes all that the English steps read."""
    given.work.save("vocabulary", pieces(given.tokenizer))
    intents = json.loads((given.data / "clinc150/data_full.json").read_text(encoding="utf-8"))
    names = sorted({label for _, label in intents["train"]})
    given.work.save("clinc.labels", {"labels": np.array(names)})
    for name, items, label in (*_classified(given.data), *_intents(intents, names)):
        longest = {"rte": LONGEST_RTE, "clinc": LONGEST_INTENT}.get(name.partition(".")[0], LONGEST)
        given.texts(name, items, longest, label=np.array(label, np.int64))
    _similarity(given)
    for name, tags, parts in (
        ("conll", CONLL_TAGS, {"train": "conll2003/eng.train", "dev": "conll2003/eng.testa"}),
        ("bc5cdr", BC5CDR_TAGS, {"train": "bc5cdr/train.tsv", "dev": "bc5cdr/devel.tsv"}),
    ):
        for part, file in parts.items():
            found = tagged(given.loaded, given.data / file, tags, LONGEST)
            given.work.save(f"{name}.{part}", found)
    for part, file in (("train", "train-v1.1.json.xz"), ("dev", "dev-v1.1.json")):
        found = questions(given.loaded, given.data / "squad" / file, LONGEST_QUESTION)
        given.work.save(f"squad.{part}", found)
    asked = [each.item for each in read_questions(given.misleading) if not each.answers]
    random.Random(0).shuffle(asked)
    asked = asked[:MISLEADING]
    nowhere = np.zeros((len(asked), 2), np.int16)
    given.texts("squad.misleading", asked, LONGEST_QUESTION, span=nowhere)
    _pools(given)
    _running_text(given)


def _classified(data: Path) -> Iterator[tuple[str, list[Item], list[int]]]:
    glue = data / "glue"
    for part in ("train", "dev"):
        rows = rows_of(glue / f"SST-2/{part}.tsv")
        yield f"sst2.{part}", [row[0].strip() for row in rows], [int(row[1]) for row in rows]
        rows = rows_of(glue / f"CoLA/{part}.tsv", header=False)
        yield f"cola.{part}", [row[3] for row in rows], [int(row[1]) for row in rows]
        rows = rows_of(glue / f"MRPC/{part}.tsv")
        yield f"mrpc.{part}", [(row[3], row[4]) for row in rows], [int(row[0]) for row in rows]
        rows = rows_of(glue / f"RTE/{part}.tsv")
        yield (
            f"rte.{part}",
            [(row[1], row[2]) for row in rows],
            [ENTAILMENT[row[3]] for row in rows],
        )
        file = data / "qnli_derived/train.tsv.xz" if part == "train" else glue / "QNLI/dev.tsv"
        rows = rows_of(file)
        yield (
            f"qnli.{part}",
            [(row[1], row[2]) for row in rows],
            [ENTAILMENT[row[3]] for row in rows],
        )
        found = (row for name in NLI_FILES[part] for row in rows_of(data / name))
        rows = [row for row in found if row[2] in NLI]
        yield f"nli.{part}", [(row[0], row[1]) for row in rows], [NLI[row[2]] for row in rows]


def _intents(
    intents: dict[str, list[list[str]]], names: list[str]
) -> Iterator[tuple[str, list[Item], list[int]]]:
    number = {name: place for place, name in enumerate(names)} | {"oos": -1}
    for part, keys in (("train", ("train", "oos_train")), ("dev", ("val", "oos_val"))):
        rows = [row for key in keys for row in intents[key]]
        yield f"clinc.{part}", [row[0] for row in rows], [number[row[1]] for row in rows]


def _similarity(given: Preparation) -> None:
    for part in ("train", "dev"):
        header, *rows = rows_of(given.data / f"glue/STS-B/{part}.tsv", header=False)
        first, second, score = (header.index(n) for n in ("sentence1", "sentence2", "score"))
        number = np.array([float(row[score]) for row in rows], np.float32)
        given.texts(f"stsb.{part}", [(row[first], row[second]) for row in rows], number=number)
        given.texts(f"stsb1.{part}", [row[first] for row in rows])
        given.texts(f"stsb2.{part}", [row[second] for row in rows])


def _pools(given: Preparation) -> None:
    """Sentences without labels, for teachers to speak of."""
    choose = random.Random(1)
    for name, (text, wanted) in POOLS.items():
        found = of_text(given.data / f"text/{text}.txt.xz")
        sentences = sorted({one for one in found if len(one.split()) <= 50})
        choose.shuffle(sentences)
        if name == "wiki":
            given.texts("pool.medical", _medical(given.data, sentences))
        if name == "novels":
            short = [one for one in sentences if 4 <= len(one.split()) <= 14]
            given.texts("pool.short", short[:SHORT], 48)
        given.texts(f"pool.{name}", sentences[:wanted])
    asked = sorted({row[1] for row in rows_of(given.data / "qnli_derived/train.tsv.xz")})
    choose.shuffle(asked)
    given.texts("pool.questions", asked[:QUESTIONS])


def _medical(data: Path, sentences: list[str]) -> list[str]:
    """Sentences with a word that is part of a chemical or a disease in BC5CDR."""
    pairs = (row for row in rows_of(data / "bc5cdr/train.tsv", header=False) if len(row) == 2)
    words = {word.lower() for word, tag in pairs if tag != "O" and len(word) > 4}
    found = [
        one for one in sentences if any(w in words for w in re.findall(r"[a-z0-9-]+", one.lower()))
    ]
    return found[:MEDICAL]


def _running_text(given: Preparation) -> None:
    folder = given.work.folder / "text"
    folder.mkdir(parents=True, exist_ok=True)
    articles = [one for name, size in TEXT.items() for one in _articles(given.data, name, size)]
    random.Random(0).shuffle(articles)
    held_out = _articles(given.data, "wiki_2021", HELD_OUT_CHARACTERS)
    for name, content in (
        ("english", "\n\n".join(articles)[:CHARACTERS]),
        ("english.held", "\n\n".join(held_out)),
    ):
        (folder / f"{name}.txt").write_text(content, encoding="utf-8")
        ids = sequences(given.tokenizer, [folder / f"{name}.txt"], folder / name)
        if name == "english":
            np.random.default_rng(0).shuffle(ids)
        given.work.save(f"text.{name}", {"ids": ids if name == "english" else ids[:HELD_OUT]})


def _articles(data: Path, name: str, characters: int) -> list[str]:
    found: list[str] = []
    article: list[str] = []
    size = 0
    with lzma.open(data / f"text/{name}.txt.xz", "rt", encoding="utf-8") as file:
        for line in map(str.strip, file):
            size += len(line)
            if line:
                article.append(line)
            elif article:
                found.append("\n".join(article))
                article = []
            if size > characters:
                break
    return found
