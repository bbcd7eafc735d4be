"""What `squeezebert learn` is worth, beside TF-IDF and logistic regression on a teacher's vectors.

    python benchmarks/learn.py --train train.tsv --test test.tsv --teacher all-MiniLM-L6-v2

Reads both files as `squeezebert train` does, learns from the first, scores on the second, and
prints JSON: accuracy and macro F1, or Pearson's correlation of values, and what learning took in
seconds and, at its peak, in memory.
"""

import argparse
import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score

from squeezebert.data.tasks.classification import LabelledText, read_classification
from squeezebert.learn import learn
from squeezebert.pipelines import Embedder

REGULARISATION = 10.0  # inverse penalty of the classes' regressions
PENALTY = 1.0  # of the values' regressions

Answers = Sequence[Any]


def main() -> None:
    """Learns and scores in three ways."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--teacher", required=True, help="checkpoint that makes embeddings")
    parser.add_argument("--examples", type=int, help="draw so many of each label")
    parser.add_argument("--rows", type=int, help="draw so many rows")
    for kind in ("text", "pair", "label"):
        parser.add_argument(f"--{kind}-column")
    arguments = parser.parse_args()
    columns = {
        f"{kind}_column": getattr(arguments, f"{kind}_column") for kind in ("text", "pair", "label")
    }
    table = read_classification(arguments.train, **columns)
    values = table.check().problem_type == "regression"
    train, test = list(table), list(read_classification(arguments.test, split="test", **columns))
    if arguments.examples:
        train = draw(train, arguments.examples)
    elif arguments.rows:
        train = Random(0).sample(train, arguments.rows)
    start, processor_start = time.perf_counter(), time.process_time()
    model = learn(
        [(row.item, float(row.label) if values else row.label) for row in train], anyway=True
    )
    seconds, core_seconds = time.perf_counter() - start, time.process_time() - processor_start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers = model([row.item for row in test])
    found = [answer.value if values else answer.label for answer in answers]
    estimator = (
        (lambda: Ridge(alpha=PENALTY))
        if values
        else (lambda: LogisticRegression(C=REGULARISATION, max_iter=2000))
    )
    from squeezebert.training.predictor import load_predictor  # torch, whose memory isn't ours

    teacher = load_predictor(arguments.teacher)
    if not isinstance(teacher, Embedder):
        parser.error("--teacher must be for embeddings.")
    true = [float(row.label) if values else row.label for row in test]
    words, test_words = tfidf(train, test)
    scores = {
        "learn": scored(true, found),
        "TF-IDF": scored(true, regression(estimator, words, test_words, train, values)),
        "teacher": scored(
            true,
            regression(estimator, vectors(teacher, train), vectors(teacher, test), train, values),
        ),
    }
    facts = {
        "argv": sys.argv,
        "rows": len(train),
        "seconds": seconds,
        "core_seconds": core_seconds,
        "megabytes": megabytes,
    }
    print(json.dumps(facts | {"scores": scores}, indent=1))


def draw(rows: Sequence[LabelledText], examples: int) -> list[LabelledText]:
    """So many rows of each label."""
    by_label: dict[str, list[LabelledText]] = defaultdict(list)
    for row in rows:
        by_label[row.label].append(row)
    random = Random(0)
    return [row for some in by_label.values() for row in random.sample(some, examples)]


def tfidf(*parts: Sequence[LabelledText]) -> list[Any]:
    """TF-IDF of words, pairs of words, and 3 to 5 letters of words; both texts of a pair as one."""
    texts = [[f"{row.text} {row.pair or ''}" for row in part] for part in parts]
    matrices = []
    for options in (
        {"ngram_range": (1, 2)},
        {"analyzer": "char_wb", "ngram_range": (3, 5)},
    ):
        vectorizer = TfidfVectorizer(sublinear_tf=True, **options).fit(texts[0])
        matrices.append([vectorizer.transform(part) for part in texts])
    return [hstack(pair).tocsr() for pair in zip(*matrices, strict=True)]


def vectors(teacher: Embedder, rows: Sequence[LabelledText]) -> Any:
    """A teacher's vectors; of a pair both, the size of their difference, and their product."""
    first = teacher.vectors([row.text for row in rows])
    if rows[0].pair is None:
        return first
    second = teacher.vectors([row.pair or "" for row in rows])
    return np.hstack([first, second, np.abs(first - second), 10 * first * second]) / 2


def regression(
    estimator: Callable[[], Any], train: Any, test: Any, rows: Sequence[LabelledText], values: bool
) -> Answers:
    """What scikit-learn makes of these features."""
    labels = [float(row.label) if values else row.label for row in rows]
    predicted: Answers = estimator().fit(train, labels).predict(test)
    return predicted


def scored(true: Answers, found: Answers) -> dict[str, float]:
    """Scores out of 100."""
    if isinstance(true[0], float):
        return {"pearson": 100 * float(np.corrcoef(true, np.asarray(found, float))[0, 1])}
    return {
        "accuracy": 100 * float(accuracy_score(true, found)),
        "macro_f1": 100 * float(f1_score(true, found, average="macro")),
    }


if __name__ == "__main__":
    main()
