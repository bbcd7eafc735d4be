"""A probe on tiny models and tiny data."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertModel
from typer.testing import CliRunner

from squeezebert.cli import app
from squeezebert.errors import CheckpointError, DataError, InputError
from squeezebert.probe.data import ProbeExample, ProbeFiles, Similarity, read_probe_data
from squeezebert.probe.encoder import BATCH, Encoded, batches, load_encoder
from squeezebert.probe.finetune import Recipe, TaskScore, fine_tuned_score
from squeezebert.probe.probe import (
    Measure,
    ModelScores,
    ProbeReport,
    held_out_errors,
    probe,
    similarity_score,
)
from squeezebert.squeeze.settings import SqueezeSettings
from squeezebert.squeeze.squeeze import squeeze
from squeezebert.squeeze.teacher import Teacher
from squeezebert.training.session import open_session

QUICK = Recipe(epochs=4, learning_rate=0.02)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Data that a tiny model can learn: a word decides, of MRPC one in the second text."""
    folder = tmp_path / "data"
    draw = random.Random(0)
    for name in ("glue/SST-2", "glue/MRPC", "glue/STS-B", "conll2003", "text"):
        (folder / name).mkdir(parents=True)
    for part, count in (("train", 120), ("dev", 40)):
        kinds = [(word, label) for word, label in (("good", 1), ("bad", 0)) for _ in range(count)]
        rows = [f'a {draw.choice(["film", "plot"])} {word} "\t{label}' for word, label in kinds]
        write(folder / f"glue/SST-2/{part}.tsv", ["sentence\tlabel", *rows])
        pairs = [
            f"{label}\t1\t2\ta {first} film\t{second}"
            for first, _ in kinds
            for second, label in (("good", 1), ("bad", 0))
        ]
        write(
            folder / f"glue/MRPC/{part}.tsv",
            ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", *pairs],
        )
    write(
        folder / "glue/STS-B/dev.tsv",
        [
            "index\tsentence1\tsentence2\tscore",
            "0\ta good film\ta good film\t5.0",
            "1\ta good film\ta very good film\t4.0",
            "2\ta good film\tnot and un !\t0.5",
        ],
    )
    sentence = "-DOCSTART- -X- O O\n\na D O O\nfilms N I-NP I-MISC\nplot N I-NP I-MISC\n. . O O\n"
    (folder / "conll2003/eng.train").write_text((sentence + "\n") * 120)
    (folder / "conll2003/eng.testa").write_text((sentence + "\n") * 10)
    paragraph = "a good film and a very good plot . not a bad plot ! " * 20
    write(folder / "text/wiki_2021.txt", [paragraph, "too short"] * 8)
    return folder


@pytest.fixture
def files(data: Path) -> ProbeFiles:
    return replace(ProbeFiles.under(data), text=data / "text/wiki_2021.txt")


def write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def teacher(make_teacher: Callable[[str], Path]) -> Path:
    return make_teacher("bert")


def test_a_copy_of_the_teacher_keeps_everything_and_a_squeezed_one_less(
    teacher: Path, files: ProbeFiles, tmp_path: Path
) -> None:
    shutil.copytree(teacher, tmp_path / "copy")
    settings = SqueezeSettings(
        teacher=str(teacher), text=(str(files.text),), tokens=0, groups=4, length=16
    )
    squeeze(settings, tmp_path / "student")
    names = [str(tmp_path / "copy"), str(tmp_path / "student")]
    told: list[str] = []
    report = probe(names, str(teacher), files, QUICK, advance=lambda what, part: told.append(what))

    assert [measure.name for measure in report.measures] == [
        "STS-B",
        "SST-2",
        "MRPC",
        "CoNLL-2003",
    ]
    assert [measure.dev for measure in report.measures] == [3, 80, 160, 10]
    assert [measure.chance for measure in report.measures] == [0.0, 0.5, 0.5, 0.0]
    assert report.teacher.errors is None
    copy, student = report.students
    assert copy.scores == report.teacher.scores
    assert copy.errors == pytest.approx((0.0, 0.0), abs=1e-6)
    assert report.retention(copy) == (1.0,) * 4
    assert student.errors is not None and min(student.errors) > 0.01
    assert report.retention(student) == tuple(
        ours / theirs for ours, theirs in zip(student.scores, report.teacher.scores, strict=True)
    )
    assert told[-1] == f"{names[1]}: CoNLL-2003"


