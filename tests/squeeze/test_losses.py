from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from squeezebert.model import SqueezeBertModel
from squeezebert.squeeze.losses import DistillationLoss, relative_errors
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.student import student_config
from squeezebert.squeeze.teacher import Teacher


def test_the_last_layer_counts_ten_times_an_inner_one(make_teacher: Callable[[str], Path]) -> None:
    teacher = Teacher(str(make_teacher("bert")))
    settings = SqueezeSettings(teacher="", text=(), tokens=0)
    student = SqueezeBertModel(student_config(teacher, settings))
    ids = torch.randint(5, teacher.tokenizer.get_vocab_size(), (4, 16))
    inner, last = relative_errors(student, teacher, ids)
    loss = DistillationLoss(teacher)(student, ids, segment=2)
    assert loss.item() == pytest.approx((0.1 * inner**2 + last**2) / 1.1, rel=1e-4)
    loss.backward()
    gradient = student.get_parameter("encoder.layers.0.attention.query.weight").grad
    assert gradient is not None
    assert gradient.any()
    assert all(parameter.grad is None for parameter in teacher.model.parameters())
