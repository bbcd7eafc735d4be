from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.teachers import FAMILIES

from squeezebert.model import SqueezeBertModel
from squeezebert.squeeze.closed_form import Moments, _assign, closed_form, copy_shared
from squeezebert.squeeze.losses import relative_errors
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.student import student_config
from squeezebert.squeeze.teacher import Teacher


def student_of(
    teacher: Teacher, shape: dict[str, int] | None = None, **settings: object
) -> SqueezeBertModel:
    wanted = SqueezeSettings(teacher="", text=(), tokens=0, **settings)  # type: ignore[arg-type]
    config = student_config(teacher, wanted)
    for name, value in (shape or {}).items():
        setattr(config, name, value)
    student = SqueezeBertModel(config)
    student.train(mode=False)
    copy_shared(student, teacher)
    return student


def some_ids(teacher: Teacher, sequences: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(
        5, teacher.tokenizer.get_vocab_size(), (sequences, 16), generator=generator
    )


def test_moments_fit_recovers_an_affine_map() -> None:
    torch.manual_seed(0)
    x = torch.randn(4000, 6) + 3
    weight, bias = torch.randn(4, 6), torch.randn(4)
    moments = Moments(6, 4)
    for rows in x.split(1000):
        moments.add(rows, rows @ weight.T + bias)
    fitted, offset = moments.fit(slice(0, 6), torch.tensor([2, 0]))
    torch.testing.assert_close(fitted, weight[[2, 0]], atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(offset, bias[[2, 0]], atol=1e-2, rtol=1e-2)
    variance = (x @ weight.T).double().var(0)
    torch.testing.assert_close(moments.explained(slice(0, 6)), variance, rtol=1e-2, atol=1e-2)
    assert (moments.explained(slice(0, 2)) < variance).all()


def test_assignment_gives_each_group_its_share_at_the_greatest_gain() -> None:
    gain = torch.tensor([[9.0, 1, 8, 1], [8.0, 5, 1, 2]])
    assert _assign(gain, seats=4) == [0, 2, 1, 3]


@pytest.mark.parametrize("settings", [{}, {"mixer": "separable"}])
def test_closed_form_with_one_group_is_the_teacher_with_heads_in_order(
    make_teacher: Callable[[str], Path], settings: dict[str, Any]
) -> None:
    teacher = Teacher(str(make_teacher("bert")))
    student = student_of(teacher, groups=1, neurons=32, **settings)
    closed_form(student, teacher, some_ids(teacher))
    assert max(relative_errors(student, teacher, some_ids(teacher))) < 2e-2


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", [{}, {"intermediate_groups": 2, "output_groups": 2}])
def test_closed_form_beats_weights_by_chance(
    make_teacher: Callable[[str], Path], family: str, shape: dict[str, int]
) -> None:
    teacher = Teacher(str(make_teacher(family)))
    ids, fresh = some_ids(teacher, 256), some_ids(teacher, 300)[256:]
    student = student_of(teacher, shape, groups=2)
    before = relative_errors(student, teacher, fresh)
    closed_form(student, teacher, ids)
    after = relative_errors(student, teacher, fresh)
    assert all(end < 0.9 * start for start, end in zip(before, after, strict=True))


def test_a_narrow_feed_forward_keeps_the_neurons_that_count(
    make_teacher: Callable[[str], Path],
) -> None:
    teacher = Teacher(str(make_teacher("bert")))
    for layer in teacher.layers:
        layer.output.weight[:, 1::2] = 0  # nobody reads every other neuron
    student = student_of(teacher, groups=1, neurons=16)
    closed_form(student, teacher, some_ids(teacher))
    assert max(relative_errors(student, teacher, some_ids(teacher))) < 2e-2
