"""What `squeezebert learn` is worth beside other ways to learn from the same rows.

    python benchmarks/learn.py --train train.tsv --test test.tsv --teacher all-MiniLM-L6-v2

Reads both files as `squeezebert train` does, learns from the first in each way, in a process of its
own, scores on the second, and prints JSON: accuracy and macro F1, or Pearson's correlation of
values, and what learning took in seconds and, at its peak, in memory. With `--examples` or `--rows`
it learns from a part of the rows, in several draws if asked to; the mean of their scores is first.

The ways are "learn"; "tfidf" and "teacher", scikit-learn's logistic or ridge regression on TF-IDF
and on the teacher's vectors; and "setfit" (Tunstall et al. 2022, arXiv 2209.11055), which
fine-tunes the teacher, needs `pip install setfit`, and takes neither pairs nor values. Where there
are texts out of scope, they are a class of their own to all but "learn".
"""

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np

from squeezebert.bundle import OUT_OF_SCOPE
from squeezebert.data.tasks.classification import LabelledText, read_classification

REGULARISATION = 10.0  # inverse penalty of the classes' regressions
PENALTY = 1.0  # of the values' regressions

Rows: TypeAlias = Sequence[LabelledText]
Answers: TypeAlias = Sequence[Any]
Answer: TypeAlias = Callable[[Rows], Answers]
Learn: TypeAlias = Callable[[Rows, Answers], Answer]
"""Learns labels or values of rows, and returns what answers others."""


def main() -> None:
    """Learns and scores in each way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--teacher", help="checkpoint that makes embeddings")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["learn", "tfidf", "teacher"])
    parser.add_argument("--encoder", default="embed", help="bundle that `learn` stands on")
    parser.add_argument("--examples", type=int, help="draw so many of each label")
    parser.add_argument("--rows", type=int, help="draw so many rows")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--in-scope", action="store_true", help="leave out texts out of scope")
    parser.add_argument("--iterations", type=int, default=20, help="SetFit's pairs for each text")
    for kind in ("text", "pair", "label"):
        parser.add_argument(f"--{kind}-column")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(scores_of(arguments.ways[0], arguments)))
        return
    found = {}
    for way in arguments.ways:
        command = [sys.executable, __file__, *sys.argv[1:], "--here", "--ways", way]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[way] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps({"argv": sys.argv, "ways": found}, indent=1))


def scores_of(way: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The scores of one way, and what it took."""
    columns = {
        f"{kind}_column": getattr(arguments, f"{kind}_column") for kind in ("text", "pair", "label")
    }
    table = read_classification(arguments.train, **columns)
    values = table.check().problem_type == "regression"
    train, test = list(table), list(read_classification(arguments.test, split="test", **columns))
    if arguments.in_scope:
        train, test = ([row for row in rows if row.label != OUT_OF_SCOPE] for rows in (train, test))
    learn = WAYS[way](arguments, values)
    draws = []
    for draw in range(arguments.draws):
        rows = drawn(train, arguments.examples, arguments.rows, draw)
        start, processor_start = time.perf_counter(), time.process_time()
        answer = learn(rows, labels(rows, values))
        took = {
            "seconds": time.perf_counter() - start,
            "core_seconds": time.process_time() - processor_start,
            "megabytes": peak_memory(),
        }
        draws.append(scored(labels(test, values), answer(test)) | took)
    means = {name: round(mean(draw[name] for draw in draws), 2) for name in draws[0]}
    return {"rows": len(rows), **means, "draws": draws if len(draws) > 1 else None}


def drawn(rows: Rows, examples: int | None, count: int | None, seed: int) -> Rows:
    """So many rows of each label, or so many rows, or all."""
    random = Random(seed)
    if not examples:
        return random.sample(rows, count) if count else rows
    by_label: dict[str, list[LabelledText]] = defaultdict(list)
    for row in rows:
        by_label[row.label].append(row)
    return [row for some in by_label.values() for row in random.sample(some, examples)]


def labels(rows: Rows, values: bool) -> Answers:
    """What is right for each row."""
    return [float(row.label) if values else row.label for row in rows]


