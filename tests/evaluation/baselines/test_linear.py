"""Linear models over dense features and n-grams."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from squeezebert.evaluation.baselines.linear import Block, Loss, Weights, fit, zeros
from squeezebert.evaluation.baselines.sparse import by_bucket, by_text
from squeezebert.pipelines.learnt.ngrams import NGrams

ROWS, WIDTH, BUCKETS = 90, 5, 12


@pytest.fixture
def data() -> tuple[Any, NGrams, Any]:
    """Dense features, n-grams, and both as one matrix."""
    random = np.random.default_rng(0)
    dense = random.normal(size=(ROWS, WIDTH)).astype(np.float32)
    sparse = random.normal(size=(ROWS, BUCKETS)) * (random.random((ROWS, BUCKETS)) < 0.3)
    sparse[3] = 0  # a row without any
    rows, buckets = np.nonzero(sparse)
    offsets = np.concatenate([[0], np.cumsum((sparse != 0).sum(1))])
    values = sparse[rows, buckets].astype(np.float32)
    return dense, NGrams(offsets, buckets.astype(np.int32), values), np.hstack([dense, sparse])


def learnt(data: Any, loss: Loss, targets: Any, outputs: int, penalty: float) -> Weights:
    dense, ngrams, _ = data
    counts = np.ones(ROWS, np.float32)
    scales = np.ones(WIDTH, np.float32), np.ones(BUCKETS, np.float32)
    start = zeros(WIDTH, BUCKETS, outputs)
    block = Block.of(dense, targets, counts, ngrams)
    return fit([block], loss, penalty, start, scales, tolerance=1e-6, steps=1000)


@pytest.mark.parametrize("classes", [3, 6])
@pytest.mark.parametrize("penalty", [0.1, 3.0])
def test_classes_are_learnt_as_scikit_learn_does(data: Any, classes: int, penalty: float) -> None:
    targets = np.arange(ROWS) % classes
    weights = learnt(data, "softmax", targets, classes, penalty)
    theirs = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=10_000).fit(data[2], targets)
    odds = np.exp(weights(data[0], by_text(data[1])))
    expected = theirs.predict_proba(data[2])
    np.testing.assert_allclose(odds / odds.sum(1, keepdims=True), expected, atol=2e-3)


def test_several_labels_are_learnt_as_scikit_learn_learns_each(data: Any) -> None:
    given = np.stack([np.arange(ROWS) % 2 == 0, np.arange(ROWS) % 3 == 0], 1)
    weights = learnt(data, "sigmoid", given, 2, 1.0)
    scores = 1 / (1 + np.exp(-weights(data[0], by_text(data[1]))))
    for label in range(2):
        theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000).fit(data[2], given[:, label])
        expected = theirs.predict_proba(data[2])[:, 1]
        np.testing.assert_allclose(scores[:, label], expected, atol=2e-3)


def test_values_are_learnt_as_scikit_learn_does(data: Any) -> None:
    values = data[2] @ np.arange(WIDTH + BUCKETS) + 7
    weights = learnt(data, "squares", values[:, None].astype(np.float32), 1, 2.0)
    expected = Ridge(alpha=2.0).fit(data[2], values).predict(data[2])
    np.testing.assert_allclose(weights(data[0], by_text(data[1]))[:, 0], expected, atol=0.05)


def test_rows_in_several_blocks_are_learnt_alike(data: Any) -> None:
    dense, ngrams, _ = data
    targets = np.arange(ROWS) % 3
    cut = 40
    place = int(ngrams.offsets[cut])
    halves = [
        Block.of(
            dense[:cut],
            targets[:cut],
            np.ones(cut, np.float32),
            NGrams(ngrams.offsets[: cut + 1], ngrams.buckets[:place], ngrams.values[:place]),
        ),
        Block.of(
            dense[cut:],
            targets[cut:],
            np.ones(ROWS - cut, np.float32),
            NGrams(ngrams.offsets[cut:] - place, ngrams.buckets[place:], ngrams.values[place:]),
        ),
    ]
    scales = np.ones(WIDTH, np.float32), np.ones(BUCKETS, np.float32)
    weights = fit(halves, "softmax", 1.0, zeros(WIDTH, BUCKETS, 3), scales, tolerance=1e-5)
    whole = learnt(data, "softmax", targets, 3, 1.0)
    np.testing.assert_allclose(weights.ngrams, whole.ngrams, atol=1e-3)


def test_a_larger_scale_is_a_smaller_penalty_and_none_leaves_a_feature_out(data: Any) -> None:
    dense, ngrams, both = data
    targets = np.arange(ROWS) % 2
    block = Block.of(dense, targets, np.ones(ROWS, np.float32), ngrams)
    scales = np.full(WIDTH, 2, np.float32), np.zeros(BUCKETS, np.float32)
    weights = fit([block], "softmax", 1.0, zeros(WIDTH, BUCKETS, 2), scales, tolerance=1e-6)
    assert not weights.ngrams.any()
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000).fit(2 * both[:, :WIDTH], targets)
    odds = np.exp(weights(dense))
    # Two outputs for two classes share the penalty of one.
    learnt_odds = odds[:, 1] / odds.sum(1)
    expected = theirs.predict_proba(2 * both[:, :WIDTH])[:, 1]
    assert np.corrcoef(learnt_odds, expected)[0, 1] > 0.99


def test_sparse_products_are_dense_ones_whatever_the_lengths_of_rows() -> None:
    random = np.random.default_rng(0)
    lengths = [0, 1, 7, 8, 9, 17, 0, *[3] * 4000, 100]
    buckets = np.concatenate([random.choice(200, size, replace=False) for size in lengths])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = random.normal(size=len(buckets)).astype(np.float32)
    ngrams = NGrams(offsets, buckets.astype(np.int32), values)
    dense = np.zeros((len(lengths), 200), np.float32)
    dense[ngrams.rows, buckets] = values
    for outputs in (1, 5, 40):
        table = random.normal(size=(200, outputs)).astype(np.float32)
        found = np.ones((len(lengths), outputs), np.float32)
        by_text(ngrams).add_product(table, found)
        np.testing.assert_allclose(found, 1 + dense @ table, atol=1e-4)
        slopes = random.normal(size=(len(lengths), outputs)).astype(np.float32)
        back = np.zeros((200, outputs), np.float32)
        by_bucket(ngrams).add_product(slopes, back)
        np.testing.assert_allclose(back, dense.T @ slopes, atol=1e-3)
