"""Learning from labelled rows."""

import pickle
import re
from contextlib import closing
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow
import pytest
from tests.conftest import BundleMaker

from squeezebert import load
from squeezebert.bundle import read_bundle, write_bundle
from squeezebert.data.tasks.classification import read_classification
from squeezebert.errors import BundleError, DataError, InputError
from squeezebert.evaluation import evaluate
from squeezebert.evaluation.baselines.gram import factor, products
from squeezebert.evaluation.baselines.linear import Doubles, Weights, zeros
from squeezebert.learn import (
    FewShotClassifier,
    NothingLearntError,
    learn,
    learning,
    material,
    store,
)
from squeezebert.learn.remarks import remarks
from squeezebert.learn.report import rows_of
from squeezebert.learn.search import Sample, Setting, Trial, cross_validate
from squeezebert.learn.telling import telling_words
from squeezebert.pipelines import Embedder
from squeezebert.pipelines.learnt import LearntClassifier
from squeezebert.pipelines.learnt.ngrams import ngrams

PRAISE = ["good", "very good", "good film", "a good plot", "good !"]
BLAME = ["bad", "very bad", "bad film", "a bad plot", "bad !"]
EXAMPLES = [(f"{text} {end}", "praise") for text in PRAISE for end in ("", ".", "and film")]
EXAMPLES += [(f"{text} {end}", "blame") for text in BLAME for end in ("", ".", "and film")]


@pytest.fixture(scope="module")
def embed(tmp_path_factory: pytest.TempPathFactory, make_bundle: BundleMaker) -> Path:
    folder = tmp_path_factory.mktemp("embed") / "embed"
    return make_bundle(folder, task="embedding", labels=(), problem_type=None)


def test_what_is_learnt_is_a_bundle_like_any_other(embed: Path, tmp_path: Path) -> None:
    model = learn(EXAMPLES, embed)
    model.save(tmp_path / "learnt")
    loaded = load(tmp_path / "learnt")
    assert isinstance(loaded, LearntClassifier)
    texts = ["a very good film", "bad plot !", "", "good " * 30]
    assert loaded(texts) == model(texts)
    assert [answer.label for answer in loaded(texts)[:2]] == ["praise", "blame"]
    assert [answer.truncated for answer in loaded(texts)] == [False, False, False, True]
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\ngood,praise\nbad,blame\n")
    assert evaluate(loaded, read_classification(rows)).metrics["accuracy"] == 1
    manifest = read_bundle(tmp_path / "learnt").manifest
    parts, original = manifest.parts(), read_bundle(embed).manifest.parts()
    assert parts["encoder"] == original["encoder"]
    assert manifest.files[parts["heads"]].bytes < 1e6
    assert manifest.evaluation[0]["examples"] == len(EXAMPLES)


def test_every_row_is_scored_while_it_is_held_out(embed: Path) -> None:
    learnt = learn(EXAMPLES, embed).learnt
    assert learnt.learnt.evaluation.examples == len(EXAMPLES) == len(learnt.rows)
    assert learnt.learnt.evaluation.metrics["accuracy"] > 0.9
    assert learnt.baseline.score == 0.5


def test_labels_at_random_teach_nothing(embed: Path) -> None:
    random = Random(1)
    words = ["good", "bad", "film", "plot", "very", "not", "a", "and"]
    rows = [
        (" ".join(random.choices(words, k=5)), label) for label in ("x", "y") for _ in range(60)
    ]
    with pytest.raises(NothingLearntError, match=r"most frequent answer: 0\.500") as caught:
        learn(rows, embed)
    assert not caught.value.model.learnt.knows_something
    assert learn(rows, embed, anyway=True)(["good"])[0].label in {"x", "y"}


WORDS_OF_NOTHING = ["film", "plot", "a", "and", "very"]


def texts_about_nothing(count: int) -> list[str]:
    """Different texts, of which the labels that they get are no matter."""
    return list(map(" ".join, islice(product(WORDS_OF_NOTHING, repeat=4), count)))


def test_a_text_is_not_scored_by_its_twin(embed: Path) -> None:
    random = Random(2)
    labelled = [(text, random.choice("xy")) for text in texts_about_nothing(60)]
    rows = [(f"{text} {n}", label) for n in (1, 22) for text, label in labelled]
    rows += [(f"{text.upper()}!", label) for text, label in labelled]
    learnt = learn(rows, embed, anyway=True).learnt
    assert not learnt.knows_something
    assert learnt.alike == 120
    assert "120 of 180 rows are like an earlier one" in " ".join(remarks(learnt))
    assert (learnt.parts[:60] == learnt.parts[60:120]).all()
    assert (learnt.parts[:60] == learnt.parts[120:]).all()


