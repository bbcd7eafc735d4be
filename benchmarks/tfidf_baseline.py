"""The score to beat: TF-IDF of words and word pairs with logistic regression, on a CPU.

Prints JSON. Example, with the SST-2 files of GLUE:

    python benchmarks/tfidf_baseline.py --train SST-2/train.tsv --dev SST-2/dev.tsv
"""

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from squeezebert.data.labels import infer_labels, match_labels
from squeezebert.data.tasks.classification import Table, read_classification
from squeezebert.evaluation.metrics import classification_metrics, confusion_matrix


def main() -> None:
    """Fits on one file, scores on the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("train", "dev"):
        parser.add_argument(f"--{name}", required=True, help="csv, tsv, jsonl or parquet file")
    for name in ("text", "pair", "label"):
        parser.add_argument(f"--{name}-column", help="default: guessed")
    arguments = parser.parse_args()
    columns = {name: value for name, value in vars(arguments).items() if name.endswith("column")}
    train, dev = (read_classification(path, **columns) for path in (arguments.train, arguments.dev))
    counts = train.check().labels
    dev.check()
    classes = infer_labels(counts, train.name).names

    start = time.perf_counter()
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform(_texts(train))
    settings = {"C": 10.0, "max_iter": 1000}
    model = LogisticRegression(**settings).fit(features, _indices(train, classes))
    fitted = time.perf_counter()
    predicted = model.predict(vectorizer.transform(_texts(dev)))
    true = _indices(dev, classes)
    result = {
        "model": "TF-IDF (1-2 grams) + logistic regression",
        "argv": sys.argv,
        **classification_metrics(confusion_matrix(true, predicted, len(classes))),
        "train_examples": features.shape[0],
        "dev_examples": len(true),
        "features": features.shape[1],
        "parameters": int(model.coef_.size + model.intercept_.size),
        "fit_seconds": round(fitted - start, 2),
        "predict_seconds": round(time.perf_counter() - fitted, 2),
        "settings": {"ngram_range": [1, 2], "min_df": 2, "sublinear_tf": True, **settings},
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
        "versions": {"scikit-learn": version("scikit-learn")},
    }
    print(json.dumps(result, indent=2))


def _texts(table: Table) -> list[str]:
    # Of a pair, both texts in one bag of words.
    return [text if pair is None else f"{text} {pair}" for _, text, pair, _ in table]


def _indices(table: Table, classes: tuple[str, ...]) -> list[int]:
    labels = [example.label for example in table]
    index = match_labels(labels, classes, table.name).index
    return [index[label] for label in labels]


if __name__ == "__main__":
    main()
