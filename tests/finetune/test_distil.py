"""What a student is told by a teacher's logits."""

import numpy as np
import pytest
import torch

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.heads import ProblemType
from squeezebert.data.labels import LabelSpace
from squeezebert.errors import InputError
from squeezebert.finetune.tasks.problems import PROBLEMS, teacher_logits
from squeezebert.pipelines import Classifier
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Tokenizer

SINGLE: ProblemType = "single_label_classification"


def test_the_loss_of_classes_is_the_divergence_at_a_temperature() -> None:
    student, teacher = torch.tensor([[1.0, 3.0]]), torch.tensor([[2.0, 0.0]])
    p, q = (teacher / 2).softmax(-1), (student / 2).softmax(-1)
    expected = 4 * (p * (p / q).log()).sum()
    loss = PROBLEMS[SINGLE].distillation_losses
    assert loss(student, teacher, 2.0).item() == pytest.approx(expected.item())
    assert loss(teacher + 5, teacher, 3.0).item() == pytest.approx(0, abs=1e-6)


def test_the_loss_of_values_is_their_squared_error() -> None:
    student, teacher = torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [2.0]])
    assert PROBLEMS["regression"].distillation_losses(student, teacher, 2.0).tolist() == [4, 0]


def teacher(tokenizer_json: bytes, labels: tuple[str, ...], logits: list[float]) -> Classifier:
    def rows(batch: PackedBatch) -> np.ndarray:
        lengths = batch.lengths.astype(np.float32)[:, None]
        return np.array([logits], np.float32) * lengths

    kind: ProblemType = "regression" if len(labels) == 1 else SINGLE
    spec = TaskSpec(task="classification", labels=labels, problem_type=kind, max_length=20)
    return Classifier(Tokenizer.from_json(tokenizer_json), rows, spec)


def test_logits_are_in_the_order_of_the_items_and_the_students_labels(
    tokenizer_json: bytes,
) -> None:
    labels = LabelSpace(SINGLE, ("neg", "pos"), ("0", "1"))
    model = teacher(tokenizer_json, ("pos", "neg"), [0.5, -0.25])
    logits = teacher_logits(model, ["a good film", "a"], labels)
    expected = torch.tensor([[-1.25, 2.5], [-0.75, 1.5]])  # five and three tokens
    assert torch.allclose(logits.softmax(-1), expected.softmax(-1))
    assert torch.allclose((logits / 3).softmax(-1), (expected / 3).softmax(-1))


def test_a_certain_teacher_stays_finite(tokenizer_json: bytes) -> None:
    labels = LabelSpace(SINGLE, ("neg", "pos"), ("0", "1"))
    logits = teacher_logits(teacher(tokenizer_json, ("neg", "pos"), [-90, 90]), ["a"], labels)
    assert logits.isfinite().all()


def test_a_teacher_of_values(tokenizer_json: bytes) -> None:
    labels = LabelSpace("regression", ("value",), ())
    logits = teacher_logits(teacher(tokenizer_json, ("value",), [-1.5]), ["a", "a a"], labels)
    assert logits.tolist() == [[-4.5], [-6]]


def test_a_teacher_of_something_else_is_refused(tokenizer_json: bytes) -> None:
    labels = LabelSpace(SINGLE, ("neg", "pos"), ("0", "1"))
    with pytest.raises(InputError, match="The teacher's labels are no, yes, but the data's are"):
        teacher_logits(teacher(tokenizer_json, ("no", "yes"), [0, 0]), ["a"], labels)
    with pytest.raises(InputError, match="The teacher is for regression"):
        teacher_logits(teacher(tokenizer_json, ("value",), [0]), ["a"], labels)
