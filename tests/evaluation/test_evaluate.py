"""Scores of predictors whose answers are known."""

import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertForSequenceClassification

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.heads import ProblemType
from squeezebert.data.tasks.classification import Table, read_classification
from squeezebert.errors import CheckpointError, DataError, InputError
from squeezebert.evaluation import evaluate
from squeezebert.evaluation.scores import Mistake
from squeezebert.pipelines import Classifier
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Tokenizer
from squeezebert.training.predictor import load_predictor

GOOD, BAD = 6, 7  # token ids of the tiny vocabulary


@pytest.fixture
def predictor(tokenizer_json: bytes) -> Callable[..., Classifier]:
    """Counts good against bad: positive if there is more good."""

    def logits(batch: PackedBatch) -> np.ndarray:
        ids = np.split(batch.input_ids, batch.cu_seqlens[1:-1])
        balance = [np.sum(row == GOOD) - np.sum(row == BAD) for row in ids]
        return np.array([[0, value] for value in balance], np.float32)

    def make(
        problem_type: ProblemType = "single_label_classification",
        labels: Sequence[str] = ("negative", "positive"),
        max_length: int = 20,
        threshold: float | None = None,
    ) -> Classifier:
        compute = logits if len(labels) == 2 else lambda batch: logits(batch)[:, 1:]
        spec = TaskSpec(
            task="classification",
            labels=tuple(labels),
            problem_type=problem_type,
            max_length=max_length,
            threshold=threshold,
        )
        return Classifier(Tokenizer.from_json(tokenizer_json), compute, spec)

    return make


def table(tmp_path: Path, *rows: tuple[str, str]) -> Table:
    path = tmp_path / "dev.tsv"
    path.write_text("\n".join("\t".join(row) for row in [("text", "label"), *rows]) + "\n")
    return read_classification(path)


ROWS = [
    ("good film", "positive"),
    ("very good", "positive"),
    ("bad plot", "positive"),
    ("bad film", "negative"),
    ("a film", "negative"),
]


def test_the_scores_are_those_by_hand(tmp_path: Path, predictor: Callable[..., Classifier]) -> None:
    evaluation = evaluate(predictor(), table(tmp_path, *ROWS))
    # True positives 2, false negatives 1, true negatives 2; ("a film" ties, and the first wins.)
    assert evaluation.confusion == ((2, 0), (1, 2))
    odds = [math.e, math.e, math.e, math.e, 1]  # of the right or wrong winner over the other
    off = [
        chance - right
        for chance, right in zip([x / (1 + x) for x in odds], [1, 1, 0, 1, 1], strict=True)
    ]
    assert (
        evaluation.metrics
        == pytest.approx(
            {
                "accuracy": 4 / 5,
                "macro_f1": (4 / 5 + 4 / 5) / 2,
                "mcc": 4 / math.sqrt(2 * 3 * 3 * 2),
                "f1": 4 / 5,  # of the second class
                "calibration_error": (abs(sum(off[:4])) + abs(off[4])) / 5,
            }
        )
    )
    assert evaluation.headline == "accuracy"
    negative, positive = evaluation.per_class
    assert (negative.label, negative.support) == ("negative", 2)
    assert (negative.precision, negative.recall) == pytest.approx((2 / 3, 1))
    assert (positive.precision, positive.recall, positive.f1) == pytest.approx((1, 2 / 3, 4 / 5))
    assert (evaluation.examples, evaluation.truncated, evaluation.note) == (5, 0, None)
    assert evaluation.mistakes == (Mistake(4, "bad plot", "positive", "negative"),)
    assert evaluation.wrong == 1


def test_ids_are_read_by_position_and_it_is_said(
    tmp_path: Path, predictor: Callable[..., Classifier]
) -> None:
    ids = [(text, str(int(label == "positive"))) for text, label in ROWS]
    evaluation = evaluate(predictor(), table(tmp_path, *ids))
    assert evaluation.metrics["accuracy"] == 4 / 5
    assert evaluation.note is not None and "0 = negative, 1 = positive" in evaluation.note


def test_truncated_examples_are_counted(
    tmp_path: Path, predictor: Callable[..., Classifier]
) -> None:
    evaluation = evaluate(predictor(max_length=4), table(tmp_path, *ROWS, ("a a good", "positive")))
    assert evaluation.truncated == 1


def test_every_example_counts_once_across_chunks(
    tmp_path: Path, predictor: Callable[..., Classifier]
) -> None:
    evaluation = evaluate(predictor(), table(tmp_path, *ROWS * 500))
    assert evaluation.examples == 2500
    assert evaluation.confusion == ((1000, 0), (500, 1000))


def test_regression(tmp_path: Path, predictor: Callable[..., Classifier]) -> None:
    model = predictor("regression", ["value"])
    rows = [("good good", "2.5"), ("good", "1"), ("film", "0"), ("bad", "-0.5")]
    evaluation = evaluate(model, table(tmp_path, *rows), with_intervals=True)
    true, predicted = [2.5, 1, 0, -0.5], [2, 1, 0, -1]
    assert evaluation.intervals.keys() == evaluation.metrics.keys()
    assert evaluation.intervals["rmse"] == pytest.approx((0, 0.5))
    assert evaluation.metrics == pytest.approx(
        {
            "pearson": np.corrcoef(true, predicted)[0, 1],
            "spearman": 1,
            "rmse": math.sqrt(0.5 / 4),
        }
    )
    assert (evaluation.headline, evaluation.confusion) == ("pearson", ())
    with pytest.raises(DataError, match=r"'high' \(line 2\) is not a finite number"):
        evaluate(model, table(tmp_path, ("good", "high")))