@pytest.mark.parametrize("few", [1500, 20])
def test_where_hardly_any_texts_differ_the_scores_are_said_to_flatter(
    embed: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    for module in (material, learning):
        monkeypatch.setattr(module, "FEW", few)
    rows = [(f"{word} film {n}", word) for word in ("good", "bad") for n in range(20)]
    learnt = learn(rows, embed, anyway=True).learnt
    assert len(learnt.rows) == (40 if few > 40 else 4)
    assert "38 of 40 rows are like" in " ".join(remarks(learnt))
    assert "so the scores flatter" in " ".join(remarks(learnt))


def test_what_is_odd_about_the_rows_is_told(embed: Path) -> None:
    rows = [*EXAMPLES, *((text, "Praise") for text, _ in EXAMPLES[:2])]
    told = "\n".join(remarks(learn(rows, embed, anyway=True).learnt))
    assert "The labels 'Praise' and 'praise' are the same but for case or spaces" in told
    assert "repeat an earlier one with another label" in told
    assert "longer than" not in told
    long = [*EXAMPLES, (f"good {'film ' * 200}", "praise"), (f"bad {'film ' * 200}", "blame")]
    told = "\n".join(remarks(learn(long, embed, anyway=True).learnt))
    assert re.search(r"2 of 32 rows are longer than \d+ tokens", told)


def test_a_label_is_recognised_by_words_of_its_own() -> None:
    buckets = 1 << 12
    texts = ["good film", "bad film", "a good plot", "a bad plot", "rare"] * 2
    grams = ngrams(texts, buckets)
    true = np.array([1.0, -1, 1, -1, 0] * 2, np.float32)
    sums = np.zeros(buckets, np.float32)
    np.add.at(sums, grams.buckets, true[grams.rows] * grams.values)
    weights = zeros(0, buckets, 2)
    weights.ngrams[...] = np.stack([-sums, sums], 1)
    words = telling_words(weights, texts, ["no", "yes"])
    assert "good" in words["yes"]
    assert "bad" in words["no"]
    assert not set(words["yes"]) & set(words["no"])
    assert "rare" not in {*words["yes"], *words["no"]}
    nothing = telling_words(zeros(0, buckets, 2), texts, ["no", "yes"])
    assert nothing == {"no": [], "yes": []}


def test_what_is_no_better_than_words_alone_says_so(embed: Path) -> None:
    [line] = [line for line in remarks(learn(EXAMPLES, embed).learnt) if "TF-IDF" in line]
    assert line.startswith("No better than words and letters (TF-IDF)")


def test_a_setting_is_taken_for_another_only_if_it_is_better_by_more_than_chance() -> None:
    usual, other = np.tile([1.0, 1.0], 8), np.tile([0.0, 1.8], 8)
    gained = np.random.default_rng(0).permutation(usual - other)

    def trial(losses: Doubles) -> Trial:
        return Trial(Setting(1.0, 0.1, 0.1), np.zeros((0, 2), np.float32), losses, [])

    assert not trial(usual - gained).beats(trial(usual))  # lower by 0.1, with an error of 0.22
    assert trial(np.tile(usual - gained, 40)).beats(trial(np.tile(usual, 40)))
    assert not trial(usual).beats(trial(usual))


@pytest.mark.parametrize("few", [1500, 20])
@pytest.mark.parametrize("loss", [None, -1.0])
def test_words_alone_are_kept_where_vectors_add_nothing(
    embed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, loss: float | None
) -> None:
    def vectors_alone(sample: Sample, **how: object) -> Trial:
        trial = cross_validate(sample, Setting(1.0, 0.0, 0.1))
        return trial if loss is None else replace(trial, losses=np.full_like(trial.losses, loss))

    for module in (material, learning):
        monkeypatch.setattr(module, "FEW", few)
    monkeypatch.setattr(learning, "search", vectors_alone)
    random = Random(0)  # the encoder doesn't read as far as the word that tells
    rows = [
        (" ".join([*random.choices(WORDS_OF_NOTHING, k=14), word]), word)
        for word in ("good", "bad")
        for _ in range(40)
    ]
    model = learn(rows, embed)
    assert model.learnt.reads_words_alone
    assert "words and letters alone" in remarks(model.learnt)[0]
    assert [answer.label for answer in model(["a good film", "bad plot"])] == ["good", "bad"]
    model.save(tmp_path / "learnt")
    assert load(tmp_path / "learnt")(["a good film"]) == model(["a good film"])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("tickets.csv", "The examples are of type str; pass rows such as"),
        (pyarrow.table({"text": ["good"]}), r"The examples are a Table; .* zip\(table"),
        ([], "there are no rows"),
        ([{"text": "good", "label": "praise"}] * 4, "row 1: {'label': 'praise', 'text': 'good'};"),
        ([("good", "praise"), (None, "blame")], r"row 2: \(None, 'blame'\); pass rows such as"),
        ([(("good", "bad", "film"), "blame")], r"row 1: \(\('good', 'bad', 'film'\), 'blame'\)"),
        ([("good", None)] * 4, "row 1: the label is None; give a text, a number, or a list"),
    ],
)
def test_rows_that_are_none_are_told_with_their_number(embed: Path, rows: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        learn(rows, embed)
    embedder = load(embed)
    with pytest.raises(DataError, match=says):
        FewShotClassifier(embedder, rows)


def test_labels_may_be_numbers_of_arrays(embed: Path) -> None:
    rows: Any = [(text, np.int64(label == "praise")) for text, label in EXAMPLES]
    assert learn(rows, embed)(["a very good film"])[0].label == "1"


def test_several_labels_are_learnt(embed: Path) -> None:
    rows = [(text, [label, "film"] if "film" in text else [label]) for text, label in EXAMPLES]
    [answer] = learn(rows, embed)(["a very good film"])
    assert answer.labels is not None
    assert set(answer.labels) == {"praise", "film"}


def test_values_are_learnt(embed: Path) -> None:
    rows = [(text, 4.5 if label == "praise" else 1.25) for text, label in EXAMPLES]
    classify = learn(rows, embed)
    assert rows_of(classify.learnt)[1][0].name == "always the mean"
    high, low = classify(["very good !", "very bad !"])
    assert high.value is not None and low.value is not None
    assert high.value > 3.5 > 2.5 > low.value


def test_pairs_are_learnt(embed: Path) -> None:
    rows = [
        ((first, second), "same" if one == other else "different")
        for first, one in EXAMPLES[::3]
        for second, other in EXAMPLES[::3]
    ]
    classify = learn(rows, embed)
    same, different = classify([("good film", "very good film"), ("good film", "bad plot")])
    assert (same.label, different.label) == ("same", "different")
    with pytest.raises(InputError, match="Item 1: it is a single text"):
        classify([("a", "b"), "a"])


def test_texts_out_of_scope_set_the_threshold_and_are_no_class(embed: Path) -> None:
    foreign = [("not moved", "out_of_scope"), ("unmoved", "out_of_scope")]
    classify = learn(EXAMPLES + foreign * 8, embed)
    assert classify.spec.labels == ("blame", "praise")
    assert classify.spec.threshold is not None
    assert classify.learnt.learnt.evaluation.headline == "accuracy_in_scope"
    told = " ".join(remarks(classify.learnt))
    assert re.search(r"Of 16 rows labelled out_of_scope, .*, \d+% are refused", told)


def test_many_rows_are_learnt_from_files_with_a_part_held_out(
    embed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (material, learning):
        monkeypatch.setattr(module, "FEW", 20)
    monkeypatch.setattr(material, "_ROWS_AT_ONCE", 7)
    monkeypatch.setattr(store, "_IN_MEMORY", 1000)
    monkeypatch.setattr(store, "_IN_PORTION", 500)
    examples = [(f"{text} {end}", label) for text, label in EXAMPLES for end in ("a", "plot")]
    model = learn(examples, embed)
    assert len(model.learnt.rows) == 6
    assert [answer.label for answer in model(["a good film", "bad !"])] == ["praise", "blame"]


def test_rows_that_are_in_files_are_read_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_IN_PORTION", 20_000)
    monkeypatch.setattr(store, "_IN_MEMORY", 100_000)
    random = np.random.default_rng(0)
    grams = ngrams([f"film {word}" for word in random.integers(0, 50, 2000)], 64)
    dense = random.normal(size=(2000, 3)).astype(np.float32)
    whole = store.Portion(dense, np.arange(2000), np.ones(2000, np.float32), grams)
    with closing(store.Store()) as rows:
        for start in range(0, 2000, 100):
            rows.add(whole.part(np.arange(start, start + 100)))
        blocks = list(rows)
        assert len(blocks) > 5
        np.testing.assert_array_equal(np.concatenate([block.dense for block in blocks]), dense)
        first, second = (random.normal(size=(n, 2)).astype(np.float32) for n in (3, 64))
        weights = Weights(first, second, np.zeros(2, np.float32))
        found = np.concatenate([weights(block.dense, block.by_text) for block in blocks])
        np.testing.assert_allclose(found, weights(dense, whole.block.by_text), atol=1e-5)
        slopes, back = np.zeros((2, 64, 2), np.float32)
        for block in blocks:
            assert block.by_bucket is not None
            block.by_bucket.add_product(found[block.targets], slopes)
        assert whole.block.by_bucket is not None
        whole.block.by_bucket.add_product(found, back)
        np.testing.assert_allclose(slopes, back, atol=1e-3)
        places = np.array([3, 700, 1999])
        np.testing.assert_array_equal(rows.rows_at(places).targets, places)
        np.testing.assert_array_equal(
            rows.rows_at(places).ngrams.buckets, whole.part(places).ngrams.buckets
        )


def test_a_bundle_that_leaves_its_encoder_to_an_installed_model_is_small_and_loads(
    tmp_path: Path,
) -> None:
    model = learn(EXAMPLES, "embed")
    model.save(tmp_path / "shared", shared=True)
    assert sum(file.stat().st_size for file in (tmp_path / "shared").iterdir()) < 1e6
    assert load(tmp_path / "shared")(["good film"]) == model(["good film"])


def test_what_is_learnt_can_be_sent_to_another_process(embed: Path) -> None:
    for model in (learn(EXAMPLES, embed), FewShotClassifier(load(embed), EXAMPLES)):
        sent = pickle.loads(pickle.dumps(model))
        assert sent(["a good plot", "very bad"]) == model(["a good plot", "very bad"])


def test_a_few_examples_are_enough(embed: Path) -> None:
    embedder = load(embed)
    assert isinstance(embedder, Embedder)
    classify = FewShotClassifier(embedder, EXAMPLES[::2])
    assert [answer.label for answer in classify(["very good", "very bad"])] == ["praise", "blame"]


def test_what_is_too_little_is_refused(embed: Path) -> None:
    with pytest.raises(DataError, match="at least two classes"):
        learn(EXAMPLES[:5], embed)
    with pytest.raises(DataError, match=r"may have several labels, write 'praise\|rare'"):
        learn([*EXAMPLES, ("a plot", "praise, rare")], embed)
    with pytest.raises(DataError, match="one example of 'rare'"):
        learn([*EXAMPLES, ("film", "rare")], embed)
    with pytest.raises(DataError, match="row 31: some are pairs"):
        learn([*EXAMPLES, (("film", "plot"), "praise")], embed)


def test_a_head_that_does_not_fit_its_recipe_is_refused(embed: Path, tmp_path: Path) -> None:
    learn(EXAMPLES, embed).save(tmp_path / "learnt")
    bundle = read_bundle(tmp_path / "learnt")
    heads = {
        name: np.zeros(3, np.float32) if name.endswith("bias") else tensor
        for name, tensor in bundle.tensors.items()
        if name.startswith("learnt.")
    }
    write_bundle(
        tmp_path / "broken",
        heads=bundle.manifest.heads,
        architecture=bundle.manifest.architecture,
        tensors={name: each for name, each in bundle.tensors.items() if name not in heads},
        head_tensors=heads,
        tokenizer_json=bundle.tokenizer_json,
        provenance={},
        evaluation=[],
    )
    with pytest.raises(BundleError, match=r"learnt\.bias must have shape"):
        load(tmp_path / "broken")


def test_products_of_sparse_rows_are_those_of_dense_ones() -> None:
    texts = ["the good film", "a good film", "the plot", ""] + ["common words here"] * 70
    matrix = ngrams(texts, 1 << 12)
    scale = np.random.default_rng(0).random(1 << 12).astype(np.float32)
    dense = np.zeros((len(texts), 1 << 12))
    dense[matrix.rows, matrix.buckets] = matrix.values * scale[matrix.buckets]
    found = products(matrix, scale)
    np.testing.assert_allclose(found, dense @ dense.T, atol=1e-5)
    rows = factor(found)
    np.testing.assert_allclose(rows @ rows.T, found, atol=1e-3)
