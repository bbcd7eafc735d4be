"""One encoder for several tasks: a plan, a training, a folder for each task, one bundle."""

import json
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

import squeezebert
from squeezebert.cli import app
from squeezebert.errors import CheckpointError, DataError, InputError, QualityGateError
from squeezebert.finetune.settings import Settings
from squeezebert.finetune.several.finetune import finetune_several
from squeezebert.finetune.several.mixing import MixedSampler
from squeezebert.finetune.several.model import SharedEncoder
from squeezebert.finetune.several.plan import read_plan
from squeezebert.finetune.several.report import read_tasks
from squeezebert.finetune.start import load_to_finetune
from squeezebert.model import SqueezeBertModel

Interruption = Callable[[str], Callable[[str], None]]
FAST = Settings(
    freeze_embeddings=False, epochs=2, learning_rate=1e-2, batch_size=4, max_length=16, patience=99
)
PLAN = """
[mood]
train = "films.tsv"
dev = "films.tsv"
label-names = ["bad", "good"]
answers = "mood.safetensors"
teacher = "teacher"
unlabelled = "more.txt"

[names]
task = "entities"
train = "films.conll"
dev = "films.conll"
weight = 1.5

[likeness]
train = "pairs.tsv"
problem-type = "regression"
max-length = 12
"""


@pytest.fixture
def encoder(tmp_path: Path, make_checkpoint: Callable[..., Path]) -> Path:
    """A random encoder with dropout, whose random numbers a resumed run has to draw again."""
    dropout = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
    return make_checkpoint(tmp_path / "encoder", SqueezeBertModel, **dropout)


@pytest.fixture
def plan(tmp_path: Path, make_bundle: Callable[..., Path]) -> Path:
    folder = tmp_path / "plan"
    folder.mkdir()
    make_bundle(folder / "teacher", labels=("bad", "good"))
    films = "a good film\t1\na bad film\t0\nvery good\t1\nvery bad !\t0\n" * 4
    (folder / "films.tsv").write_text(f"text\tlabel\n{films}")
    (folder / "more.txt").write_text("films !\nunmoved by plots\n")
    (folder / "films.conll").write_text("a O\ngood B-X\nfilm O\n\nbad B-Y\nplot O\n\n" * 6)
    pairs = "good film\ta film\t4\ngood\tbad\t0\na\ta film\t2\nplot\tplot\t5\n" * 8
    (folder / "pairs.tsv").write_text(f"sentence1\tsentence2\tscore\n{pairs}")
    (folder / "plan.toml").write_text(PLAN)
    return folder / "plan.toml"


def test_a_stopped_training_on_three_tasks_goes_on_exactly_and_gives_one_bundle(
    tmp_path: Path, encoder: Path, plan: Path, interrupted_at: Interruption
) -> None:
    whole, output = tmp_path / "whole", tmp_path / "stopped"
    said: list[str] = []
    done = finetune_several(str(encoder), read_plan(plan), whole, FAST, say=said.append)
    printed = "\n".join(said)
    assert "mood            18       2      16" in printed
    assert "names           12       3      16" in printed
    assert "likeness        29       2      12" in printed
    assert printed.count("dev mean") == 4, "twice an epoch"
    assert printed.count("  names: f1 ") == 4
    for answer in ("the most frequent answer", "what has learnt next to nothing", "the mean"):
        assert printed.count(f" points from {answer}") == 4
    assert "Asking the teacher about 6 texts" in printed
    assert set(done.results) == {"mood", "names", "likeness"}

    with pytest.raises(KeyboardInterrupt):
        finetune_several(
            str(encoder), read_plan(plan), output, FAST, say=interrupted_at("epoch 1.5")
        )
    assert not output.exists()
    plan.write_text(PLAN.replace("weight = 1.5", "weight = 2"))
    with pytest.raises(InputError, match=r"other settings: names\.passes was 3\.0, is 4\.0\. Give"):
        finetune_several(str(encoder), read_plan(plan), output, FAST, resume=True)
    plan.write_text(PLAN)
    finetune_several(str(encoder), read_plan(plan), output, FAST, resume=True, say=said.append)
    weights = {name: load_file(output / name / "model.safetensors") for name in done.results}
    for name, ours in weights.items():
        theirs = load_file(whole / name / "model.safetensors")
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)

    encoders = [
        {key: of[key] for key in of if key.startswith("transformer.") and "pooler" not in key}
        for of in weights.values()
    ]
    for other in encoders[1:]:
        assert all(torch.equal(other[key], tensor) for key, tensor in encoders[0].items())
    poolers = [weights[name]["transformer.pooler.dense.weight"] for name in ("mood", "likeness")]
    assert not torch.equal(*poolers)

    tasks = read_tasks(output)
    assert tasks["likeness"].dev == str(output / "likeness" / "held_out.jsonl")
    assert tasks["mood"].dev == str(plan.parent / "films.tsv")
    report = json.loads((output / "names" / "report.json").read_text())
    assert report["learnt_with"] == ["mood", "likeness"]
    assert any("eval_f1" in entry for entry in report["history"])
    assert "| [names](names/report.md) | entities | 12 | f1 |" in (output / "report.md").read_text()

    bundle = tmp_path / "bundle"
    refused = CliRunner().invoke(app, ["export", str(output), "-o", str(bundle)])
    assert isinstance(refused.exception, QualityGateError)
    assert re.match("(mood|names|likeness): The checkpoint's", str(refused.exception))
    assert not bundle.exists()
    options = ["--tolerance", "100", "--untrained"]
    exported = CliRunner().invoke(
        app, ["export", str(output), "-o", str(bundle), *options], catch_exceptions=False
    )
    assert exported.exit_code == 0, exported.output
    assert "with the tasks mood, names, likeness" in exported.output
    assistant = squeezebert.load([str(bundle)])
    assert assistant.tasks == ("mood", "names", "likeness")
    [answers] = assistant(["a good film"])
    assert answers["mood"].label in ("bad", "good")
    assert assistant.task("likeness").spec.max_length == 12
    assert not list(tmp_path.glob(".bundle*"))


