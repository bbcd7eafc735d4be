"""Files that some of the built-in models learn from, made of public data sets.

    python benchmarks/task_texts.py nli --data DATA -o nli.tsv
    python benchmarks/task_texts.py sentences --data DATA -o sentences.txt

`nli` joins the pairs of SNLI's dev part and of the counterfactual training data made from SNLI,
which share none with SNLI's test part. `sentences` draws sentences of Wikipedia, news, questions,
captions and what people say in novels, without any that a similarity or intent data set holds.
"""

import argparse
import csv
import lzma
import random
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

SEED = 0
PARAGRAPHS = 200_000  # of a text, from which its sentences are drawn
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
SPEECH = re.compile(r'"([^"]+[.!?])"')
WORDS = range(4, 61)
DRAWN = {
    "wiki": 30_000,
    "news": 12_500,
    "questions": 60_000,
    "captions": 6_000,
    "speech": 60_000,
}


def nli(data: Path) -> Iterator[str]:
    """Lines of a tsv of premise, hypothesis and label; pairs without an agreed label are left."""
    yield "premise\thypothesis\tlabel"
    for name in ("snli/dev.tsv", "cad_nli/train.tsv"):
        for row in _rows((data / name).read_text(encoding="utf-8").splitlines()):
            if row[2] != "-":
                yield "\t".join(row[:3])


def sentences(data: Path) -> list[str]:
    """Sentences in random order."""
    choose = random.Random(SEED)
    pairs = _rows((data / "snli/dev.tsv").read_text(encoding="utf-8").splitlines())
    with lzma.open(data / "qnli_derived/train.tsv.xz", "rt", encoding="utf-8") as file:
        questions = [row[1] for row in _rows(file)]
    novels = _paragraphs(data / "text/english_100.txt.xz")
    found = {
        "wiki": _sentences(_paragraphs(data / "text/wiki_core.txt.xz")),
        "news": _sentences(_paragraphs(data / "text/wikinews.txt.xz")),
        "questions": questions,
        "speech": _sentences(said for paragraph in novels for said in SPEECH.findall(paragraph)),
        "captions": [text for row in pairs for text in row[:2]],
    }
    drawn = []
    for name, count in DRAWN.items():
        drawn += choose.sample(sorted(set(found[name])), count)
    choose.shuffle(drawn)
    return drawn


def _paragraphs(path: Path) -> list[str]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return list(islice((line.strip() for line in file if line.strip()), PARAGRAPHS))


def _sentences(paragraphs: Iterable[str]) -> list[str]:
    parts = (part for paragraph in paragraphs for part in SENTENCE.split(paragraph))
    return [part for part in parts if len(part.split()) in WORDS]


def _rows(lines: Iterable[str]) -> Iterator[list[str]]:
    """The rows after the header."""
    yield from islice(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), 1, None)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("kind", choices=["nli", "sentences"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    lines = {"nli": nli, "sentences": sentences}[arguments.kind](arguments.data)
    arguments.output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
