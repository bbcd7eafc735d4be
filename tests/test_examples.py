"""The examples run, on tiny models."""

import importlib.util
import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import squeezebert
from squeezebert.bundle import combine_bundles

EXAMPLES = Path(__file__).parent.parent / "examples"

BundleMaker = Callable[..., Path]
Converse = Callable[..., str]

FILES = {"faq": "csv", "passage": "txt"}


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
        models: tuple[str, ...] = ("embed", "intent", "ner", "qa"),
    ) -> str:
        plain = {"labels": (), "problem_type": None}
        tags = ("O", "B-PER", "I-PER")
        make_bundle(tmp_path / "embed", task="embedding", **plain)
        make_bundle(tmp_path / "intent", labels=("greet", "leave"), threshold=threshold)
        make_bundle(tmp_path / "ner", task="entities", labels=tags, problem_type=None)
        make_bundle(
            tmp_path / "qa", task="question-answering", **plain, null_threshold=null_threshold
        )
        combine_bundles(
            [tmp_path / name for name in ("embed", "intent", "ner")], tmp_path / "three"
        )
        (tmp_path / "faq.csv").write_text("question,answer\na good film?,Very good!\n")
        (tmp_path / "passage.txt").write_text("A bad plot, and a very good film.")
        named = [f"--{name}={tmp_path / name}.{kind}" for name, kind in FILES.items()]
        monkeypatch.setattr(sys, "stdin", io.StringIO(turns))
        assistant.main([*named, "--models", *(str(tmp_path / name) for name in models), *options])
        return capsys.readouterr().out

    return run


def steps_of(printed: str) -> list[str]:
    return re.findall(r"^  (\w+) +[\d.]+ ms  ", printed, re.MULTILINE)


def test_what_the_faq_says_is_answered_by_it(converse: Converse) -> None:
    printed = converse("A good film? Very good!\n")
    assert steps_of(printed) == ["turn"]
    assert "nearest in the FAQ: a good film? (1.00)" in printed
    assert "\nVery good!  (" in printed


@pytest.mark.parametrize("models", [("embed", "intent", "ner", "qa"), ("three", "qa")])
@pytest.mark.parametrize(
    ("thresholds", "steps", "answer"),
    [
        ({}, ["turn"], r"\[(greet|leave) would be done here\]"),
        ({"threshold": 1.0}, ["turn", "passage"], "[Aa bdplotnveryg film,.]+"),
        ({"threshold": 1.0, "null_threshold": -99.0}, ["turn", "passage"], "I don't know."),
    ],
    ids=["an intent", "a question", "neither"],
)
def test_a_turn_is_read_once_and_the_passage_where_nothing_else_answers(
    models: tuple[str, ...],
    thresholds: dict[str, float],
    steps: list[str],
    answer: str,
    converse: Converse,
    assistant: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(assistant, "NEAR", 2.0)
    printed = converse("a bad plot\n\n", models=models, **thresholds)
    assert steps_of(printed) == steps
    assert re.search(rf"^{answer}  \([\d.]+ ms\)$", printed, re.MULTILINE), printed
    assert re.search("nearest in the FAQ: .*; intent: .*; entities: ", printed)


def test_every_turn_is_timed_and_one_that_cannot_be_used_does_not_end_it(
    converse: Converse, assistant: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assistant, "NEAR", 2.0)
    printed = converse(f"good?\n{'bad ' * 20}\n \nplot?\n", threshold=1.0)
    assert "the question has 22 tokens" in printed
    assert printed.count("\n> ") + printed.startswith("> ") == 3
    for step in ("turn", "passage", "whole"):
        assert re.search(rf"^  {step} +[\d.]+ ms in 2 turns$", printed, re.MULTILINE), printed


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--models=nowhere", ["no model 'nowhere'"]),
        ("--models={}/intent", ["just one Embedder for 'nearest'; of intent it is none"]),
        ("--faq={}/passage.txt", ["passage.txt", "columns question and answer"]),
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


def test_files_as_excel_writes_them_are_read_and_other_encodings_are_named(
    assistant: ModuleType, tmp_path: Path
) -> None:
    faq = tmp_path / "faq.csv"
    faq.write_bytes(b'\xef\xbb\xbfquestion,answer\r\nWhen?,"Nine,\r\nas ever."\r\n')
    assert assistant.read_faq(faq) == [("When?", "Nine,\r\nas ever.")]
    faq.write_bytes("question,answer\nWo?,München\n".encode("latin-1"))
    with pytest.raises(squeezebert.InputError, match="is not in UTF-8"):
        assistant.read_faq(faq)


def test_the_builtin_models_hold_a_conversation(
    assistant: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = (assistant.LIBRARY / "turns.txt").read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO(turns))
    assistant.main([])
    printed = capsys.readouterr().out
    assert set(steps_of(printed)) == {"turn", "passage"}
    assert re.search(rf"^  whole +[\d.]+ ms in {len(turns.splitlines())} turns$", printed, re.M)
    assert "in the passage: nine thousand volumes" in printed


def test_the_sample_data_is_whole(assistant: ModuleType) -> None:
    faq = assistant.read_faq(assistant.LIBRARY / "faq.csv")
    assert len(faq) == 12
    assert all(question and answer for question, answer in faq)
    for name in ("about.txt", "turns.txt"):
        assert (assistant.LIBRARY / name).read_text(encoding="utf-8").strip()


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("no-such-model", "There is no model 'no-such-model'"),
        ("assistant", "takes a model that classifies single texts"),
        ("nli", "takes a model that classifies single texts"),
        ("ner", "takes a model that classifies single texts"),
    ],
)
def test_the_demo_says_which_model_it_takes(model: str, told: str) -> None:
    command = [sys.executable, str(EXAMPLES / "demo.py"), model]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and told in done.stderr