@pytest.mark.parametrize("family", ["bert", "mpnet", "roberta"])
def test_what_can_be_learnt_is_learnt(
    make_teacher: Callable[[str], Path], files: ProbeFiles, family: str
) -> None:
    encoder = load_encoder(str(make_teacher(family)))
    before = {name: value.clone() for name, value in encoder.model.named_parameters()}
    for task in read_probe_data(files, seed=0).tasks:
        assert fine_tuned_score(encoder, task, QUICK, seed=0).score > 0.95, task.name
    assert all(torch.equal(value, before[name]) for name, value in encoder.model.named_parameters())


def test_retention_above_chance_is_stricter() -> None:
    measures = tuple(
        Measure(name, "accuracy", 10, 10, chance) for name, chance in (("A", 0.0), ("B", 0.5))
    )
    teacher = ModelScores("teacher", (0.8, 0.9), None, 0, 1.0)
    student = ModelScores("student", (0.4, 0.7), None, 0, 1.0)
    report = ProbeReport(measures, teacher, (student,), QUICK, seed=0)
    assert report.retention(student) == pytest.approx((1 / 2, 7 / 9))
    assert report.retention_above_chance(student) == pytest.approx((1 / 2, 1 / 2))
    guessing = replace(report, teacher=replace(teacher, scores=(0.8, 0.5)))
    figures = guessing.as_json()["students"][0]
    assert figures["retention_above_chance"] == {"A": 0.5, "B": None}
    assert figures["mean_retention_above_chance"] is None
    assert figures["mean_retention"] == pytest.approx((1 / 2 + 7 / 5) / 2)


def test_models_of_other_depth_or_tokens_have_no_errors(
    teacher: Path, make_teacher: Callable[[str], Path], tmp_path: Path
) -> None:
    source = Teacher(str(teacher))
    paragraphs = ["a good film " * 40]
    deeper = tmp_path / "deeper"
    BertModel(
        BertConfig(
            vocab_size=19,
            hidden_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=16,
        )
    ).save_pretrained(deeper)
    AutoTokenizer.from_pretrained(teacher).save_pretrained(deeper)
    assert held_out_errors(load_encoder(str(deeper)), source, paragraphs) is None
    other = load_encoder(str(make_teacher("roberta")))
    assert held_out_errors(other, source, paragraphs) is None
    with pytest.raises(DataError, match="has 32 tokens"):
        held_out_errors(load_encoder(str(teacher)), source, ["a good film"])


def test_equal_sentences_are_most_similar(teacher: Path) -> None:
    pairs = (("a good film", "a good film"), ("a good film", "a good plot"), ("bad", "not and un"))
    score = similarity_score(load_encoder(str(teacher)), Similarity(pairs, (5.0, 3.0, 0.0)))
    assert (score.score, score.truncated) == (1.0, 0)


def test_words_are_found_in_pieces(teacher: Path) -> None:
    encoder = load_encoder(str(teacher))
    # "films" is film ##s; the tokenizer drops a control character; 40 words do not fit.
    text, starts = "films \x01 plot", (0, 6, 8)
    many = "a " * 39 + "a"
    encoded = encoder.encode(
        [
            ProbeExample(text, starts, (0, 0, 0)),
            ProbeExample(many, tuple(range(0, 80, 2)), (0,) * 40),
        ]
    )
    assert encoded[0].positions == [1, -1, 3]
    assert not encoded[0].truncated
    assert encoded[1].positions == [*range(1, 31), *[-1] * 10]
    assert encoded[1].truncated


def test_padding_changes_nothing(teacher: Path) -> None:
    encoder = load_encoder(str(teacher))
    short, long = encoder.encode(
        [ProbeExample("a film", None, ()), ProbeExample("a good film " * 8, None, ())]
    )
    with torch.inference_mode():
        together = encoder.vectors([short, long])
        alone = encoder.vectors([short])
    torch.testing.assert_close(together[:1], alone)


def test_batches_hold_all_examples_of_one_length_at_a_time() -> None:
    examples = [Encoded([0] * length, [], None, None, False) for length in range(1, 129)]
    for generator in (None, np.random.default_rng(0)):
        parts = list(batches(examples, generator))
        assert sorted(index for part in parts for index in part) == list(range(128))
        assert max(map(len, parts)) <= BATCH
        for part in parts:
            assert len({np.searchsorted((16, 32, 64, 128), index + 1) for index in part}) == 1


def test_the_same_seed_draws_the_same(files: ProbeFiles) -> None:
    first, again, other = (read_probe_data(files, seed) for seed in (0, 0, 1))
    assert first == again
    assert first.tasks[0].train != other.tasks[0].train
    assert first.tasks[0].dev == other.tasks[0].dev


