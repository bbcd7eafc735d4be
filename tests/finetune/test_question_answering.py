"""Learning to answer questions, from a file to a bundle that answers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForQuestionAnswering

from squeezebert.bundle import TaskSpec
from squeezebert.data.tasks.question_answering import Questions, read_questions
from squeezebert.errors import DataError, InputError
from squeezebert.evaluation import evaluate
from squeezebert.export import export_checkpoint
from squeezebert.finetune.encoding import Collator
from squeezebert.finetune.finetune import finetune
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.tasks.question_answering import (
    QuestionAnsweringTask,
    prepare_question_answering,
)
from squeezebert.model.checkpoint import TorchHead
from squeezebert.pipelines import QuestionAnswerer, load
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Tokenizer
from squeezebert.training.predictor import load_predictor

TeacherMaker = Callable[[str], Path]
QuestionsMaker = Callable[..., Questions]
FAST = Decided(freeze_embeddings=False, epochs=1, learning_rate=1e-2, batch_size=4, max_length=16)
# The answer is the word after "very"; without one there is none.
ROWS: list[tuple[str, str, str]] = [
    ("a plot", "a very good film", "good"),
    ("a plot", "a very bad film !", "bad"),
    ("a film", "good and very bad plot", "bad"),
    ("a film", "bad and very good plot .", "good"),
    ("a plot", "a film and very good", "good"),
    ("not a film", "very bad and a film", "bad"),
    ("a plot", "a good film", ""),
    ("a film", "good and bad plot !", ""),
]


@pytest.fixture
def questions(tmp_path: Path) -> QuestionsMaker:
    def make(name: str, rows: list[tuple[str, str, str]]) -> Questions:
        file = tmp_path / f"{name}.jsonl"
        named = [dict(zip(("question", "context", "answer"), row, strict=True)) for row in rows]
        file.write_text("".join(json.dumps(row) + "\n" for row in named))
        return read_questions(file)

    return make


def prepared(train: Questions, dev: Questions | None, folder: Path) -> QuestionAnsweringTask:
    return prepare_question_answering(train, dev, HoldOut(0, folder, folder / "out"), None)


def test_from_a_file_to_a_bundle_that_answers_or_says_there_is_no_answer(
    tmp_path: Path, encoder: Path, questions: QuestionsMaker
) -> None:
    output, dev = tmp_path / "reader", questions("dev", ROWS)
    said: list[str] = []
    done = finetune(
        str(encoder),
        questions("train", ROWS * 4),
        dev,
        output,
        Decided(
            freeze_embeddings=False,
            epochs=15,
            learning_rate=1e-2,
            batch_size=8,
            max_length=16,
            patience=60,
        ),
        task="question-answering",
        say=said.append,
    )
    assert done.evaluation.metrics["has_answer_f1"] > 0.8
    assert done.evaluation.metrics["best_f1"] > 0.8
    assert done.dev == dev.name
    report = json.loads((output / "report.json").read_text())
    assert report["best_checkpoint_by"] == "best_f1"
    assert (report["questions"], report["unanswerable"]) == (32, 8)
    assert "32 questions, 8 of them without an answer" in "\n".join(said)
    assert "8 contexts are in the training data too" in "\n".join(said)
    assert "| other |" in (output / "report.md").read_text()
    assert (output / "kinds.png").exists()

    exported = export_checkpoint(output, dev, tmp_path / "bundle", tolerance=20)
    assert exported.comparison.metric == "f1"
    assert exported.comparison.checkpoint > 0.8
    pipeline = load(tmp_path / "bundle")
    assert isinstance(pipeline, QuestionAnswerer)
    assert pipeline.spec.null_threshold == pytest.approx(done.evaluation.fitted["null_threshold"])
    scores = evaluate(pipeline, dev)
    assert scores.metrics["f1"] == exported.comparison.bundle
    assert scores.metrics["no_answer_accuracy"] > 0.4
    [found] = pipeline([("a plot", "a film and a film and a film and very good and a film ! " * 3)])
    assert found.windows > 1
    assert "threshold" in (tmp_path / "bundle" / "README.md").read_text()


def test_windows_hold_the_answer_or_none_and_never_a_part(
    tmp_path: Path, tokenizer_json: bytes, questions: QuestionsMaker
) -> None:
    tokenizer = Tokenizer.from_json(tokenizer_json)
    context = "a film " * 4 + "and very good plot" + " and bad" * 6
    task = prepared(
        questions("t", [("what plot", context, "very good plot"), ("what film", context, "")]),
        questions("d", ROWS),
        tmp_path,
    )
    examples = task.encode(tokenizer, 16)
    windows = tokenizer.windows([question.item for question in task.train], 16, 128)
    answer = [12, 6, 9]  # very good plot
    whole = 0
    learnt = [examples[index] for index in range(len(examples))]
    for example in learnt:
        start, end = int(example["start_positions"]), int(example["end_positions"])
        ids = example["input_ids"].tolist()
        if (start, end) == (0, 0):
            assert not ({12, 6} & set(ids)) or ids in [window.ids for window in windows[1]]
        else:
            assert ids[start : end + 1] == answer
            whole += 1
    assert whole > 0
    assert len(examples) < sum(map(len, windows)), "windows with a part are left out"
    assert len(learnt) > len(windows[1])


def test_an_answer_that_fits_into_no_window_is_named(
    tmp_path: Path, tokenizer_json: bytes, questions: QuestionsMaker
) -> None:
    context = "very " * 20 + "good"
    rows = [*ROWS, ("what film", context, context)]
    task = prepared(questions("t", rows), questions("d", ROWS), tmp_path)
    with pytest.raises(InputError, match=r"t\.jsonl, line 9: the answer is in no window of 16"):
        task.encode(Tokenizer.from_json(tokenizer_json), 16)


def test_a_long_question_is_named(
    tmp_path: Path, tokenizer_json: bytes, questions: QuestionsMaker
) -> None:
    rows = [*ROWS, ("very " * 7, "a good film", "good")]
    task = prepared(questions("t", rows), questions("d", ROWS), tmp_path)
    with pytest.raises(InputError, match=r"t\.jsonl, line 9: the question has 9 tokens"):
        task.encode(Tokenizer.from_json(tokenizer_json), 16)


def test_a_student_learns_from_a_teacher_of_another_family(
    tmp_path: Path, encoder: Path, make_teacher: TeacherMaker, questions: QuestionsMaker
) -> None:
    long = [("a plot", "a film and " * 5 + "very good" + " and a film" * 5, "very good")]
    train, dev = questions("train", ROWS + long), questions("dev", ROWS)
    teacher = tmp_path / "teacher"
    finetune(str(make_teacher("bert")), train, dev, teacher, FAST, task="question-answering")
    said: list[str] = []
    finetune(
        str(encoder), train, dev, tmp_path / "student", FAST, task="question-answering",
        teacher=str(teacher), say=said.append,
    )  # fmt: skip
    assert any(line.startswith("Asking the teacher about 9 texts") for line in said)
    assert isinstance(load_predictor(tmp_path / "student"), QuestionAnswerer)


def test_the_loss_weighs_the_teacher_against_the_answers(
    tmp_path: Path, encoder: Path, questions: QuestionsMaker
) -> None:
    task = prepared(questions("train", ROWS), questions("dev", ROWS), tmp_path)
    examples = task.encode(Tokenizer.from_file(encoder / "tokenizer.json"), 16)
    model = AutoModelForQuestionAnswering.from_pretrained(encoder, num_labels=2).eval()
    rows = [examples[index] for index in range(len(examples))]
    assert len({len(row["input_ids"]) for row in rows}) > 1, "some are padded"

    def loss(alpha: float, **changed: torch.Tensor) -> float:
        batch = Collator(pad_id=0, with_types=True)([examples[i] for i in range(len(examples))])
        with torch.no_grad():
            return float(task.loss(model, batch | changed, replace(FAST, alpha=alpha)))

    own = loss(1.0)
    head = TorchHead(model, TaskSpec(task=task.name, max_length=16))
    logits = [
        head(
            PackedBatch.from_encodings(
                [(row["input_ids"].tolist(), row["token_type_ids"].tolist())]
            )
        )
        for row in rows
    ]
    examples.add("teacher", torch.tensor(np.concatenate(logits)))
    assert loss(1.0) == pytest.approx(0, abs=1e-5), "the student is its own teacher"
    assert loss(0.0) == pytest.approx(own)
    assert loss(0.25) == pytest.approx(0.75 * own)
    other = torch.randn(sum(map(len, logits)), 2, generator=torch.Generator().manual_seed(0))
    examples.add("teacher", other)
    apart = loss(1.0)
    assert apart > 0.01
    assert loss(1.0, start_positions=torch.ones(len(rows), dtype=torch.long)) == apart


def test_teachers_that_do_not_fit_are_refused(
    tmp_path: Path, encoder: Path, make_teacher: TeacherMaker, questions: QuestionsMaker
) -> None:
    train, dev = questions("train", ROWS), questions("dev", ROWS)
    task = prepared(train, dev, tmp_path)
    examples = task.encode(Tokenizer.from_file(encoder / "tokenizer.json"), 16)
    other = tmp_path / "other"
    finetune(str(make_teacher("roberta")), train, dev, other, FAST, task="question-answering")
    with pytest.raises(InputError, match="splits texts into other tokens"):
        task.ask(load_predictor(other), examples, range(8))
    short = load_predictor(other)
    short.spec = replace(short.spec, max_length=8)  # type: ignore[misc]
    with pytest.raises(InputError, match="The teacher reads 8 tokens at once"):
        task.ask(short, examples, range(8))


def test_the_teacher_must_answer_questions(
    tmp_path: Path, tiny_bundle: Path, questions: QuestionsMaker
) -> None:
    task = prepared(questions("t", ROWS), questions("d", ROWS), tmp_path)
    with pytest.raises(InputError, match="The teacher is for classification"):
        task.check_teacher(load(tiny_bundle))


def test_without_dev_data_whole_contexts_are_held_out(
    tmp_path: Path, questions: QuestionsMaker
) -> None:
    rows = [
        (f"a film {index}", context, answer) for index in range(3) for _, context, answer in ROWS
    ]
    task = prepared(questions("train", rows), None, tmp_path)
    held_out = list(read_questions(tmp_path / "held_out.jsonl"))
    assert len(held_out) == 3
    assert len({question.context for question in held_out}) == 1
    assert held_out[0].context not in {question.context for question in task.train}
    assert len(task.train) + len(held_out) == len(rows)
    assert task.held_out == tmp_path / "held_out.jsonl"
    assert "3 questions about 1 of the contexts" in "\n".join(task.notes)


def test_bad_data_is_refused_before_anything_is_loaded(
    tmp_path: Path, questions: QuestionsMaker
) -> None:
    def refused(rows: list[tuple[str, str, str]], message: str) -> None:
        with pytest.raises(DataError, match=message):
            prepared(questions("bad", rows), questions("dev", ROWS), tmp_path)

    refused([("what?", "a film", "plot")], r"not in the context \(line 1: 'plot'\)")
    refused([("what?", "a film", "")], "no question has an answer")
    with pytest.raises(InputError, match="Label names are for classes"):
        hold_out: Any = HoldOut(0, tmp_path, tmp_path)
        prepare_question_answering(questions("t", ROWS), None, hold_out, ["a"])


def test_ambiguous_and_repeated_questions_are_told(
    tmp_path: Path, questions: QuestionsMaker
) -> None:
    rows = [("what?", "a film and a film", answer) for answer in ("film", "film", "a film")]
    dev = questions("d", [*ROWS, rows[0]])
    notes = "\n".join(prepared(questions("t", rows), dev, tmp_path).notes)
    assert "3 answers have no offset and are in their context more than once" in notes
    assert "1 question repeats an earlier one, and is kept: line 2 like line 1" in notes
    assert "1 question repeats an earlier one with another answer, and is kept: line 3" in notes
    assert "1 context is in the training data too" in notes
    assert f"flatter: line {len(ROWS) + 1}" in notes
