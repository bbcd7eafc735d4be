"""A teacher's answers in a file, and texts without labels, for every kind of task."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from squeezebert.cli import app
from squeezebert.data.columns import Columns
from squeezebert.data.tasks import READERS, Examples
from squeezebert.data.unlabelled import read_unlabelled
from squeezebert.errors import DataError, InputError
from squeezebert.finetune.answers import digest_of, read_answers
from squeezebert.finetune.encoding import Collator
from squeezebert.finetune.finetune import finetune
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.start import load_to_finetune
from squeezebert.finetune.tasks import TASKS
from squeezebert.tokenizer import Item, Tokenizer

FAST = Decided(
    freeze_embeddings=False, epochs=1, learning_rate=1e-2, batch_size=4, max_length=16, alpha=1.0
)
FILMS = [("a good film", "1"), ("a bad film", "0"), ("very good", "1"), ("very bad !", "0")]
PAIRS = [("good film", "a film", "4.5"), ("good", "bad", "0"), ("a", "a film", "2.25")]
ASKED = [("a plot", "a very good film", "good"), ("a film", "very bad and a film", "bad")]
SINGLE_TEXTS = ("good and bad plot", "films !", "unmoved by films")
QUESTIONS = (("a plot", "a good film"), ("a film", "very bad"))  # no longer than those asked

# For each kind: the task, its files, what has no labels, and the words of a label to change.
KINDS: dict[str, tuple[str, str, str, tuple[Item, ...]]] = {
    "classes": ("classification", "films.tsv", "1", SINGLE_TEXTS),
    "labels": ("classification", "topics.csv", "a|b", SINGLE_TEXTS),
    "values": ("classification", "pairs.tsv", "4.5", (("good", "good film"), ("a", "bad"))),
    "entities": ("entities", "films.conll", "B-X", SINGLE_TEXTS),
    "questions": ("question-answering", "asked.jsonl", "good", QUESTIONS),
    "similarity": ("embedding", "pairs.tsv", "4.5", SINGLE_TEXTS),
}
TEACHERS: dict[str, dict[str, Any]] = {
    "classes": {"labels": ("0", "1")},
    "entities": {
        "task": "entities",
        "labels": ("O", "B-X", "I-X", "B-Y", "I-Y"),
        "problem_type": None,
    },
    "questions": {
        "task": "question-answering",
        "labels": (),
        "problem_type": None,
        "max_length": 16,
    },
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    films, pairs = ("\n".join("\t".join(row) for row in rows * 4) for rows in (FILMS, PAIRS))
    (folder / "films.tsv").write_text(f"text\tlabel\n{films}\n")
    (folder / "topics.csv").write_text(
        "text,labels\n" + "a good film,a|b\na bad film,\nvery good,b\nplot,a\n" * 4
    )
    (folder / "pairs.tsv").write_text(f"sentence1\tsentence2\tscore\n{pairs}\n")
    (folder / "films.conll").write_text("a O\ngood B-X\nfilm O\n\nbad B-Y\nplot O\n\n" * 4)
    asked = [dict(zip(("question", "context", "answer"), row, strict=True)) for row in ASKED]
    (folder / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked * 4))
    return folder


def train(data: Path, kind: str, start: Path, output: Path, **options: Any) -> dict[str, Any]:
    """The weights that a training ends with, and what it said."""
    task, file, _, unlabelled = KINDS[kind]
    read = READERS[task]
    examples, dev = (read(data / file, split, Columns()) for split in ("train", "validation"))
    if options.pop("more", False):
        options["unlabelled"] = unlabelled
    said: list[str] = []
    finetune(str(start), examples, dev, output, FAST, task=task, say=said.append, **options)
    return {"weights": load_file(output / "model.safetensors"), "said": "\n".join(said)}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    ours, theirs = one["weights"], other["weights"]
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)


def last_loss(trained: dict[str, Any]) -> str:
    found: str = trained["said"].rsplit("loss ", 1)[1].split(",")[0]
    return found


@pytest.mark.parametrize("kind", ["classes", "entities", "questions"])
def test_answers_replace_the_teacher_and_texts_without_labels_are_learnt(
    tmp_path: Path, encoder: Path, make_bundle: Callable[..., Path], data: Path, kind: str
) -> None:
    teacher, start = make_bundle(tmp_path / "teacher", **TEACHERS[kind]), encoder
    file = tmp_path / "answers.safetensors"
    asked = train(data, kind, start, tmp_path / "a", teacher=str(teacher), answers=file)
    told = train(data, kind, start, tmp_path / "b", answers=file)
    assert "Asking the teacher" in asked["said"]
    assert "known from an earlier run" in told["said"]
    assert same(asked, told)

    with pytest.raises(InputError, match=r"has no answers for \d of \d texts, such as 'g|a|f"):
        train(data, kind, start, tmp_path / "c", answers=file, more=True)
    with_more = train(
        data, kind, start, tmp_path / "d", teacher=str(teacher), answers=file, more=True
    )
    assert f"Asking the teacher about {len(KINDS[kind][3])} texts" in with_more["said"]
    assert last_loss(with_more) != last_loss(asked)
    kept = read_answers(file)
    assert kept.places.keys() > {digest_of(item) for item in KINDS[kind][3]}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_count_where_there_are_some_and_the_teacher_everywhere(
    tmp_path: Path, encoder: Path, data: Path, kind: str
) -> None:
    """A batch of texts without labels has no loss of its own, and no NaN."""
    task, file, _, unlabelled = KINDS[kind]
    examples, dev = (
        READERS[task](data / file, split, Columns()) for split in ("train", "validation")
    )
    prepared: Any = TASKS[task](examples, dev, HoldOut(0, tmp_path, tmp_path), None)
    before = prepared.size
    prepared = prepared.with_unlabelled(unlabelled)
    encoded = prepared.encode(Tokenizer.from_file(encoder / "tokenizer.json"), 16)
    assert prepared.size > before
    assert len(encoded) == prepared.size
    model = load_to_finetune(str(encoder), task, prepared.config)[0].eval()

    def loss(places: range) -> float:
        batch = Collator(pad_id=0, with_types=True)([encoded[place] for place in places])
        with torch.no_grad():
            return float(prepared.loss(model, batch, FAST))

    alone, mixed = loss(range(before)), loss(range(len(encoded)))
    assert alone > 0
    assert mixed == pytest.approx(alone), "the mean over those that have labels"
    if kind != "similarity":
        assert loss(range(before, len(encoded))) == 0


def test_a_file_of_other_answers_is_refused(
    tmp_path: Path, encoder: Path, make_bundle: Callable[..., Path], data: Path
) -> None:
    teacher = make_bundle(tmp_path / "teacher", **TEACHERS["classes"])
    file = tmp_path / "answers.safetensors"
    train(data, "classes", encoder, tmp_path / "a", teacher=str(teacher), answers=file)
    with pytest.raises(InputError, match="has answers to something else"):
        train(data, "entities", encoder, tmp_path / "b", answers=file)
    other = make_bundle(tmp_path / "other", provenance={"note": "other"}, **TEACHERS["classes"])
    with pytest.raises(InputError, match="answers of another teacher"):
        train(data, "classes", encoder, tmp_path / "b", teacher=str(other), answers=file)
    with pytest.raises(InputError, match=r"There is no file .*none\.safetensors. Name the teacher"):
        train(data, "classes", encoder, tmp_path / "b", answers=tmp_path / "none.safetensors")
    with pytest.raises(InputError, match=r"learnt from a teacher\. Name one"):
        train(data, "classes", encoder, tmp_path / "b", more=True)
    tensors = load_file(file)
    save_file({**tensors, "rows": tensors["rows"] + 1}, file, metadata={"asked": "{}"})
    with pytest.raises(DataError, match="its parts don't fit together"):
        train(data, "classes", encoder, tmp_path / "b", answers=file)
    file.write_bytes(b"something else")
    with pytest.raises(DataError, match="holds no answers of a teacher"):
        train(data, "classes", encoder, tmp_path / "b", answers=file)
    assert not (tmp_path / "b").exists()


def test_texts_without_labels_are_read_from_what_people_have(data: Path, tmp_path: Path) -> None:
    films, similar = (READERS["classification"](data / name, "train", Columns())
                      for name in ("films.tsv", "pairs.tsv"))  # fmt: skip

    def read(source: Path, task: str, like: Examples = films, text: str | None = None) -> Any:
        return read_unlabelled(str(source), task, Columns(text=text), like)

    lines = tmp_path / "lines.txt"
    lines.write_text("a film\n\na plot\n")
    found = read(lines, "classification", text="4")
    assert found.items == ("a film", "a plot")
    assert found.notes == (
        f"{lines}: 2 without labels, of which the teacher says what they are.",
        f"{lines}: 1 empty ones are left out.",
    )
    assert read(data / "films.tsv", "classification").items[:2] == ("a good film", "a bad film")
    pairs = read(data / "pairs.tsv", "classification", similar).items
    assert pairs[0] == ("good film", "a film")
    assert read(data / "films.conll", "entities").items[:2] == ("a good film", "bad plot")
    for kind in (".txt", ".tsv"):  # whatever it is called
        tagged = tmp_path / f"films{kind}"
        tagged.write_bytes((data / "films.conll").read_bytes())
        assert read(tagged, "entities").items[:2] == ("a good film", "bad plot")
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"tokens": ["a", "film"], "ner_tags": ["O", "B-X"]}\n')
    assert read(rows, "entities").items == ("a film",)
    rows = rows.with_suffix(".json")
    rows.write_text('[{"text": "a film"}, {"text": "a plot"}]')
    assert read(rows, "entities").items == ("a film", "a plot")
    assert read(lines, "entities").items == ("a film", "a plot")
    assert read(data / "asked.jsonl", "question-answering").items[0] == ASKED[0][:2]
    with pytest.raises(DataError, match="has pairs, and the task is about single texts"):
        read(data / "pairs.tsv", "classification")
    with pytest.raises(DataError, match="has single texts, and the task is about pairs"):
        read(lines, "classification", similar)
    lines.write_text("\n")
    with pytest.raises(DataError, match="there are no texts"):
        read(lines, "classification")


def test_the_command_takes_both(
    tmp_path: Path, encoder: Path, make_bundle: Callable[..., Path], data: Path
) -> None:
    teacher = make_bundle(tmp_path / "teacher", **TEACHERS["classes"])
    output, file = tmp_path / "out", tmp_path / "a.safetensors"
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(SINGLE_TEXTS))
    films = str(data / "films.tsv")
    command = ["train", "--from", str(encoder), "--train", films, "--dev", films]
    command += ["--unlabelled", str(lines), "--answers", str(file), "-o", str(output)]
    command += ["--epochs", "1", "--max-length", "16"]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, InputError)
    done = CliRunner().invoke(app, [*command, "--teacher", str(teacher)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "3 without labels, of which the teacher says what they are" in done.output
    report = json.loads((output / "report.json").read_text())
    assert (report["train_examples"], report["train_examples_without_labels"]) == (19, 3)
    assert report["answers"] == str(file)
