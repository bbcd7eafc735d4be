"""Layers that are taught a few at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from squeezebert.model import SqueezeBertModel
from squeezebert.squeeze.losses import DistillationLoss, squared_error
from squeezebert.squeeze.segments import segment_at, starting_from
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.squeeze import squeeze
from squeezebert.squeeze.student import student_config
from squeezebert.squeeze.teacher import Teacher


@pytest.mark.parametrize(
    ("layers", "segments"),
    [(1, [1]), (2, [1, 2]), (4, [1, 2, 4]), (6, [1, 2, 4, 6]), (12, [1, 2, 4, 8, 12])],
)
def test_segments_grow_to_all_layers(layers: int, segments: list[int]) -> None:
    found = [segment_at(step / 1000, layers) for step in range(1000)]
    assert list(dict.fromkeys(found)) == segments
    assert found == sorted(found)
    assert set(found[:250]) == {1}
    assert set(found[500:]) == {layers}


def test_a_layer_alone_learns_from_the_teachers_state_before_it(
    make_teacher: Callable[[str], Path],
) -> None:
    teacher = Teacher(str(make_teacher("bert")))
    settings = SqueezeSettings(teacher="", text=(), tokens=0)
    student = SqueezeBertModel(student_config(teacher, settings))
    layers = student.encoder.layers
    ids = torch.randint(5, teacher.tokenizer.get_vocab_size(), (4, 16))
    told = teacher.hidden_states(ids)
    expected = [
        squared_error(layer(told[number], None, None, False)[0], told[number + 1])
        for number, layer in enumerate(layers)
        if number
    ]
    own = student(input_ids=ids, output_hidden_states=True).hidden_states
    expected.insert(0, squared_error(own[1], told[1]))
    loss = DistillationLoss(teacher)(student, ids, segment=1)
    torch.testing.assert_close(loss, torch.stack(expected).mean())
    # What a layer does says nothing to the ones before it.
    with starting_from(layers, told, 1):
        last = student(input_ids=ids, output_hidden_states=True).hidden_states[-1]
    last.sum().backward()
    first = student.get_parameter("encoder.layers.0.attention.query.weight")
    assert first.grad is None
    after = student(input_ids=ids, output_hidden_states=True).hidden_states
    assert all(torch.equal(a, b) for a, b in zip(after, own, strict=True))


@pytest.mark.parametrize("lost", [True, False])
def test_a_squeeze_teaches_in_segments_from_a_start_that_says_nothing(
    lost: bool,
    make_teacher: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "text.txt").write_text("a good film and a plot .\nnot a bad plot !\n\n" * 60)
    forward, seen = DistillationLoss.forward, []

    def told(*given: Any) -> Any:
        seen.append(given[-1])
        return forward(*given)

    monkeypatch.setattr(DistillationLoss, "forward", told)
    monkeypatch.setattr("squeezebert.squeeze.squeeze.LOST", 0.0 if lost else 1.0)
    settings = SqueezeSettings(
        teacher=str(make_teacher("bert")),
        text=(str(tmp_path / "text.txt"),),
        tokens=8 * 4 * 16,
        length=16,
        batch_size=4,
    )
    said: list[str] = []
    squeeze(settings, tmp_path / "student", say=said.append)
    assert seen == ([1] * 4 + [2] * 4 if lost else [2] * 8)
    assert any("few at a time" in line for line in said) == lost
