"""Files that some of the built-in models learn from, made of public data sets.

    python benchmarks/task_texts.py nli --data DATA -o nli.tsv
    python benchmarks/task_texts.py sentences --data DATA -o sentences.txt
    python benchmarks/task_texts.py questions --data DATA -o questions.json
    python benchmarks/task_texts.py dev-questions --data DATA -o dev-questions.json
    python benchmarks/task_texts.py train-part --data DATA -o train-part.json
    python benchmarks/task_texts.py dev-part --data DATA -o dev-part.json
    python benchmarks/task_texts.py dev-v2-part --data DATA -o dev-v2-part.json
    python benchmarks/task_texts.py dev-mixed-part --data DATA -o dev-mixed-part.json

`nli` joins the pairs of SNLI's dev part and of the counterfactual training data made from SNLI,
which share none with SNLI's test part. `sentences` draws sentences of Wikipedia, news, questions
and captions, none of which are data for similarity or intents.
`questions` draws half of SQuAD v1.1's training questions, and asks a third of them of a paragraph
of the same article that does not hold their answer: the one that shares the rarest words with it.
`dev-questions` does so with all of the dev part. `train-part` keeps a third of SQuAD v1.1's
training questions, `dev-part` and `dev-v2-part` 15% of v1.1's and v2.0's dev questions.
`dev-mixed-part` is `dev-part` with every second misleading question of `dev-v2-part`, so that about
a fifth of its questions have no answer.
"""

import argparse
import csv
import json
import lzma
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import count, islice
from pathlib import Path
from typing import Any

SEED = 0
PARAGRAPHS = 200_000  # of a text, from which its sentences are drawn
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
WORDS = range(4, 61)
DRAWN = {"wiki": 30_000, "news": 12_500, "questions": 10_000, "captions": 6_000}
WORD = re.compile(r"\w+")
ANSWERABLE, UNANSWERABLE = 30_000, 15_000
DEV_KEPT = 0.15


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
    found = {
        "wiki": of_text(data / "text/wiki_core.txt.xz"),
        "news": of_text(data / "text/wikinews.txt.xz"),
        "questions": questions,
        "captions": [text for row in pairs for text in row[:2]],
    }
    drawn = []
    for name, wanted in DRAWN.items():
        drawn += choose.sample(sorted(set(found[name])), wanted)
    choose.shuffle(drawn)
    return drawn


def questions(data: Path) -> Iterator[str]:
    """A line of JSON in the format of SQuAD v2.0."""
    articles = squad(data / "squad/train-v1.1.json.xz")["data"]
    return _with_unanswerable(articles, ANSWERABLE, UNANSWERABLE)


def dev_questions(data: Path) -> Iterator[str]:
    """The same of the dev part."""
    articles = squad(data / "squad/dev-v1.1.json")["data"]
    moved = _asked(articles) // 3
    return _with_unanswerable(articles, _asked(articles) - moved, moved)


def squad_part(data: Path, file: str, kept: float) -> Iterator[str]:
    """One of SQuAD's files with fewer questions."""
    choose = random.Random(SEED)
    whole = squad(data / "squad" / file)
    for article in whole["data"]:
        for part in article["paragraphs"]:
            part["qas"] = [question for question in part["qas"] if choose.random() < kept]
    yield json.dumps(whole)


def dev_mixed_part(data: Path) -> Iterator[str]:
    """Questions of v1.1's dev part, and misleading ones of v2.0's, one in five or so."""
    (whole,) = (json.loads(text) for text in squad_part(data, "dev-v1.1.json", DEV_KEPT))
    (second,) = (json.loads(text) for text in squad_part(data, "dev-v2.0.json", DEV_KEPT))
    numbers = count()
    for article in second["data"]:
        for part in article["paragraphs"]:
            part["qas"] = [
                question
                for question in part["qas"]
                if question["is_impossible"] and next(numbers) % 2 == 0
            ]
    yield json.dumps({**whole, "data": whole["data"] + second["data"]})


def squad(path: Path) -> dict[str, Any]:
    """A file of SQuAD, compressed or not."""
    with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as opened:
        whole: dict[str, Any] = json.load(opened)
    return whole


def _asked(articles: list[dict[str, Any]]) -> int:
    return sum(len(part["qas"]) for article in articles for part in article["paragraphs"])


def _with_unanswerable(
    articles: list[dict[str, Any]], answerable: int, unanswerable: int
) -> Iterator[str]:
    drawn = random.Random(SEED).sample(range(_asked(articles)), answerable + unanswerable)
    stays, moves = set(drawn[:answerable]), set(drawn[answerable:])
    numbers = count()
    for article in articles:
        asked: list[list[dict[str, Any]]] = [[] for _ in article["paragraphs"]]
        contexts = [part["context"] for part in article["paragraphs"]]
        for home, part in enumerate(article["paragraphs"]):
            for question in part["qas"]:
                number = next(numbers)
                if number in stays:
                    asked[home].append({**question, "is_impossible": False})
                elif number in moves and (away := _elsewhere(question, contexts)) is not None:
                    asked[away].append({**question, "answers": [], "is_impossible": True})
        for part, found in zip(article["paragraphs"], asked, strict=True):
            part["qas"] = found
    yield json.dumps({"version": "v2.0", "data": articles})


def _elsewhere(question: dict[str, Any], contexts: list[str]) -> int | None:
    """The text that shares the rarest words with a question, of those that lack its answers."""
    words = [_words(context) for context in contexts]
    spread = Counter(word for found in words for word in found)
    wanted = _words(question["question"])
    answers = [answer["text"].lower() for answer in question["answers"]]
    shared = {
        number: sum(1 / spread[word] for word in sorted(wanted & words[number]))
        for number, context in enumerate(contexts)
        if not any(answer in context.lower() for answer in answers)
    }
    return max(shared, key=lambda number: shared[number], default=None)


@cache
def _words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(text.lower()))


def of_text(path: Path) -> list[str]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        paragraphs = list(islice((line.strip() for line in file if line.strip()), PARAGRAPHS))
    parts = (part for paragraph in paragraphs for part in SENTENCE.split(paragraph))
    return [part for part in parts if len(part.split()) in WORDS]


def _rows(lines: Iterable[str]) -> Iterator[list[str]]:
    """The rows after the header."""
    yield from islice(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), 1, None)


FILES: dict[str, Callable[[Path], Iterable[str]]] = {
    "nli": nli,
    "sentences": sentences,
    "questions": questions,
    "dev-questions": dev_questions,
    "train-part": partial(squad_part, file="train-v1.1.json.xz", kept=1 / 3),
    "dev-part": partial(squad_part, file="dev-v1.1.json", kept=DEV_KEPT),
    "dev-v2-part": partial(squad_part, file="dev-v2.0.json", kept=DEV_KEPT),
    "dev-mixed-part": dev_mixed_part,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("kind", choices=list(FILES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    lines = FILES[arguments.kind](arguments.data)
    arguments.output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
