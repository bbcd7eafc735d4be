"""The examples run, on tiny models."""

import importlib.util
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from squeezebert.bundle import combine_bundles

EXAMPLES = Path(__file__).parent.parent / "examples"

BundleMaker = Callable[..., Path]
Converse = Callable[..., str]


@pytest.fixture
def assistant() -> ModuleType:
    spec = importlib.util.spec_from_file_location("assistant", EXAMPLES / "assistant.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def converse(
    assistant: ModuleType,
    tmp_path: Path,
    make_bundle: BundleMaker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Converse:
    """Pipes turns into the assistant and returns what it prints.

    Of the models, a threshold of 1 puts every intent out of scope, and a null threshold of -99
    leaves every question without an answer.
    """

    def run(
        turns: str,
        *options: str,
        threshold: float = 0.0,
        null_threshold: float | None = None,
        joined: tuple[str, ...] = ("embed", "intent", "ner", "qa"),
    ) -> str:
        plain = {"labels": (), "problem_type": None}
        tags = ("O", "B-PER", "I-PER")
        make_bundle(tmp_path / "embed", task="embedding", **plain)
        make_bundle(tmp_path / "intent", labels=("greet", "leave"), threshold=threshold)
        make_bundle(tmp_path / "ner", task="entities", labels=tags, problem_type=None)
        make_bundle(
            tmp_path / "qa", task="question-answering", **plain, null_threshold=null_threshold
        )
        (tmp_path / "faq.csv").write_text("question,answer\na good film?,Very good!\n")
        (tmp_path / "about.txt").write_text("A bad plot, and a very good film.")
        files = {name: name for name in ("embed", "intent", "ner", "qa")}
        files |= {"faq": "faq.csv", "passage": "about.txt"}
        if "--assistant" in options:
            models = [files.pop(name) for name in joined]
            combine_bundles([tmp_path / model for model in models], tmp_path / "together")
            options = (f"--assistant={tmp_path / 'together'}",)
        named = [f"--{name}={tmp_path / file}" for name, file in files.items()]
        monkeypatch.setattr(sys, "stdin", io.StringIO(turns))
        assistant.main([*named, *options])
        return capsys.readouterr().out

    return run


def models_asked(printed: str) -> list[str]:
    return re.findall(r"^  (\w+) +[\d.]+ ms  ", printed, re.MULTILINE)


def test_what_the_faq_says_is_answered_by_it(converse: Converse) -> None:
    printed = converse("A good film? Very good!\n")
    assert models_asked(printed) == ["embed"]
    assert "nearest in the FAQ: a good film? (1.00)" in printed
    assert "\nVery good!  (" in printed


@pytest.mark.parametrize(
    ("thresholds", "models", "answer"),
    [
        ({}, ["embed", "intent", "ner"], r"\[(greet|leave) would be done here\]"),
        ({"threshold": 1.0}, ["embed", "intent", "qa"], "[Aa bdplotnveryg film,.]+"),
        ({"threshold": 1.0, "null_threshold": -99.0}, ["embed", "intent", "qa"], "I don't know."),
    ],
    ids=["an intent", "a question", "neither"],
)
def test_a_turn_goes_on_until_something_answers(
    thresholds: dict[str, float],
    models: list[str],
    answer: str,
    converse: Converse,
    assistant: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(assistant, "NEAR", 2.0)
    printed = converse("a bad plot\n\n", **thresholds)
    assert models_asked(printed) == models
    assert re.search(rf"^{answer}  \([\d.]+ ms\)$", printed, re.MULTILINE), printed


@pytest.mark.parametrize(
    ("thresholds", "models", "answer"),
    [
        ({}, ["read"], r"\[(greet|leave) would be done here\]"),
        ({"threshold": 1.0}, ["read", "qa"], "[Aa bdplotnveryg film,.]+"),
    ],
    ids=["an intent", "a question"],
)
def test_one_model_with_all_tasks_reads_a_turn_once(
    thresholds: dict[str, float],
    models: list[str],
    answer: str,
    converse: Converse,
    assistant: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(assistant, "NEAR", 2.0)
    printed = converse("a bad plot\n", "--assistant", **thresholds)
    assert models_asked(printed) == models
    assert re.search(rf"^{answer}  \([\d.]+ ms\)$", printed, re.MULTILINE), printed
    assert re.search("nearest in the FAQ: .*; intent: .*; entities: ", printed)


def test_questions_may_have_a_model_of_their_own(
    converse: Converse, assistant: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assistant, "NEAR", 2.0)
    three = ("embed", "intent", "ner")
    printed = converse("a bad plot\n", "--assistant", threshold=1.0, joined=three)
    assert models_asked(printed) == ["read", "qa"]


def test_a_model_that_lacks_a_task_is_told(
    converse: Converse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    converse("", "--assistant")
    with pytest.raises(SystemExit):
        converse("", f"--assistant={tmp_path / 'intent'}")
    assert (
        "needs just one task in place of 'embed'; of intent it has none" in capsys.readouterr().err
    )


def test_every_turn_is_timed_and_one_that_cannot_be_used_does_not_end_it(
    converse: Converse, assistant: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assistant, "NEAR", 2.0)
    printed = converse(f"good?\n{'bad ' * 20}\n \nplot?\n", threshold=1.0)
    assert "the question has 22 tokens" in printed
    assert printed.count("\n> ") + printed.startswith("> ") == 3
    for model in ("embed", "intent", "qa", "turn"):
        assert re.search(rf"^  {model} +[\d.]+ ms in 2 turns$", printed, re.MULTILINE), printed


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--intent=nowhere", ["no model 'nowhere'", "--intent"]),
        ("--qa={}/intent", ["is a model for classification", "QuestionAnswerer"]),
        ("--faq={}/about.txt", ["about.txt", "columns question and answer"]),
        ("--passage={}/nowhere.txt", ["nowhere.txt", "No such file"]),
    ],
)
def test_a_model_or_file_that_cannot_be_used_is_named(
    option: str,
    words: list[str],
    converse: Converse,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        converse("", option.format(tmp_path))
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    for word in words:
        assert word in printed


def test_the_builtin_models_hold_a_conversation(
    assistant: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = (assistant.LIBRARY / "turns.txt").read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO(turns))
    assistant.main([])
    printed = capsys.readouterr().out
    assert set(models_asked(printed)) == {"embed", "intent", "ner", "qa"}
    assert re.search(rf"^  turn +[\d.]+ ms in {len(turns.splitlines())} turns$", printed, re.M)
    assert "in the passage: nine thousand volumes" in printed


def test_the_sample_data_is_whole(assistant: ModuleType) -> None:
    faq = assistant.read_faq(assistant.LIBRARY / "faq.csv")
    assert len(faq) == 12
    assert all(question and answer for question, answer in faq)
    for name in ("about.txt", "turns.txt"):
        assert (assistant.LIBRARY / name).read_text(encoding="utf-8").strip()
