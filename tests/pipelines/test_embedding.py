"""Vectors, similarities and search by meaning."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines import Embedder, Embedding, Similarity, TextSearch, load
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Tokenizer

BundleMaker = Callable[..., Path]

TEXTS = ["good film", "", "a very good plot and a good film", "bad"]
SPEC = TaskSpec(task="embedding", max_length=12)


@pytest.fixture
def embed(tmp_path: Path, make_bundle: BundleMaker) -> Embedder:
    """Over a bundle with random weights."""
    pipeline = load(make_bundle(tmp_path / "b", task="embedding", labels=(), problem_type=None))
    assert isinstance(pipeline, Embedder)
    return pipeline


@pytest.fixture
def count(tokenizer_json: bytes) -> Embedder:
    """Counts good (id 6) and bad (id 7): a vector of two numbers."""

    def counts(batch: PackedBatch) -> Floats:
        texts = np.split(batch.input_ids, batch.cu_seqlens[1:-1])
        return np.array([[np.sum(ids == 6), np.sum(ids == 7)] for ids in texts], np.float32)

    return Embedder(Tokenizer.from_json(tokenizer_json), counts, SPEC)


def test_vectors_are_unit_rows_in_order(embed: Embedder) -> None:
    vectors = embed.vectors(TEXTS)
    assert vectors.shape == (4, 16)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for text, vector in zip(TEXTS, vectors, strict=True):
        [alone] = embed([text])
        assert isinstance(alone, Embedding)
        np.testing.assert_allclose(alone.vector, vector, atol=1e-6)


def test_the_direction_is_the_mean_of_the_hidden_states(tokenizer_json: bytes) -> None:
    from squeezebert.pipelines.heads import MeanHead

    class Positions:
        """An engine whose hidden state is (id, 1)."""

        hidden_size = 2

        def encode(self, batch: PackedBatch) -> Floats:
            return np.stack([batch.input_ids, np.ones_like(batch.input_ids)], 1).astype(np.float32)

    head = MeanHead(Positions(), {})
    batch = PackedBatch.from_encodings([([2, 6, 3], [0, 0, 0]), ([2, 3], [0, 0])])
    np.testing.assert_allclose(head(batch), [[11 / 3, 1], [5 / 2, 1]], rtol=1e-6)


def test_a_pair_has_a_similarity(count: Embedder) -> None:
    same, half, none = count([("good film", "good"), ("good", "good bad"), ("bad", "good")])
    assert isinstance(same, Similarity)
    assert same.score == pytest.approx(1)
    assert isinstance(half, Similarity)
    assert half.score == pytest.approx(np.sqrt(0.5))
    assert isinstance(none, Similarity)
    assert (none.score, none.tokens) == (0, 6)


def test_similarities_of_two_lists(count: Embedder) -> None:
    np.testing.assert_allclose(
        count.similarity(["good", "bad"], ["good good", "bad", "good bad"]),
        [[1, 0, 0.5**0.5], [0, 1, 0.5**0.5]],
        atol=1e-6,
    )
    assert count.similarity([], ["good"]).shape == (0, 1)


def test_a_vector_of_zeros_stays_without_a_direction(count: Embedder) -> None:
    np.testing.assert_array_equal(count.vectors(["film"]), [[0, 0]])


def test_no_texts_give_no_vectors(embed: Embedder) -> None:
    assert embed([]) == []
    assert len(embed.vectors([])) == 0


def test_truncation_is_told(embed: Embedder) -> None:
    long = "good " * 40
    answers = embed(["good", long, ("good", long)])
    assert [answer.truncated for answer in answers] == [False, True, True]
    assert (answers[1].tokens, answers[1].total_tokens) == (12, 42)


def test_what_has_no_vector_is_refused(embed: Embedder) -> None:
    with pytest.raises(InputError, match="Item 1: it is of type int"):
        embed(["good", 3])  # type: ignore[list-item]
    with pytest.raises(InputError, match="Item 1: it is a pair"):
        embed.vectors(["good", ("good", "bad")])  # type: ignore[list-item]
    with pytest.raises(InputError, match="Pass a list"):
        embed.vectors("good")


class TestSearch:
    def test_the_nearest_come_first_and_of_equal_ones_the_earlier(self, count: Embedder) -> None:
        search = TextSearch(count, ["bad", "good bad", "good", "good good"], top=3)
        [found] = search(["a good film"])
        assert [match.text for match in found.matches] == ["good", "good good", "good bad"]
        assert [match.index for match in found.matches] == [2, 3, 1]
        assert [match.score for match in found.matches] == pytest.approx([1, 1, 0.5**0.5])
        assert not found.truncated

    def test_more_than_there_are_is_all(self, count: Embedder) -> None:
        [found] = TextSearch(count, ["good"], top=9)(["bad"])
        assert len(found.matches) == 1

    def test_what_cannot_be_searched(self, count: Embedder) -> None:
        with pytest.raises(InputError, match="no texts to search in"):
            TextSearch(count, [])
        with pytest.raises(InputError, match="top is 0"):
            TextSearch(count, ["good"], top=0)
        with pytest.raises(InputError, match="Item 0: it is a pair"):
            TextSearch(count, ["good"])([("good", "bad")])
        with pytest.raises(InputError, match="A model of embeddings is needed"):
            TextSearch("embed", ["good"])  # type: ignore[arg-type]
