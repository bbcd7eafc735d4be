"""Steps of the recipe that were stopped, and go on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.gpu import fit, squeeze, unfinished
from benchmarks.gpu.encoder import Parameters, Shape
from benchmarks.gpu.scores import Dev
from benchmarks.gpu.squeeze import FrozenTeacher, Source, Student
from benchmarks.gpu.store import Arrays, load_encoder
from benchmarks.gpu.teach import TASKS
from benchmarks.gpu.tokenise import texts
from benchmarks.gpu.weights import of_student, of_teacher
from tests.shapes import student_config

from squeezebert.model import SqueezeBertModel, SqueezeBertSeparableConfig
from squeezebert.squeeze.teacher import Teacher
from squeezebert.tokenizer import Tokenizer

Run = Callable[[Path], None]
SENTENCES = ["a good film", "a bad plot", "very good and not bad", "unmoved . bad films !"] * 6


class StoppedError(Exception):
    """Somebody pressed Ctrl+C."""


@pytest.fixture
def student() -> tuple[Parameters, Shape]:
    torch.manual_seed(0)
    return of_student(SqueezeBertModel(SqueezeBertSeparableConfig(**student_config())))


def stop_twice(run: Run, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops a run where it keeps its state, twice, and lets it go to its end."""
    monkeypatch.setattr(unfinished, "KEPT_EVERY", 0.0)
    keep = unfinished.Unfinished.keep

    def stopped(self: unfinished.Unfinished, facts: dict[str, object]) -> None:
        keep(self, facts)
        raise StoppedError

    with monkeypatch.context() as stopping:
        stopping.setattr(unfinished.Unfinished, "keep", stopped)
        for _ in range(2):
            with pytest.raises(StoppedError):
                run(path)
    run(path)
    assert not list(path.parent.glob("*.unfinished"))


def test_a_training_ends_as_one_that_was_not_stopped(
    student: tuple[Parameters, Shape],
    tokenizer_json: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_bytes(tokenizer_json)
    own: Arrays = texts(Tokenizer.from_file(tokenizer), SENTENCES, 16)
    data = {**own, "label": np.array([1, 0, 1, 0] * 6)}
    trainings = [fit.Training(TASKS["sst2"], data, Dev(data))]
    settings = fit.Settings(epochs=20, learning_rate=2e-3, batch=8, evaluations=60)

    def run(path: Path) -> None:
        fit.fit(*student, trainings, settings, path)

    run(tmp_path / "whole")
    stop_twice(run, tmp_path / "parts", monkeypatch)
    whole, parts = (load_encoder(tmp_path / name, "") for name in ("whole", "parts"))
    assert parts[2]["history"] == whole[2]["history"]
    assert parts[2]["evaluation"]["sst2"]["accuracy"] > 0.5
    for name, value in whole[0].items():
        torch.testing.assert_close(parts[0][name], value, atol=2e-3, rtol=1e-2)


def test_a_squeeze_counts_what_it_learnt_before(
    make_teacher: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = Teacher(str(make_teacher("bert")))
    ids = np.random.default_rng(0).integers(5, 19, (72, 24), dtype=np.uint16)
    calibration = torch.from_numpy(ids[:64].astype("int64"))

    def run(path: Path) -> None:
        start = squeeze.first(teacher, calibration, taps=5, groups=2, neurons=8)
        own = Student(path, *start, Source("bert", "none", {"trained_tokens": 7}))
        settings = squeeze.Settings(seconds=3.0, batch=8)
        squeeze.squeeze([own], FrozenTeacher(*of_teacher(teacher)), ids[:64], ids[64:], settings)

    path = tmp_path / "mini"
    stop_twice(run, path, monkeypatch)
    _, _, record = load_encoder(path, "")
    told = [each["tokens"] for each in record["held_out_error_of_the_last_layer"]]
    assert len(told) > 1  # a slow machine's time may end there
    assert told[:3] == [20 * 8 * 24 * looks for looks in (1, 2, 3)][: len(told)]
    assert record["settings"]["teacher"] == "bert"
    assert record["earlier"] == {"trained_tokens": 7}
    errors = record["held_out_relative_error"]
    assert errors["end"][-1] < errors["start"][-1]


def test_other_settings_begin_anew(tmp_path: Path) -> None:
    value = torch.ones(3)
    unfinished.Unfinished(tmp_path / "a", {"rate": 1}, [value]).keep({"step": 5})
    value.zero_()
    assert unfinished.Unfinished(tmp_path / "a", {"rate": 2}, [value]).found() is None
    assert value.sum() == 0
    assert unfinished.Unfinished(tmp_path / "a", {"rate": 1}, [value]).found() == {"step": 5}
    assert value.sum() == 3