def test_an_undefined_correlation_is_null_in_json(
    tmp_path: Path, predictor: Callable[..., Classifier]
) -> None:
    rows = [("film", "1.5"), ("plot", "2")]
    evaluation = evaluate(predictor("regression", ["value"]), table(tmp_path, *rows))
    assert math.isnan(evaluation.metrics["pearson"])
    values = json.loads(json.dumps(evaluation.as_json(), allow_nan=False))
    assert values["metrics"]["pearson"] is None
    assert values["metrics"]["rmse"] > 0


def test_what_cannot_be_scored(tmp_path: Path, predictor: Callable[..., Classifier]) -> None:
    with pytest.raises(DataError, match="unknown label 'neutral'"):
        evaluate(predictor(), table(tmp_path, *ROWS, ("a", "neutral")))
    with pytest.raises(DataError, match=r"empty 'label' \(line 2\)"):
        evaluate(predictor(), table(tmp_path, ("a", " ")))


OUTSIDE = [("plot", "out_of_scope"), ("good good plot", "out_of_scope")]


class TestOutOfScope:
    def test_without_a_threshold_nothing_is_rejected_and_one_is_fitted(
        self, tmp_path: Path, predictor: Callable[..., Classifier]
    ) -> None:
        evaluation = evaluate(predictor(), table(tmp_path, *ROWS, *OUTSIDE, OUTSIDE[0]))
        assert evaluation.headline == "accuracy_in_scope"
        assert evaluation.metrics["accuracy_in_scope"] == 4 / 5
        assert evaluation.metrics["out_of_scope_recall"] == 0
        # Rejecting up to the confidence of "film" and "plot" costs one right answer and finds two
        # texts out of scope; rejecting more finds no more.
        confidence = 1 / (1 + math.exp(-1 / evaluation.fitted["temperature"]))
        assert evaluation.fitted["threshold"] == pytest.approx(confidence, abs=1e-3)

    def test_with_a_threshold_both_are_scored(
        self, tmp_path: Path, predictor: Callable[..., Classifier]
    ) -> None:
        model = predictor(threshold=0.6)
        assert [answer.label for answer in model(["plot", "good film"])] == [
            "out_of_scope",
            "positive",
        ]
        evaluation = evaluate(model, table(tmp_path, *ROWS, *OUTSIDE))
        assert evaluation.metrics["accuracy_in_scope"] == 3 / 5
        assert evaluation.metrics["out_of_scope_recall"] == 1 / 2
        assert evaluation.per_class[-1].label == "out_of_scope"
        assert (evaluation.per_class[-1].precision, evaluation.per_class[-1].support) == (0.5, 2)

    def test_a_model_that_rejects_is_scored_without_such_examples(
        self, tmp_path: Path, predictor: Callable[..., Classifier]
    ) -> None:
        evaluation = evaluate(predictor(threshold=0.6), table(tmp_path, *ROWS))
        assert evaluation.metrics["accuracy"] == 3 / 5
        assert "threshold" not in evaluation.fitted

    def test_nothing_in_scope_is_refused(
        self, tmp_path: Path, predictor: Callable[..., Classifier]
    ) -> None:
        with pytest.raises(DataError, match="every example is out of scope"):
            evaluate(predictor(), table(tmp_path, ("plot", "out_of_scope")))


def test_bundles_and_checkpoints_load_alike(
    tmp_path: Path, tiny_bundle: Path, make_checkpoint: Callable[..., Path]
) -> None:
    labels = {0: "negative", 1: "positive"}
    checkpoint = make_checkpoint(tmp_path / "bert", BertForSequenceClassification, id2label=labels)
    for path in (tiny_bundle, checkpoint):
        evaluation = evaluate(load_predictor(path), table(tmp_path, *ROWS))
        assert (evaluation.examples, evaluation.labels) == (5, ("negative", "positive"))
    model = BertForSequenceClassification.from_pretrained(checkpoint)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[2, 5, 6, 8, 3]])).logits
    answer = load_predictor(checkpoint)(["a good film", "a very bad film !"])[0]
    assert list(answer.scores.values()) == pytest.approx(logits.softmax(-1)[0].tolist(), abs=1e-6)


def test_models_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load_predictor("sentimnt")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load_predictor(tmp_path)


def test_a_bundle_is_scored_without_torch(tiny_bundle: Path, tmp_path: Path) -> None:
    table(tmp_path, *ROWS)
    code = (
        "import sys\n"
        "from squeezebert.data.tasks.classification import read_classification\n"
        "from squeezebert.evaluation import evaluate\n"
        "from squeezebert.training.predictor import load_predictor\n"
        "table = read_classification(sys.argv[2])\n"
        "print(evaluate(load_predictor(sys.argv[1]), table).examples)\n"
        "print({'torch', 'transformers'} & sys.modules.keys())"
    )
    arguments = [sys.executable, "-c", code, str(tiny_bundle), str(tmp_path / "dev.tsv")]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.stdout == "5\nset()\n", done.stderr
