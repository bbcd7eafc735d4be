"""Beginning an encoder from raw text, and going on with one."""

import csv
import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.teachers import TEXTS
from tokenizers import Tokenizer
from transformers import AutoModelForMaskedLM, AutoTokenizer

from squeezebert.errors import CheckpointError, DataError, InputError
from squeezebert.finetune.start import load_to_finetune
from squeezebert.model import SqueezeBertForMaskedLM, SqueezeBertModel
from squeezebert.model.roles import tokenizer_of
from squeezebert.pretrain.adapt import adapt, adapt_with_teacher
from squeezebert.pretrain.growing import grow
from squeezebert.pretrain.pretrain import pretrain
from squeezebert.pretrain.settings import AdaptSettings, PretrainSettings, Spelling
from squeezebert.pretrain.spelling import SPECIAL, trained_tokenizer
from squeezebert.training import elapsed

STEPS = 12
WORDS = [
    "der",
    "gute",
    "Film",
    "war",
    "ein",
    "schlechter",
    "Bogen",
    "über",
    "alle",
    "großen",
    "Wälder",
    "und",
    "Städte",
    "hinaus",
]
RUSSIAN = TEXTS[-1]
WORD_TABLE = "transformer.embeddings.word_embeddings.weight"


def silent(line: str) -> None:
    """Prints nothing."""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    drawn = random.Random(0)
    lines = [" ".join(drawn.choices(WORDS, k=8)) + " ." for _ in range(400)]
    file = tmp_path / "text.txt"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def beginning(text: Path) -> PretrainSettings:
    return PretrainSettings(
        text=(str(text),), tokens=STEPS * 8 * 32, shape="1x32", pieces=120, length=32, batch_size=8
    )


@pytest.mark.parametrize("spelling", list(Spelling))
def test_pretraining_leaves_an_encoder_that_guesses_words(
    beginning: PretrainSettings, tmp_path: Path, spelling: Spelling
) -> None:
    settings = replace(beginning, spelling=spelling, tokens=40 * 8 * 32, learning_rate=0.01)
    done = pretrain(settings, tmp_path / "model", say=silent)
    assert done.tokens == settings.tokens
    assert done.perplexities[1] < 0.5 * done.perplexities[0]
    record = json.loads((tmp_path / "model" / "pretrain.json").read_text())
    assert record["held_out_perplexity"]["end"] == done.perplexities[1]
    assert record["settings"]["spelling"] == spelling
    with (tmp_path / "model" / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float([row["perplexity"] for row in rows if row["perplexity"]][-1]) == (
        pytest.approx(done.perplexities[1])
    )
    assert (tmp_path / "model" / "curve.png").stat().st_size > 1000
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "model")
    assert isinstance(model, SqueezeBertForMaskedLM)
    ids = tokenizer("der gute [MASK] war", return_tensors="pt")
    assert model(**ids).logits.shape == (1, ids["input_ids"].shape[1], model.config.vocab_size)
    _, fresh = load_to_finetune(str(tmp_path / "model"), "entities", {"num_labels": 3})
    assert all("classifier" in name for name in fresh)


@pytest.mark.parametrize(
    ("shape", "message"),
    [("2x65", "does not divide 65"), ("9999x999996", "GB of memory, and this machine has")],
)
def test_a_shape_that_cannot_be_trained_is_refused_before_text_is_read(
    beginning: PretrainSettings, tmp_path: Path, shape: str, message: str
) -> None:
    settings = replace(beginning, shape=shape, text=(str(tmp_path / "gone.txt"),))
    with pytest.raises(InputError, match=message):
        pretrain(settings, tmp_path / "model", say=silent)
    assert not list(tmp_path.glob("model*"))


@pytest.mark.parametrize("spelling", Spelling)
def test_the_same_text_gives_the_same_tokenizer(spelling: Spelling) -> None:
    drawn = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyzäöüß"
    lines = [
        " ".join("".join(drawn.choices(letters, k=5)) for _ in range(6)) + drawn.choice(".?!(")
        for _ in range(60)
    ]
    trained = {trained_tokenizer(lines, spelling, 200).to_str() for _ in range(4)}
    [tokenizer] = map(Tokenizer.from_str, trained)
    added = tokenizer.get_added_tokens_decoder().values()
    assert [token.content for token in added] == list(SPECIAL.values())
    assert [tokenizer.token_to_id(mark) for mark in SPECIAL.values()] == [0, 1, 2, 3, 4]


