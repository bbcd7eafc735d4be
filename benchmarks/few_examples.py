"""Intents learnt from a few examples each, beside logistic regression on a teacher's embeddings.

    python benchmarks/few_examples.py --data clinc150/data_full.json --teacher all-MiniLM-L6-v2

Draws subsets of CLINC150's training part and scores on its test part, both in scope, and prints
JSON: the accuracy of each draw, and the median of them, by examples an intent.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import median

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from squeezebert.learn import FewShotClassifier
from squeezebert.pipelines import Embedder
from squeezebert.training.predictor import load_predictor

DRAWS = 3
REGULARISATION = 30.0  # its inverse, as in FewShotClassifier

Queries = Sequence[Sequence[str]]
Vectors = dict[str, npt.NDArray[np.float32]]


def main() -> None:
    """Scores what we ship and what it is held against."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="CLINC150's data_full.json")
    parser.add_argument("--teacher", required=True, help="checkpoint that makes embeddings")
    parser.add_argument("--model", default="embed", help="built-in name, bundle or checkpoint")
    parser.add_argument("--examples", type=int, nargs="+", default=[8, 64])
    arguments = parser.parse_args()
    data = json.loads(arguments.data.read_text(encoding="utf-8"))
    embed, teacher = (load_predictor(name) for name in (arguments.model, arguments.teacher))
    if not isinstance(embed, Embedder) or not isinstance(teacher, Embedder):
        parser.error("--model and --teacher must both be for embeddings.")
    texts = {row[0] for part in ("train", "test") for row in data[part]}
    ours, theirs = (
        dict(zip(texts, model.vectors(list(texts)), strict=True)) for model in (embed, teacher)
    )
    accuracies: dict[str, dict[int, list[float]]] = {
        "few-shot": {},
        "logistic": {},
        "teacher, logistic": {},
    }
    for examples in arguments.examples:
        draws = [draw(data["train"], examples, seed) for seed in range(DRAWS)]
        accuracies["few-shot"][examples] = [few_shot(embed, d, data["test"]) for d in draws]
        accuracies["logistic"][examples] = [logistic(ours, d, data["test"]) for d in draws]
        accuracies["teacher, logistic"][examples] = [
            logistic(theirs, d, data["test"]) for d in draws
        ]
    medians = {
        name: {count: round(100 * median(found), 2) for count, found in by_count.items()}
        for name, by_count in accuracies.items()
    }
    print(json.dumps({"argv": sys.argv, "medians": medians, "draws": accuracies}, indent=1))


def draw(queries: Queries, examples: int, seed: int) -> list[tuple[str, str]]:
    """So many queries of each intent."""
    random = Random(seed)
    by_intent: dict[str, list[str]] = defaultdict(list)
    for text, intent in queries:
        by_intent[intent].append(text)
    return [
        (text, intent)
        for intent, texts in by_intent.items()
        for text in random.sample(texts, examples)
    ]


def few_shot(embed: Embedder, examples: list[tuple[str, str]], test: Queries) -> float:
    """Accuracy of what `squeezebert predict --examples` does."""
    answers = FewShotClassifier(embed, examples)([text for text, _ in test])
    return float(
        np.mean([answer.label == row[1] for answer, row in zip(answers, test, strict=True)])
    )


def logistic(vectors: Vectors, examples: list[tuple[str, str]], test: Queries) -> float:
    """Accuracy of scikit-learn's logistic regression."""
    model = LogisticRegression(C=REGULARISATION, max_iter=2000)
    model.fit([vectors[text] for text, _ in examples], [intent for _, intent in examples])
    predicted = model.predict([vectors[text] for text, _ in test])
    return float(np.mean(predicted == np.array([intent for _, intent in test])))


if __name__ == "__main__":
    main()
