"""What parameters are worth on dev data, by numbers that choose among them.

Those of the built-in models are measured anew with `squeezebert evaluate`, on the bundle.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from benchmarks.gpu.encoder import Parameters, Shape
from benchmarks.gpu.objectives import Kind, Task, outputs
from benchmarks.gpu.rows import TEXT, UNLABELLED, Rows, only
from benchmarks.gpu.store import Array, Arrays
from scipy.stats import spearmanr

from squeezebert.data.tasks.entities import spans
from squeezebert.evaluation.metrics import f1_score

TOKENS_AT_ONCE = 16_384
LONGEST_ANSWER = 30  # tokens
Scores = dict[str, float]


@dataclass(frozen=True)
class Pairs:
    """Pairs of texts, and how alike people find them."""

    first: Arrays
    second: Arrays
    likeness: Array


@dataclass(frozen=True)
class Dev:
    """Dev data: examples, or for vectors pairs by language.

    Attributes:
        counted: The languages whose mean decides.
    """

    examples: Arrays = field(default_factory=dict)
    pairs: dict[str, Pairs] = field(default_factory=dict)
    counted: tuple[str, ...] = ()


@torch.no_grad()
def predict(
    parameters: Parameters, shape: Shape, task: Task, data: Arrays, tokens: int = TOKENS_AT_ONCE
) -> list[Array]:
    """What `outputs` gives for every text, in order; of tokens without the padding."""
    rows = Rows(only(data, TEXT))
    found: list[Array] = [np.zeros(0)] * rows.count
    by_token = task.kind in (Kind.TAGS, Kind.SPAN)
    for batch in rows.parts(tokens):
        values = outputs(parameters, shape, task, batch).float().cpu().numpy()
        for row, length, value in zip(
            batch["row"].tolist(), batch["lengths"].tolist(), values, strict=True
        ):
            found[row] = value[:length] if by_token else value
    return found


def score(parameters: Parameters, shape: Shape, task: Task, dev: Dev) -> Scores:
    """The metrics of a task's kind."""
    if task.kind == Kind.VECTOR:
        by_language = {
            language: _likeness(parameters, shape, task, pairs)
            for language, pairs in dev.pairs.items()
        }
        mean = float(np.mean([by_language[language] for language in dev.counted]))
        return {"spearman": mean, **by_language}
    found = predict(parameters, shape, task, dev.examples)
    return _SCORES[task.kind](task, dev.examples, found)


def _likeness(parameters: Parameters, shape: Shape, task: Task, pairs: Pairs) -> float:
    first, second = (
        np.stack(predict(parameters, shape, task, side)) for side in (pairs.first, pairs.second)
    )
    return float(spearmanr((first * second).sum(-1), pairs.likeness)[0])


def _class_scores(task: Task, examples: Arrays, found: list[Array]) -> Scores:
    label, scores = examples["label"], np.stack(found)
    chosen, inside = scores.argmax(-1), label != UNLABELLED
    right = chosen == label
    result = {"accuracy": float(right[inside].mean())}
    if task.outputs == 2:
        result["f1"] = _f1(chosen == 1, label == 1)
        with np.errstate(invalid="ignore"):
            result["mcc"] = float(np.nan_to_num(np.corrcoef(chosen, label)[0, 1]))
    if "language" in examples:
        by_language = [
            np.mean([_f1(chosen[here] == one, label[here] == one) for one in range(task.outputs)])
            for here in _languages(examples).values()
        ]
        result["macro_f1"] = float(np.mean(by_language))
    if not inside.all():  # texts that fit nothing: 70% of them are to be told by confidence
        shifted = np.exp(scores - scores.max(-1, keepdims=True))
        confidence = (shifted / shifted.sum(-1, keepdims=True)).max(-1)
        threshold = np.quantile(confidence[~inside], 0.7)
        result["accuracy_at_70"] = float((right & (confidence > threshold))[inside].mean())
    return result


def _number_scores(task: Task, examples: Arrays, found: list[Array]) -> Scores:
    number, chosen = examples["number"], np.stack(found)[:, 0]
    root = float(np.sqrt(((chosen - number) ** 2).mean()))
    return {"pearson": float(np.corrcoef(chosen, number)[0, 1]), "rmse": root}


def _tags_scores(task: Task, examples: Arrays, found: list[Array]) -> Scores:
    """F1 of whole entities; the mean of languages, if there are several."""
    tags = np.split(examples["tag"], np.cumsum(examples["lengths"].astype(np.int64))[:-1])
    pairs = [
        (_entities(task, scores[tag >= 0].argmax(-1)), _entities(task, tag[tag >= 0]))
        for scores, tag in zip(found, tags, strict=True)
    ]

    def f1(rows: Array) -> float:
        some = [pairs[row] for row in rows]
        right = sum(len(ours & true) for ours, true in some)
        ours, true = (sum(len(pair[side]) for pair in some) for side in range(2))
        return float(f1_score(np.array(right), np.array(ours), np.array(true)))

    if "language" not in examples:
        return {"f1": f1(np.arange(len(pairs)))}
    by_language = {f"f1_{name}": f1(rows) for name, rows in _languages(examples).items()}
    return {"f1": float(np.mean(list(by_language.values()))), **by_language}


def _entities(task: Task, tags: Array) -> set[tuple[str, int, int]]:
    named = [task.tags[tag] for tag in tags]
    return set(spans(named, [(place, place + 1) for place in range(len(named))]))


def _span_scores(task: Task, examples: Arrays, found: list[Array]) -> Scores:
    """F1 in tokens, and exact answers, where a text holds the answer."""
    shared, exact = [], []
    for scores, span, second in zip(found, examples["span"], examples["second"], strict=True):
        start, end = (int(place) for place in span)
        if end == 0:
            continue
        first, last = _best_span(scores, int(second))
        common = max(0, min(end, last) - max(start, first) + 1)
        shared.append(2 * common / (end - start + 1 + last - first + 1))
        exact.append((start, end) == (first, last))
    return {"f1": float(np.mean(shared or 0.0)), "exact": float(np.mean(exact or 0.0))}


def _best_span(scores: Array, second: int) -> tuple[int, int]:
    tokens = len(scores)
    first = np.where(np.arange(tokens) < second, -np.inf, scores[:, 0])
    by_length = np.full((min(LONGEST_ANSWER, tokens), tokens), -np.inf)
    for more in range(len(by_length)):
        by_length[more, : tokens - more] = first[: tokens - more] + scores[more:, 1]
    longer, place = (int(n) for n in np.unravel_index(by_length.argmax(), by_length.shape))
    return place, place + longer


def _f1(chosen: Array, true: Array) -> float:
    return float(f1_score((chosen & true).sum(), chosen.sum(), true.sum()))


def _languages(examples: Arrays) -> dict[int, Array]:
    language = examples["language"]
    return {int(one): np.nonzero(language == one)[0] for one in np.unique(language)}


_SCORES: dict[Kind, Callable[[Task, Arrays, list[Array]], Scores]] = {
    Kind.CLASS: _class_scores,
    Kind.NUMBER: _number_scores,
    Kind.TAGS: _tags_scores,
    Kind.SPAN: _span_scores,
}
