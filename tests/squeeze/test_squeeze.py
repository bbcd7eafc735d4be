import csv
import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoTokenizer, SqueezeBertModel

from squeezebert.bundle.architecture import Mixer
from squeezebert.errors import CheckpointError, DataError, InputError
from squeezebert.model import SqueezeBertConfig
from squeezebert.squeeze.budget import Costs, affordable_steps
from squeezebert.squeeze.losses import DistillationLoss
from squeezebert.squeeze.muon import Muon
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.squeeze import squeeze
from squeezebert.squeeze.trainer import SqueezeTrainer
from squeezebert.training import elapsed

STEPS = 12


@pytest.fixture
def settings(make_teacher: Callable[[str], Path], tmp_path: Path) -> SqueezeSettings:
    text = tmp_path / "text.txt"
    text.write_text("a good film and a very good plot .\nnot a bad plot !\n\n" * 60)
    return SqueezeSettings(
        teacher=str(make_teacher("bert")),
        text=(str(text),),
        tokens=STEPS * 4 * 16,
        groups=2,
        length=16,
        batch_size=4,
        learning_rate=5e-3,
    )


def test_squeeze_lowers_the_error_and_leaves_a_checkpoint(
    settings: SqueezeSettings, tmp_path: Path
) -> None:
    result = squeeze(settings, tmp_path / "student")
    assert result.tokens == settings.tokens
    assert result.errors[-1] < result.start_errors[-1]
    student = SqueezeBertModel.from_pretrained(tmp_path / "student")  # stock transformers
    assert student.config.q_groups == 2
    assert student.config.intermediate_size == 10
    encoded = AutoTokenizer.from_pretrained(tmp_path / "student")("a good film")
    assert encoded["input_ids"][0] == 2
    record = json.loads((tmp_path / "student" / "squeeze.json").read_text())
    assert record["held_out_relative_error"]["end"] == result.errors
    assert record["settings"]["seed"] == 0
    with (tmp_path / "student" / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["tokens"]) == result.tokens
    measured = [
        float(row["held_out_error_layer_2"]) for row in rows if row["held_out_error_layer_2"]
    ]
    assert measured[-1] == pytest.approx(result.errors[-1], rel=1e-3)
    assert (tmp_path / "student" / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("family", ["xlm-roberta", "byte-level"])
def test_a_student_keeps_its_teachers_tokenizer(
    settings: SqueezeSettings, make_teacher: Callable[[str], Path], family: str, tmp_path: Path
) -> None:
    teacher = make_teacher(family)
    squeeze(replace(settings, teacher=str(teacher)), tmp_path / "student")
    theirs, ours = (
        Tokenizer.from_file(str(folder / "tokenizer.json"))
        for folder in (teacher, tmp_path / "student")
    )
    text = "größere  ﬁlms, où ? 🙂"
    assert ours.encode(text, text).ids == theirs.encode(text, text).ids
    config = SqueezeBertConfig.from_pretrained(tmp_path / "student")
    assert config.pad_token_id == (1 if family == "xlm-roberta" else 2)
    assert config.max_position_embeddings == 32 - config.pad_token_id - 1
    assert config.type_vocab_size == 2  # whatever type a tokenizer gives the second text
    loaded = AutoTokenizer.from_pretrained(tmp_path / "student")
    assert loaded.pad_token_id == config.pad_token_id
    assert loaded(text)["input_ids"] == theirs.encode(text).ids


def test_the_embeddings_stay_the_teachers(settings: SqueezeSettings, tmp_path: Path) -> None:
    squeeze(settings, tmp_path / "student")
    name = "embeddings.word_embeddings.weight"
    student = load_file(tmp_path / "student" / "model.safetensors")
    teacher = load_file(Path(settings.teacher) / "model.safetensors")
    assert torch.equal(student[name], teacher[name])


def test_a_stopped_run_resumes_to_the_same_weights(
    settings: SqueezeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    squeeze(settings, tmp_path / "whole")

    forward, calls = DistillationLoss.forward, 0

    def stopped(*args: object) -> object:
        nonlocal calls
        calls += 1
        if calls > STEPS // 2:
            raise KeyboardInterrupt
        return forward(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(DistillationLoss, "forward", stopped)
        fast = SimpleNamespace(monotonic=lambda: 1e4 * time.monotonic())
        patch.setattr(elapsed, "time", fast)
        with pytest.raises(KeyboardInterrupt):
            squeeze(settings, tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
    # A checkpoint that was cut short is passed over.
    cut = tmp_path / "parts.run" / "checkpoints" / "checkpoint-999"
    cut.mkdir()
    (cut / "model.safetensors").write_bytes(b"half")

    with pytest.raises(InputError, match="holds a stopped run"):
        squeeze(settings, tmp_path / "parts")
    with pytest.raises(InputError, match=r"learning_rate was 0.005, is 1.0"):
        squeeze(replace(settings, learning_rate=1.0), tmp_path / "parts", resume=True)
    resumed = squeeze(settings, tmp_path / "parts", resume=True)
    assert resumed.seconds > 600, "the first session's too, on its fast clock"
    record = json.loads((tmp_path / "parts" / "squeeze.json").read_text())
    assert record["seconds"] == round(resumed.seconds, 1)
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    parts = load_file(tmp_path / "parts" / "model.safetensors")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)

    said: list[str] = []
    assert squeeze(settings, tmp_path / "parts", resume=True, say=said.append) == resumed
    assert said == [f"{tmp_path / 'parts'} is finished; nothing is left to do."]


def test_a_run_stopped_after_its_last_step_takes_none_more(
    settings: SqueezeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    squeeze(settings, tmp_path / "whole")

    def stopped(*args: object) -> object:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("squeezebert.squeeze.squeeze._write_result", stopped)
        squeeze(settings, tmp_path / "parts")
    damaged = tmp_path / "parts.run" / "start" / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-8])  # it is fitted again
    squeeze(settings, tmp_path / "parts", resume=True)
    whole, parts = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    ours, theirs = ((tmp_path / name / "curve.csv").read_text() for name in ("parts", "whole"))
    assert ours == theirs


def test_going_on_from_an_earlier_student(settings: SqueezeSettings, tmp_path: Path) -> None:
    first = squeeze(settings, tmp_path / "first")
    on = replace(settings, student=str(tmp_path / "first"), seed=1)
    second = squeeze(on, tmp_path / "second")
    assert second.start_errors == first.errors
    assert second.errors[-1] < first.errors[-1]
    record = json.loads((tmp_path / "second" / "squeeze.json").read_text())
    assert record["earlier"]["trained_tokens"] == first.tokens
    with pytest.raises(InputError, match="it differs in q_groups"):
        squeeze(replace(on, groups=4), tmp_path / "third")
    with pytest.raises(InputError, match="it differs in model_type"):
        squeeze(replace(on, mixer=Mixer.SEPARABLE), tmp_path / "fourth")
    with pytest.raises(CheckpointError, match="to go on from"):
        squeeze(replace(on, student=str(tmp_path / "none")), tmp_path / "fifth")


def test_a_budget_in_minutes_pays_for_optimiser_evaluations_and_saves(
    settings: SqueezeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, minutes = 0.05, 0.03

    def slow_down(owner: type, name: str) -> None:
        function = getattr(owner, name)

        def slow(*arguments: object, **options: object) -> object:
            time.sleep(seconds)
            return function(*arguments, **options)

        monkeypatch.setattr(owner, name, slow)

    slow_down(Muon, "step")
    slow_down(SqueezeTrainer, "evaluate")
    slow_down(SqueezeTrainer, "save_model")
    result = squeeze(replace(settings, tokens=None, minutes=minutes), tmp_path / "student")
    steps = result.tokens // (settings.batch_size * settings.length)
    assert steps > 0
    assert Costs(step=seconds, evaluation=seconds, save=seconds).of(steps) <= 60 * minutes


def test_timing_leaves_no_trace(settings: SqueezeSettings, tmp_path: Path) -> None:
    timed = squeeze(replace(settings, tokens=None, minutes=0.005), tmp_path / "timed")
    squeeze(replace(settings, tokens=timed.tokens), tmp_path / "counted")
    kept, expected = (
        {file.name for file in (tmp_path / run).iterdir()} for run in ("timed.run", "counted.run")
    )
    assert kept == expected | {"steps.json"}
    ours, theirs = (
        load_file(tmp_path / name / "model.safetensors") for name in ("timed", "counted")
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_budget_buys_the_most_steps_that_fit() -> None:
    assert affordable_steps(100.0, Costs(step=1.0, evaluation=0.0, save=0.0)) == 100
    costs = Costs(step=1.0, evaluation=2.0, save=0.5)
    for budget in (5.0, 50.0, 100.0, 1000.0):
        steps = affordable_steps(budget, costs)
        assert costs.of(steps) <= budget < min(costs.of(more) for more in range(steps + 1, 1001))
    assert costs.of(1000) == 1000 + 20 * 2 + 40 * 0.5
    assert affordable_steps(0.1, costs) == 1


def test_held_out_text_is_measured_and_no_tokens_give_the_start(
    settings: SqueezeSettings, tmp_path: Path
) -> None:
    held_out = tmp_path / "held-out.txt"
    held_out.write_text("not a very good film !\n" * 20)
    result = squeeze(
        replace(settings, tokens=0, held_out=(str(held_out),)),
        tmp_path / "student",
    )
    assert result.tokens == 0
    assert result.errors == result.start_errors


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minutes": 1.0}, "one of the two"),
        ({"tokens": None}, "one of the two"),
        ({"tokens": -1}, "negative"),
        ({"groups": 3}, "can't be squeezed this way"),
        ({"neurons": 33}, "from 1 to as many, not 33"),
        ({"length": 4}, "at least 8 tokens"),
        ({"length": 64}, "length 64 is more than the 32 tokens"),
        ({"learning_rate": math.nan}, "learning_rate must be a finite number above 0"),
        ({"learning_rate": math.inf}, "learning_rate must be"),
        ({"learning_rate": 0.0}, "learning_rate must be"),
        ({"learning_rate": -1.0}, "learning_rate must be"),
        ({"tokens": None, "minutes": math.nan}, "minutes must be a finite number above 0"),
        ({"seed": -1}, "seed must be in 0"),
        ({"seed": 2**32}, "seed must be in 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    settings: SqueezeSettings, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        squeeze(replace(settings, **changes), tmp_path / "student")  # type: ignore[arg-type]
    assert not list(tmp_path.glob("student*"))


def test_a_folder_with_something_else_is_refused_before_any_work(
    settings: SqueezeSettings, tmp_path: Path
) -> None:
    output = tmp_path / "full"
    output.mkdir()
    (output / "thesis.doc").write_text("years of work")
    with pytest.raises(InputError, match="will not be replaced"):
        squeeze(settings, output)
    assert not (tmp_path / "full.run").exists()


def test_a_text_of_one_line_again_and_again_is_refused(
    settings: SqueezeSettings, tmp_path: Path
) -> None:
    Path(settings.text[0]).write_text("a good film\n" * 90)
    with pytest.raises(DataError, match="one line, 90 times"):
        squeeze(settings, tmp_path / "student")
    assert not list(tmp_path.glob("student*"))


def test_without_a_stopped_run_resuming_begins(settings: SqueezeSettings, tmp_path: Path) -> None:
    said: list[str] = []
    squeeze(replace(settings, tokens=0), tmp_path / "student", resume=True, say=said.append)
    assert "starts at the beginning" in said[0]


def test_a_teacher_that_is_none_is_refused(settings: SqueezeSettings, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        squeeze(replace(settings, teacher=str(tmp_path)), tmp_path / "student")