def test_missing_data_is_said_at_once(teacher: Path, files: ProbeFiles, tmp_path: Path) -> None:
    lacking = replace(files, mrpc=tmp_path / "no", text=tmp_path / "none.txt")
    with pytest.raises(DataError, match=r"no \(mrpc\), .*none.txt \(text\)\. Name"):
        probe([str(tmp_path / "no-model")], str(teacher), lacking)
    with pytest.raises(CheckpointError, match="no-model"):
        probe([str(tmp_path / "no-model")], str(teacher), files)
    with pytest.raises(InputError, match="seed must be in 0"):
        probe([str(tmp_path / "no-model")], str(teacher), files, seed=-1)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("glue/SST-2/dev.tsv", "sentence\tlabel\nfilm\t2\n", "unknown label '2'"),
        ("glue/SST-2/train.tsv", "sentence\tlabel\nfilm\t1\t1\n", "line 2: 3 fields"),
        ("glue/MRPC/train.tsv", "Quality\t#1 String\n1\tfilm\n", "no column '#2 String'"),
        ("glue/STS-B/dev.tsv", "sentence1\tsentence2\tscore\na\tb\tc\n", "'c' is not a finite"),
        ("conll2003/eng.testa", "film N I-NP I-SPORT\n", "type SPORT are not in"),
        ("text/wiki_2021.txt", "short\n", "no line has 800 characters"),
    ],
)
def test_malformed_data_is_said(
    files: ProbeFiles, data: Path, file: str, content: str, message: str
) -> None:
    (data / file).write_text(content)
    with pytest.raises(DataError, match=message):
        read_probe_data(files, seed=0)


def test_the_command_shows_a_table_and_writes_json(
    teacher: Path,
    data: Path,
    files: ProbeFiles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = tmp_path / "scores.json"
    command = ["probe", str(teacher), "--teacher", str(teacher), "--data", str(data)]
    command += ["--text", str(files.text)]
    shown = CliRunner().invoke(app, [*command, "--json", str(scores)], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "SST-2 accuracy" in shown.output
    assert "mean, above chance" in shown.output
    printed = CliRunner().invoke(app, [*command, "--json", "-"], catch_exceptions=False)
    figures = json.loads(printed.stdout)
    written = json.loads(scores.read_text())
    assert figures["students"][0]["scores"] == written["students"][0]["scores"]
    assert list(figures["teacher"]["scores"]) == ["STS-B", "SST-2", "MRPC", "CoNLL-2003"]
    assert figures["recipe"]["epochs"] == Recipe().epochs
    assert figures["measures"][1]["train"] == 240

    def forbidden(*_: object) -> None:
        raise AssertionError("every score is known")

    before = scores.read_bytes()
    monkeypatch.setattr("squeezebert.probe.probe.fine_tuned_score", forbidden)
    again = [*command, "--json", str(scores), "--resume"]
    resumed = CliRunner().invoke(app, [*again, "--clean"], catch_exceptions=False)
    assert resumed.exit_code == 0
    assert "mean, above chance" in resumed.output
    assert scores.read_bytes() == before
    assert not scores.with_name("scores.json.run").exists()


def test_a_stopped_run_keeps_the_models_that_are_scored(
    teacher: Path, files: ProbeFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = str(shutil.copytree(teacher, tmp_path / "student"))
    calls = 0

    def similarity(*_: object) -> TaskScore:
        nonlocal calls
        calls += 1
        if calls == 2:  # the teacher is scored first
            raise KeyboardInterrupt
        return TaskScore(0.5, 0)

    monkeypatch.setattr("squeezebert.probe.probe.similarity_score", similarity)
    monkeypatch.setattr("squeezebert.probe.probe.fine_tuned_score", lambda *_: TaskScore(0.25, 0))

    def run(*, resume: bool) -> ProbeReport:
        with open_session(tmp_path / "out", resume=resume, clean=False, say=print) as session:
            return probe([student], str(teacher), files, session=session)

    with pytest.raises(KeyboardInterrupt):
        run(resume=False)
    report = run(resume=True)
    assert calls == 3, "the teacher once"
    assert report.teacher.scores == report.students[0].scores == (0.5, 0.25, 0.25, 0.25)
    (tmp_path / "out.run" / "scores.json").write_text("[")
    with pytest.raises(CheckpointError, match=r"scores\.json is damaged"):
        run(resume=True)
