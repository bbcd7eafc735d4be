"""Learning to find entities, from a file with tags to a bundle that finds them."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from squeezebert.data.tasks.entities import AnnotatedTexts, read_entities
from squeezebert.errors import DataError, InputError
from squeezebert.evaluation import evaluate
from squeezebert.export import export_checkpoint
from squeezebert.finetune.finetune import finetune
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.tasks.entities import EntityTask, prepare_entities
from squeezebert.pipelines import EntityFinder, load
from squeezebert.tokenizer import Tokenizer
from squeezebert.training.predictor import load_predictor

TeacherMaker = Callable[[str], Path]
TextsMaker = Callable[..., AnnotatedTexts]
FAST = Decided(freeze_embeddings=False, epochs=2, learning_rate=1e-2, batch_size=4, max_length=16)
# "good" and "unmoved" are people, with films after them; "bad" is a place.
SENTENCES = [
    "a very good/B-PER films/I-PER and bad/B-LOC .",
    "unmoved/B-PER and good/B-PER films/I-PER !",
    "not bad/B-LOC , good/B-PER a plot",
    "films and bad/B-LOC plot",
]


@pytest.fixture
def texts(tmp_path: Path) -> TextsMaker:
    """Writes a CoNLL file from sentences of word/TAG and opens it."""

    def make(name: str, sentences: list[str]) -> AnnotatedTexts:
        path = tmp_path / f"{name}.conll"
        lines = [
            "\n".join(
                "\t".join((word if "/" in word else f"{word}/O").split("/")) for word in words
            )
            for words in map(str.split, sentences)
        ]
        path.write_text("\n\n".join(lines) + "\n")
        return read_entities(path)

    return make


def prepared(train: AnnotatedTexts, dev: AnnotatedTexts | None, folder: Path) -> EntityTask:
    return prepare_entities(train, dev, HoldOut(0, folder, folder / "out"), None)


def test_the_first_piece_of_each_word_has_its_tag(
    texts: TextsMaker, tokenizer_json: bytes, tmp_path: Path
) -> None:
    task = prepared(texts("t", SENTENCES[:2]), texts("d", SENTENCES[:1]), tmp_path)
    assert task.tags == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    encoded = task.encode(Tokenizer.from_json(tokenizer_json), 16)
    # [CLS] a very good film ##s and bad . [SEP]
    assert encoded[0]["labels"].tolist() == [-100, 0, 0, 3, 4, -100, 0, 1, 0, -100]
    # [CLS] un ##moved and good film ##s ! [SEP]
    assert encoded[1]["labels"].tolist() == [-100, 3, -100, 0, 3, 4, -100, 0, -100]


def test_long_texts_are_learnt_whole_in_windows(
    texts: TextsMaker, tokenizer_json: bytes, tmp_path: Path
) -> None:
    train = texts("t", [" ".join(SENTENCES * 3), SENTENCES[1]])
    task = prepared(train, texts("d", SENTENCES), tmp_path)
    tokenizer = Tokenizer.from_json(tokenizer_json)
    whole, parts = task.encode(tokenizer, 500), task.encode(tokenizer, 9)
    assert (whole.windows, parts.windows[1]) == ([1, 1], 1)
    assert len(parts) > 10
    assert (parts.truncated, parts.lengths.max()) == (0, 9)
    learnt = [[tag for tag in found.labels.tolist() if tag >= 0] for found in (whole, parts)]
    assert learnt[0] == learnt[1], "each word once, in order"


def test_characters_decide_where_an_entity_ends_within_a_word(
    tmp_path: Path, tokenizer_json: bytes
) -> None:
    path = tmp_path / "t.jsonl"
    rows = [
        {"text": "a goodfilm bad!good", "entities": [[2, 6, "X"], [11, 15, "X"], [15, 19, "Y"]]}
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows * 4))
    task = prepared(read_entities(path), None, tmp_path)
    encoded = task.encode(Tokenizer.from_json(tokenizer_json), 16)
    tags = [task.tags[tag] for tag in encoded[0]["labels"].tolist() if tag >= 0]
    assert tags == ["O", "B-X", "B-X", "I-X", "B-Y"]


def test_it_learns_and_its_bundle_finds_the_same(
    tmp_path: Path, encoder: Path, texts: TextsMaker
) -> None:
    output, dev = tmp_path / "finder", texts("dev", SENTENCES)
    settings = Decided(
        freeze_embeddings=False,
        epochs=8,
        learning_rate=1e-2,
        batch_size=4,
        max_length=16,
        patience=16,
    )
    said: list[str] = []
    done = finetune(
        str(encoder),
        texts("train", SENTENCES * 12),
        dev,
        output,
        settings,
        task="entities",
        say=said.append,
    )
    assert done.evaluation.metrics == {"f1": 1, "precision": 1, "recall": 1}
    assert [(scores.label, scores.support) for scores in done.evaluation.per_class] == [
        ("LOC", 3),
        ("PER", 4),
    ]
    printed = "\n".join(said)
    assert f"{'PER':<8} {48:>9} {4:>9}" in printed
    assert "4 texts are in the training data too" in printed
    assert "texts repeat an earlier one, and are kept: line" in printed
    assert not (output / "confusion.png").exists()
    report = (output / "report.md").read_text()
    assert "confusion" not in report
    assert "![F1 of each class](f1.png)" in report
    assert (output / "f1.png").exists()
    assert "| LOC | 1.0000 |" in report

    exported = export_checkpoint(output, dev, tmp_path / "bundle")
    assert (exported.comparison.metric, exported.comparison.bundle) == ("f1", 1)
    pipeline = load(tmp_path / "bundle")
    text = "A very GOOD Films and bad."
    for finder in (load_predictor(output), pipeline):
        [answer] = finder([text])
        found = [(entity.text, entity.type, entity.start) for entity in answer.entities]
        assert found == [("GOOD Films", "PER", 7), ("bad", "LOC", 22)]
    with pytest.raises(DataError, match="unknown type of entity 'ORG'"):
        evaluate(pipeline, texts("other", ["a/B-ORG"]))


def test_without_dev_data_a_tenth_is_held_out(
    tmp_path: Path, encoder: Path, texts: TextsMaker
) -> None:
    output = tmp_path / "out"
    said: list[str] = []
    train = texts("train", SENTENCES * 5)
    done = finetune(str(encoder), train, None, output, FAST, task="entities", say=said.append)
    assert "2 of the texts, drawn with seed 0" in "\n".join(said)
    held_out = read_entities(output / "held_out.jsonl")
    assert {example.text for example in held_out} < {example.text for example in train}
    assert evaluate(load_predictor(output), held_out).metrics == done.evaluation.metrics
    assert done.dev == f"{output}/held_out.jsonl"
    everything, drawn = (Counter(span.type for each in some for span in each.spans)
                         for some in (train, held_out))  # fmt: skip
    report = json.loads((output / "report.json").read_text())
    assert report["entity_counts"] == everything - drawn


def test_a_file_without_empty_lines_is_one_text(texts: TextsMaker, tmp_path: Path) -> None:
    one = texts("one", SENTENCES[:1])
    with pytest.raises(DataError, match=r"all of it is one text.*an empty line comes after each"):
        prepare_entities(one, None, HoldOut(0, tmp_path, tmp_path), None)


@pytest.mark.parametrize("family", ["bert", "mpnet"])
def test_a_teacher_with_other_ids_for_the_same_words_teaches(
    tmp_path: Path, encoder: Path, make_teacher: TeacherMaker, texts: TextsMaker, family: str
) -> None:
    """With alpha 1 the labels change nothing: students of true and of wrong tags are the same."""
    right = texts("right", SENTENCES * 5)
    wrong = texts("wrong", [text.replace("PER", "X").replace("LOC", "PER").replace("X", "LOC")
                            for text in SENTENCES * 5])  # fmt: skip
    teacher, dev = tmp_path / "teacher", texts("dev", SENTENCES)
    finetune(str(make_teacher(family)), right, dev, teacher, FAST, task="entities")
    students = []
    for train in (right, wrong):
        output = tmp_path / "student"
        settings = replace(FAST, epochs=1, alpha=1.0)
        finetune(str(encoder), train, dev, output, settings, task="entities", teacher=str(teacher))
        students.append(load_file(output / "model.safetensors"))
    assert all(torch.equal(students[0][name], students[1][name]) for name in students[0])


def test_what_a_teacher_says_is_in_the_order_of_the_tags(
    tmp_path: Path, texts: TextsMaker, tokenizer_json: bytes, make_bundle: Callable[..., Path]
) -> None:
    task = prepared(texts("t", SENTENCES), texts("d", SENTENCES), tmp_path)
    shuffled = ("I-PER", "B-LOC", "O", "B-PER", "I-LOC")
    bundle = make_bundle(tmp_path / "b", task="entities", labels=shuffled, problem_type=None)
    teacher = load(bundle)
    assert isinstance(teacher, EntityFinder)
    examples = task.encode(Tokenizer.from_json(tokenizer_json), 9)
    answers = task.ask(teacher, examples, range(len(task.train)))
    rows = task.placed(answers, examples)
    assert rows.shape == (int(examples.lengths.sum()), 5)
    words = examples.labels >= 0
    probabilities = rows[words].exp()
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(int(words.sum())))
    [first, *_] = teacher.tag([task.train[0].text])
    expected = torch.from_numpy(first.scores)[:, [shuffled.index(tag) for tag in task.tags]]
    torch.testing.assert_close(probabilities[: len(expected)], expected)


def test_a_window_without_a_word_has_a_loss(texts: TextsMaker, tmp_path: Path) -> None:
    task = prepared(texts("t", SENTENCES), texts("d", SENTENCES), tmp_path)

    class Output:
        logits = torch.zeros(1, 3, 5, requires_grad=True)

    batch = {"input_ids": torch.zeros(1, 3), "labels": torch.full((1, 3), -100)}
    taught = {**batch, "teacher": torch.zeros(1, 3, 5)}
    for given in (dict(batch), taught):
        assert task.loss(lambda **_: Output, given, FAST).item() == 0


def test_teachers_and_names_that_do_not_fit_are_refused(
    tmp_path: Path, encoder: Path, texts: TextsMaker, make_bundle: Callable[..., Path]
) -> None:
    train, dev, output = texts("t", SENTENCES), texts("d", SENTENCES), tmp_path / "out"
    other = make_bundle(tmp_path / "b", task="entities", labels=("O", "B-X"), problem_type=None)
    sentiment = make_bundle(tmp_path / "s")

    def attempt(**options: Any) -> None:
        data = {"train": train, "dev": dev} | {
            name: options.pop(name) for name in ("train", "dev") if name in options
        }
        finetune(str(encoder), **data, output=output, settings=FAST, task="entities", **options)

    with pytest.raises(InputError, match="labels O, B-X, but the data's are O, B-LOC"):
        attempt(teacher=str(other))
    with pytest.raises(InputError, match="teacher is for classification"):
        attempt(teacher=str(sentiment))
    with pytest.raises(InputError, match="Label names are for classes"):
        attempt(label_names=["a", "b"])
    with pytest.raises(DataError, match=r"d\.conll: unknown type of entity 'ORG'"):
        attempt(dev=texts("d", ["a/B-ORG"]))
    with pytest.raises(DataError, match=r"n\.conll: there is no entity in it"):
        attempt(train=texts("n", ["a film"]))
    assert not output.exists()