def test_a_stopped_pretraining_ends_with_the_weights_it_would_have_had(
    beginning: PretrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Training a Unigram tokenizer twice may give two, by the order in which threads end.
    beginning = replace(beginning, spelling=Spelling.WORDPIECE)
    pretrain(beginning, tmp_path / "whole", say=silent)
    with monkeypatch.context() as patch:
        save = elapsed.Elapsed.on_save

        def stop(callback: elapsed.Elapsed, args, state, control, **rest) -> None:  # type: ignore[no-untyped-def]  # the library's
            save(callback, args, state, control, **rest)
            if state.global_step == 7:
                raise KeyboardInterrupt

        patch.setattr(elapsed.Elapsed, "on_save", stop)
        with pytest.raises(KeyboardInterrupt):
            pretrain(beginning, tmp_path / "stopped", say=silent)
    assert not (tmp_path / "stopped").exists()
    pretrain(beginning, tmp_path / "stopped", resume=True, say=silent)
    whole, resumed = (
        load_file(tmp_path / name / "model.safetensors") for name in ("whole", "stopped")
    )
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.fixture
def checkpoint(tmp_path: Path, make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint(
        tmp_path / "encoder", SqueezeBertModel,
        **{f"{part}_groups": 2 for part in ("q", "k", "v", "intermediate", "output")},
    )  # fmt: skip


@pytest.fixture
def films(tmp_path: Path) -> Path:
    drawn = random.Random(0)
    words = ["a", "good", "bad", "film", "films", "plot", "unmoved", "very", "goodbad", "."]
    file = tmp_path / "films.txt"
    file.write_text("".join(" ".join(drawn.choices(words, k=8)) + "\n" for _ in range(300)))
    return file


@pytest.fixture
def going_on(checkpoint: Path, films: Path) -> AdaptSettings:
    return AdaptSettings(
        checkpoint=str(checkpoint), text=(str(films),), tokens=30 * 8 * 16, length=16,
        batch_size=8, learning_rate=0.01,
    )  # fmt: skip


def test_adapting_learns_and_leaves_the_embeddings_as_they_are(
    going_on: AdaptSettings, checkpoint: Path, tmp_path: Path
) -> None:
    done = adapt(going_on, tmp_path / "adapted", say=silent)
    assert done.perplexities[1] < done.perplexities[0]
    before = load_file(checkpoint / "model.safetensors")
    after = load_file(tmp_path / "adapted" / "model.safetensors")
    assert torch.equal(after[WORD_TABLE], before[WORD_TABLE.removeprefix("transformer.")])
    name = "encoder.layers.0.attention.query.weight"
    changed = [n for n in before if not torch.equal(before[n], after[f"transformer.{n}"])]
    assert any(n.startswith("encoder.layers.0.") for n in changed), name
    config = json.loads((tmp_path / "adapted" / "config.json").read_text())
    assert config["architectures"] == ["SqueezeBertForMaskedLM"]


def test_growing_adds_broken_words_as_the_mean_of_their_pieces(
    going_on: AdaptSettings, tmp_path: Path
) -> None:
    said: list[str] = []
    settings = replace(going_on, grow=2, tokens=8 * 16, learning_rate=1e-9)
    adapt(settings, tmp_path / "grown", say=said.append)
    assert any("2 words are added" in line and "pieces a word before" in line for line in said)
    [speed] = [line for line in said if "words a second" in line]
    slow, fast = (float(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", speed))
    assert min(slow, fast) > 0
    tokenizer = Tokenizer.from_file(str(tmp_path / "grown" / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab()
    assert {"films", "unmoved"} < vocabulary.keys()
    assert "goodbad" not in vocabulary, "nothing is known of what continues it"
    assert tokenizer.encode("a films").tokens == ["[CLS]", "a", "films", "[SEP]"]
    table = load_file(tmp_path / "grown" / "model.safetensors")[WORD_TABLE]
    assert len(table) == 21
    pieces = [vocabulary["film"], vocabulary["##s"]]
    torch.testing.assert_close(table[vocabulary["films"]], table[pieces].mean(0))


def test_with_a_teacher_the_student_is_drawn_to_it(
    make_teacher: Callable[[str], Path], films: Path, tmp_path: Path
) -> None:
    from squeezebert.squeeze.settings import SqueezeSettings
    from squeezebert.squeeze.squeeze import squeeze

    teacher = str(make_teacher("bert"))
    squeeze(
        SqueezeSettings(teacher=teacher, text=(str(films),), tokens=0, length=16, batch_size=4),
        tmp_path / "student", say=silent,
    )  # fmt: skip
    settings = AdaptSettings(
        checkpoint=str(tmp_path / "student"), text=(str(films),), teacher=teacher,
        tokens=12 * 4 * 16, learning_rate=5e-3, length=16, batch_size=4,
    )  # fmt: skip
    done = adapt_with_teacher(settings, tmp_path / "adapted", say=silent)
    assert done.errors[-1] < done.start_errors[-1]
    with pytest.raises(InputError, match="can't read new words"):
        replace(settings, grow=3).check()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a good film\n" * 50, "one line, 50 times"),
        ("\n \n", "no word in it"),
        (None, "no such text file"),
        (f"{RUSSIAN}\n{RUSSIAN.upper()}\n" * 40, "a script that it was trained on"),
    ],
)
def test_text_of_no_use_is_refused_and_nothing_is_written(
    going_on: AdaptSettings, tmp_path: Path, content: str | None, message: str
) -> None:
    file = tmp_path / "odd.txt"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    for words in (0, 5):
        settings = replace(going_on, text=(str(file),), grow=words)
        with pytest.raises(DataError, match=message):
            adapt(settings, tmp_path / "out", say=silent)
    assert not list(tmp_path.glob("out*"))


def test_words_of_a_script_that_is_not_known_are_not_added(checkpoint: Path) -> None:
    with pytest.raises(InputError, match="knows the script"):
        grow(tokenizer_of(checkpoint)[0], [RUSSIAN] * 40, 5)


@pytest.mark.parametrize("piece", ["padding", "unknown characters"])
def test_a_tokenizer_that_lacks_a_piece_is_refused(
    piece: str, going_on: AdaptSettings, tmp_path: Path
) -> None:
    file = Path(going_on.checkpoint) / "tokenizer.json"
    parts = json.loads(file.read_text())
    if piece == "padding":
        (file.parent / "tokenizer_config.json").unlink()
        marks = ("[CLS]", "[SEP]")
        parts["added_tokens"] = [t for t in parts["added_tokens"] if t["content"] in marks]
    else:
        parts["model"]["unk_token"] = "[NONE]"
    file.write_text(json.dumps(parts))
    with pytest.raises(CheckpointError, match=f"no piece for {piece}"):
        adapt(going_on, tmp_path / "out", say=silent)
    assert not list(tmp_path.glob("out*"))


def test_text_in_another_encoding_is_refused(going_on: AdaptSettings, tmp_path: Path) -> None:
    file = tmp_path / "odd.txt"
    file.write_bytes(f"{RUSSIAN}\n{RUSSIAN.upper()}\n".encode("cp1251") * 30)
    with pytest.raises(DataError, match="Convert it"):
        adapt(replace(going_on, text=(str(file),)), tmp_path / "out", say=silent)
    assert not list(tmp_path.glob("out*"))


def test_what_is_no_squeezebert_is_refused(
    going_on: AdaptSettings, make_teacher: Callable[[str], Path], tmp_path: Path
) -> None:
    settings = replace(going_on, checkpoint=str(make_teacher("roberta")))
    with pytest.raises(CheckpointError, match="is a roberta, and a SqueezeBERT is adapted"):
        adapt(settings, tmp_path / "out", say=silent)
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minutes": 2.0}, "tokens or as minutes"),
        ({"tokens": 5}, "less than a step"),
        ({"grow": -1}, "how many words to add"),
        ({"length": 8}, "at least 16"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    going_on: AdaptSettings, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        replace(going_on, **changes).check()  # type: ignore[arg-type]  # one or another