def peak_memory() -> float:
    """The most that this process has held, in megabytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def learnt(arguments: argparse.Namespace, values: bool) -> Learn:
    """What is shipped, with its defaults."""
    from squeezebert.learn import learn

    def fit(rows: Rows, true: Answers) -> Answer:
        items = zip([row.item for row in rows], true, strict=True)
        model = learn(items, arguments.encoder, anyway=True)

        def answer(asked: Rows) -> Answers:
            answers = model([row.item for row in asked])
            return [each.value if values else each.label for each in answers]

        return answer

    return fit


def tfidf(arguments: argparse.Namespace, values: bool) -> Learn:
    """Words, pairs of words, and 3 to 5 letters of words; both texts of a pair as one."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    def fit(rows: Rows, true: Answers) -> Answer:
        vectorizers = [
            TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)),
            TfidfVectorizer(sublinear_tf=True, ngram_range=(3, 5), analyzer="char_wb"),
        ]
        for vectorizer in vectorizers:
            vectorizer.fit(texts(rows))

        def features(asked: Rows) -> Any:
            return hstack([each.transform(texts(asked)) for each in vectorizers]).tocsr()

        model = regression(values).fit(features(rows), true)
        return lambda asked: model.predict(features(asked)).tolist()

    return fit


def of_teacher(arguments: argparse.Namespace, values: bool) -> Learn:
    """A teacher's vectors; of a pair both, the size of their difference, and their product."""
    from squeezebert.pipelines import Embedder
    from squeezebert.training.predictor import load_predictor

    teacher = load_predictor(arguments.teacher)
    if not isinstance(teacher, Embedder):
        raise SystemExit("--teacher must be for embeddings.")

    def features(rows: Rows) -> Any:
        first = teacher.vectors([row.text for row in rows])
        if rows[0].pair is None:
            return first
        second = teacher.vectors([row.pair or "" for row in rows])
        return np.hstack([first, second, np.abs(first - second), 10 * first * second]) / 2

    def fit(rows: Rows, true: Answers) -> Answer:
        model = regression(values).fit(features(rows), true)
        return lambda asked: model.predict(features(asked)).tolist()

    return fit


def setfit(arguments: argparse.Namespace, values: bool) -> Learn:
    """One epoch of pairs, sixteen a step, as its defaults say; then logistic regression."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    if values:
        raise SystemExit("SetFit learns no values.")

    def fit(rows: Rows, true: Answers) -> Answer:
        names = sorted(set(true))
        model = SetFitModel.from_pretrained(arguments.teacher)
        data = Dataset.from_dict(
            {"text": [row.text for row in rows], "label": [names.index(each) for each in true]}
        )
        with TemporaryDirectory() as folder:
            settings = TrainingArguments(
                output_dir=folder,
                num_iterations=arguments.iterations,
                report_to="none",
                save_strategy="no",
            )
            Trainer(model=model, args=settings, train_dataset=data).train()
        return lambda asked: [
            names[int(each)] for each in model.predict([row.text for row in asked], as_numpy=True)
        ]

    return fit


def regression(values: bool) -> Any:
    """Of scikit-learn."""
    from sklearn.linear_model import LogisticRegression, Ridge

    if values:
        return Ridge(alpha=PENALTY)
    return LogisticRegression(C=REGULARISATION, max_iter=2000)


def texts(rows: Rows) -> list[str]:
    """Of a pair both as one."""
    return [f"{row.text} {row.pair or ''}" for row in rows]


def scored(true: Answers, found: Answers) -> dict[str, float]:
    """Scores out of 100; accuracy is of texts in scope, recall of those out of it."""
    if isinstance(true[0], float):
        return {"pearson": 100 * float(np.corrcoef(true, np.asarray(found, float))[0, 1])}
    from sklearn.metrics import f1_score

    right = np.array(true) == np.array(found)
    outside = np.array(true) == OUT_OF_SCOPE
    scores = {
        "accuracy": 100 * float(right[~outside].mean()),
        "macro_f1": 100 * float(f1_score(true, found, average="macro")),
    }
    if outside.any():
        scores["out_of_scope_recall"] = 100 * float(right[outside].mean())
    return scores


WAYS: dict[str, Callable[[argparse.Namespace, bool], Learn]] = {
    "learn": learnt,
    "tfidf": tfidf,
    "teacher": of_teacher,
    "setfit": setfit,
}

if __name__ == "__main__":
    main()