def test_a_training_on_three_tasks_that_is_killed_while_it_saves_goes_on(
    tmp_path: Path, encoder: Path, plan: Path, killed_in_a_save: Callable[[], Any]
) -> None:
    output = tmp_path / "out"
    with killed_in_a_save():
        finetune_several(str(encoder), read_plan(plan), output, FAST)
    said: list[str] = []
    finetune_several(str(encoder), read_plan(plan), output, FAST, resume=True, say=said.append)
    assert any(line.startswith("Going on from ") for line in said)


def test_the_command_trains_by_a_plan(
    tmp_path: Path, encoder: Path, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["train", "--from", str(encoder), "--plan", str(plan), "-o", str(tmp_path / "out")]
    command += ["--epochs", "1", "--max-length", "16"]
    for option, value in (("--dev", "x.csv"), ("--teacher", "x"), ("--search", "2")):
        refused = CliRunner().invoke(app, [*command, option, value])
        assert isinstance(refused.exception, InputError)
        assert f"{option} and --plan don't go together" in str(refused.exception)
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert f"{tmp_path / 'out' / 'names'}: f1 " in done.output
    assert f"The report is in {tmp_path / 'out' / 'report.md'}" in done.output
    again = CliRunner().invoke(app, [*command, "--resume"], catch_exceptions=False)
    assert "is finished; nothing is left to do" in again.output
    stated = json.loads((tmp_path / "out" / "tasks.json").read_text())
    assert Path(stated["names"]["dev"]).is_absolute(), "so that it can be exported from elsewhere"
    monkeypatch.chdir(plan.parent)
    assert read_tasks(tmp_path / "out")["names"].dev == "films.conll"
    for option, value in (("--data", "x.csv"), ("--max-length", "4")):
        exporting = ["export", str(tmp_path / "out"), "-o", str(tmp_path / "b"), option, value]
        refused = CliRunner().invoke(app, exporting)
        assert f"has several tasks, and {option} is for one" in str(refused.exception)
    (tmp_path / "out" / "tasks.json").write_text("{]")
    refused = CliRunner().invoke(app, ["export", str(tmp_path / "out"), "-o", str(tmp_path / "b")])
    assert isinstance(refused.exception, CheckpointError)


def test_export_needs_data_for_one_task(tmp_path: Path, encoder: Path) -> None:
    refused = CliRunner().invoke(app, ["export", str(encoder), "-o", str(tmp_path / "b")])
    assert isinstance(refused.exception, InputError)
    assert "On what are model and bundle compared?" in str(refused.exception)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\ntrain = 'films.tsv'", "a table for each of two tasks or more"),
        ("a = 1\n[b]\ntrain = 'films.tsv'", "a table for each of two tasks or more"),
        ("[a", "is no TOML"),
        ("[a]\n[b]\ntrain = 'films.tsv'", r"\[a\]: what is learnt from"),
        ("[a]\ntrain = 'films.tsv'\nepochs = 3\n[b]", "there is no setting 'epochs'"),
        ("[a]\ntrain = 'films.tsv'\nweight = true\n[b]", "weight must be a number, and it is True"),
        ("[a]\ntrain = 'films.tsv'\nweight = 0\n[b]", "weight must be more than 0"),
        ("[a]\ntrain = 'films.tsv'\ntask = 'poetry'\n[b]", "task is 'poetry', none of classif"),
        ("[a]\ntrain = 'films.tsv'\nlabel-names = [0, 1]\n[b]", "must be a list of texts, and"),
        ("[a]\ntrain = 'films.tsv'\nmax-length = 0\n[b]", "max-length must be 1 or more"),
        ("['a/b']\ntrain = 'films.tsv'\n[b]", "needs a name of letters"),
        ("[a]\ntrain = 'films.tsv'\nproblem-type = 'x'\n[b]", "problem-type is one of"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(plan: Path, text: str, message: str) -> None:
    plan.write_text(text)
    with pytest.raises(InputError, match=message):
        read_plan(plan)


def test_data_of_a_plan_that_can_not_be_used_leave_nothing(
    tmp_path: Path, encoder: Path, plan: Path
) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_plan(tmp_path / "none.toml")
    plan.write_text("[a]\ntrain = 'films.tsv'\n[b]\ntrain = 'none.tsv'")
    with pytest.raises(DataError, match="no such file"):
        read_plan(plan)
    plan.write_text("[a]\ntrain = 'films.tsv'\nunlabelled = 'more.txt'\n[b]\ntrain = 'films.tsv'")
    with pytest.raises(InputError, match="a: texts without labels are learnt from a teacher"):
        finetune_several(str(encoder), read_plan(plan), tmp_path / "out", FAST)
    assert not (tmp_path / "out.run").exists()


def test_batches_are_of_one_task_and_each_example_comes_as_often_as_planned() -> None:
    random = np.random.default_rng(0)
    lengths = [random.integers(3, 60, count) for count in (400, 37, 3)]
    sampler = MixedSampler(lengths, [0.5, 4, 2], batch_size=8, seed=1)
    seen: Counter[int] = Counter()
    orders = []
    for epoch in range(4):
        sampler.set_epoch(epoch)
        orders.append(list(sampler))
        assert len(orders[-1]) == len(sampler) == 8 * sum(sampler.batches)
        for start in range(0, len(sampler), 8):
            batch = np.array(orders[-1][start : start + 8])
            assert len({*np.searchsorted([400, 437, 440], batch, side="right")}) == 1
        seen.update(orders[-1])
    assert {seen[index] for index in range(400)} == {2}, "half of them in each epoch"
    assert {seen[index] for index in range(400, 437)} <= {15, 16, 17}
    assert seen.keys() == set(range(440))
    tasks = [place >= 400 for place in orders[0][::8]]
    assert sum(a != b for a, b in pairwise(tasks)) > 10, "they take turns"
    sampler.set_epoch(2)
    assert list(sampler) == orders[2]
    assert list(MixedSampler(lengths, [0.5, 4, 2], batch_size=8, seed=2)) != orders[0]


def test_heads_share_an_encoder_that_is_saved_once(encoder: Path, tmp_path: Path) -> None:
    def models() -> dict[str, Any]:
        torch.manual_seed(1)
        config = {"num_labels": 2}
        return {name: load_to_finetune(str(encoder), "classification", config)[0] for name in "ab"}

    shared = SharedEncoder(models())
    saved = shared.state_dict()
    alone = sum(parameter.numel() for parameter in models()["a"].parameters())
    heads = sum(saved[name].numel() for name in saved if name.startswith("models.b."))
    assert sum(tensor.numel() for tensor in saved.values()) == alone + heads
    assert heads < alone / 4
    again: Any = SharedEncoder(models())
    again.load_state_dict({name: tensor + 1 for name, tensor in saved.items()})
    layers = [again.models[name].transformer.encoder.layers[0] for name in "ab"]
    assert layers[0] is layers[1]
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, saved[name] + 1)
