"""Questions at the command line: predict with a context, train, evaluate."""

import csv
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from squeezebert import cli
from squeezebert.model import SqueezeBertForQuestionAnswering
from squeezebert.pipelines import load

BundleMaker = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]

CONTEXT = "A very good film;\r\na bad plot 😀, and not very good!"


@pytest.fixture
def bundle(tmp_path: Path, make_bundle: BundleMaker) -> Path:
    return make_bundle(
        tmp_path / "qa", task="question-answering", labels=(), problem_type=None, max_length=16
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command; returns exit status, stdout and stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["squeezebert", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return int(exit_.value.code or 0), *capsys.readouterr()

    return run


def test_questions_about_a_file(run: Run, bundle: Path, tmp_path: Path) -> None:
    context = tmp_path / "context.txt"
    context.write_bytes(CONTEXT.encode())
    status, out, err = run(
        *("predict", "--model", bundle, "--context", context, "what is good?", "what plot?")
    )
    assert (status, err) == (0, "")
    first, second = map(json.loads, out.splitlines())
    assert (first["question"], second["question"]) == ("what is good?", "what plot?")
    assert "context" not in first, "it may have megabytes"
    assert first["answer"] == CONTEXT[first["start"] : first["end"]]
    [answer] = load(bundle)([("what is good?", CONTEXT)])
    assert (first["answer"], first["windows"]) == (answer.answer, answer.windows)
    assert [found["answer"] for found in first["candidates"]] == [
        candidate.answer for candidate in answer.candidates
    ]


def test_no_answer_is_null(
    run: Run, make_bundle: BundleMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = make_bundle(
        tmp_path / "never",
        task="question-answering",
        labels=(),
        problem_type=None,
        null_threshold=-1e9,
    )
    context = tmp_path / "context.txt"
    context.write_text("a good film")
    asked = ("predict", "--model", never, "--context", context, "what?")
    found = json.loads(run(*asked)[1])
    assert (found["answer"], found["start"], found["end"]) == (None, None, None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    question, answer = run(*asked)[1].splitlines()
    assert question == "what?"
    assert re.fullmatch(r"  no answer  [\d.]+%", answer)


def test_a_file_with_a_context_in_each_row(run: Run, bundle: Path, tmp_path: Path) -> None:
    data, output = tmp_path / "in.csv", tmp_path / "out.csv"
    data.write_text("question,context\nwhat film?,a good film\nwhat plot?,a bad plot\n")
    status, _, err = run("predict", "--model", bundle, "--file", data, "-o", output)
    assert status == 0
    assert "guessed the columns: text 'question', pair 'context'" in err
    with output.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["question"] for row in rows] == ["what film?", "what plot?"]
    assert rows[0]["answer"] == "a good film"[int(rows[0]["start"]) : int(rows[0]["end"])]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["what?"], "finds answers in a text: name its file with --context"),
        (["--context", "empty.txt", "what?"], "Text 1: the context is empty"),
        (["--context", "good.txt", ""], "Text 1: the question is empty"),
        (["--context", "good.txt", "very " * 9], "Text 1: the question has 11 tokens"),
        (["--context", "none.txt", "what?"], "none.txt: no such file"),
        (["--context", "russian.txt", "what?"], "russian.txt, line 1: byte 0xe0 is not UTF-8"),
        (["--context", "good.txt", "--file", "good.txt"], "--context is for questions"),
    ],
)
def test_wrong_usage(
    run: Run,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text(" \n")
    Path("good.txt").write_text("a good film")
    Path("russian.txt").write_bytes(bytes(range(0xE0, 0xE8)))
    status, out, err = run("predict", "--model", bundle, *arguments)
    assert (status, out) == (2, "")
    assert re.search(message, err), err


def test_scores_are_shown_by_kind_of_question(run: Run, bundle: Path, tmp_path: Path) -> None:
    data, scores = tmp_path / "dev.jsonl", tmp_path / "scores.json"
    rows = [
        {"question": "what film?", "context": "a good film", "answers": ["good"]},
        {"question": "who?", "context": "a bad plot", "answers": []},
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    status, out, err = run("evaluate", "--model", bundle, "--data", data, "--json", scores)
    assert (status, err) == (0, "")
    assert "has_answer_f1" in out
    assert "the best null_threshold for these examples is" in out
    lines = [line.split() for line in out.splitlines()]
    assert ["kind", "f1", "exact_match", "examples"] in lines
    assert [line[0] for line in lines if line and line[-1] == "1"] == ["who", "what"]
    found = json.loads(scores.read_text())
    assert [kind["kind"] for kind in found["per_kind"]] == ["who", "what"]
    assert set(found["fitted"]) == {"null_threshold"}


def test_an_export_tells_the_threshold_and_how_to_ask(
    run: Run, tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    checkpoint = make_checkpoint(tmp_path / "checkpoint", SqueezeBertForQuestionAnswering)
    data, output = tmp_path / "dev.jsonl", tmp_path / "out"
    rows = [
        {"question": "what film?", "context": "a good film", "answers": ["good"]},
        {"question": "who?", "context": "a bad plot", "answers": []},
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    status, out, _ = run("export", checkpoint, "--data", data, "-o", output, "--tolerance", 100,
                         "--untrained")  # fmt: skip
    assert status == 0
    threshold = load(output).spec.null_threshold
    assert threshold is not None
    assert f"no answer where its margin is above {threshold:.3f}" in out
    assert out.endswith(f'predict --model {output} --context FILE "A question?"\n')
