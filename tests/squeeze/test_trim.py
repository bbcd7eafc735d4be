"""A trimmed checkpoint computes what the whole one does, wherever its pieces stay."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.teachers import FAMILIES, TEXTS
from tokenizers import Tokenizer
from transformers import AutoModel, AutoModelForMaskedLM, RobertaConfig, RobertaForMaskedLM

from squeezebert.errors import CheckpointError, DataError, InputError
from squeezebert.squeeze.pieces import characters, indispensable, pieces_of, script
from squeezebert.squeeze.teacher import Teacher
from squeezebert.squeeze.trim import trim

TeacherMaker = Callable[[str], Path]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def tokenizer_of(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def states(folder: Path, ids: list[int]) -> torch.Tensor:
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        hidden: torch.Tensor = model(torch.tensor([ids])).last_hidden_state
    return hidden


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_and_hidden_states_are_those_of_the_whole(
    make_teacher: TeacherMaker, family: str, tmp_path: Path
) -> None:
    whole = make_teacher(family)
    kept_text = "a very good film . ein guter Film"
    text = write(tmp_path / "text.txt", kept_text, "a bad plot")
    result = trim(whole, [text], tmp_path / "trimmed")
    before, after = result.pieces
    assert after < before
    assert result.texts[0].pieces[0] == result.texts[0].pieces[1]
    assert result.texts[0].words == 11

    theirs, ours = tokenizer_of(whole), tokenizer_of(tmp_path / "trimmed")
    for sentence in (kept_text, "a bad plot"):
        expected, found = theirs.encode(sentence), ours.encode(sentence)
        assert found.tokens == expected.tokens
        assert found.offsets == expected.offsets
        assert torch.equal(states(tmp_path / "trimmed", found.ids), states(whole, expected.ids))
    pair = ("a film", "a plot")
    assert ours.encode(*pair).tokens == theirs.encode(*pair).tokens
    if family != "mpnet":  # its student has another tokenizer
        roles = [Teacher(str(folder)).special_tokens for folder in (whole, tmp_path / "trimmed")]
        assert roles[0] == roles[1]


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "byte-level"])
def test_any_text_of_kept_pieces_has_the_same_tokens(
    make_teacher: TeacherMaker, family: str, tmp_path: Path
) -> None:
    whole = make_teacher(family)
    trim(whole, [write(tmp_path / "text.txt", *TEXTS[:2])], tmp_path / "trimmed")
    theirs, ours = tokenizer_of(whole), tokenizer_of(tmp_path / "trimmed")
    kept = set(ours.get_vocab())
    random = np.random.default_rng(0)
    letters = list("".join(TEXTS) + "  ﬁé1\U0001f642")
    same = 0
    for _ in range(2000):
        text = "".join(random.choice(letters, random.integers(1, 12)))
        expected = theirs.encode(text)
        if set(expected.tokens) <= kept:
            same += 1
            assert ours.encode(text).tokens == expected.tokens, text
    assert same > 50


def test_characters_of_the_texts_scripts_stay_and_others_go(
    make_teacher: TeacherMaker, tmp_path: Path
) -> None:
    whole = make_teacher("xlm-roberta")
    trim(whole, [write(tmp_path / "text.txt", "a film")], tmp_path / "trimmed")
    kept = set(tokenizer_of(tmp_path / "trimmed").get_vocab())
    parts = json.loads(tokenizer_of(whole).to_str())
    single, stay = characters(parts), indispensable(parts)
    assert {script(letter) for letter in single.values()} == {"LATIN", "CYRILLIC", None}
    for index, letter in single.items():
        if index not in stay:  # as the piece with the lowest score, whichever it is
            assert (pieces_of(parts)[index] in kept) == (script(letter) != "CYRILLIC"), letter


def test_keep_bounds_the_pieces_and_each_text_counts_alike(
    make_teacher: TeacherMaker, tmp_path: Path
) -> None:
    whole = make_teacher("byte-level")
    short = write(tmp_path / "short.txt", "größere Bögen für alle")
    long = write(tmp_path / "long.txt", *["a very good film", "and a bad plot"] * 50)
    least = trim(whole, [short, long], tmp_path / "least", coverage=1e-9).pieces[1]
    result = trim(whole, [short, long], tmp_path / "trimmed", keep=least + 12)
    assert least < result.pieces[1] <= least + 12
    more = set(tokenizer_of(tmp_path / "trimmed").get_vocab())
    more -= set(tokenizer_of(tmp_path / "least").get_vocab())
    for text in (short, long):
        assert more & set(tokenizer_of(whole).encode(text.read_text(encoding="utf-8")).tokens)
    assert result.texts[0].pieces[1] > result.texts[0].pieces[0]


def test_a_masked_words_head_is_trimmed_along(tmp_path: Path, make_teacher: TeacherMaker) -> None:
    folder = make_teacher("byte-level")
    RobertaForMaskedLM(RobertaConfig.from_pretrained(folder)).save_pretrained(folder)
    text = write(tmp_path / "text.txt", "a good film")
    trim(folder, [text], tmp_path / "trimmed")
    theirs, ours = tokenizer_of(folder), tokenizer_of(tmp_path / "trimmed")
    logits = []
    for place, tokenizer in ((folder, theirs), (tmp_path / "trimmed", ours)):
        model = AutoModelForMaskedLM.from_pretrained(place).eval()
        with torch.no_grad():
            logits.append(model(torch.tensor([tokenizer.encode("a good film").ids])).logits)
    pieces = sorted(ours.get_vocab(), key=ours.get_vocab().__getitem__)
    rows = [theirs.token_to_id(piece) for piece in pieces]
    torch.testing.assert_close(logits[1], logits[0][..., rows])


def test_what_cannot_be_trimmed_is_refused_and_nothing_written(
    make_teacher: TeacherMaker, tmp_path: Path
) -> None:
    whole, output = make_teacher("xlm-roberta"), tmp_path / "trimmed"
    text = write(tmp_path / "text.txt", "a good film")
    with pytest.raises(InputError, match=r"3 pieces are less than the .* single"):
        trim(whole, [text], output, keep=3)
    with pytest.raises(InputError, match="keep fewer"):
        trim(whole, [text], output, keep=100_000)
    with pytest.raises(InputError, match="one of the two"):
        trim(whole, [text], output, keep=100, coverage=0.5)
    with pytest.raises(InputError, match="coverage is above 0"):
        trim(whole, [text], output, coverage=99.9)
    with pytest.raises(DataError, match="there is no word in it"):
        trim(whole, [write(tmp_path / "empty.txt", "")], output)
    with pytest.raises(DataError, match="no such text file"):
        trim(whole, [tmp_path / "absent.txt"], output)
    mixed = tmp_path / "mixed.txt"
    mixed.write_bytes("größer\n".encode() * 600 + "größer".encode("latin-1"))
    with pytest.raises(DataError, match=r"mixed\.txt: mixes encodings"):
        trim(whole, [mixed], output)
    with pytest.raises(CheckpointError, match="can't be trimmed"):
        trim(tmp_path / "absent", [text], output)
    assert not output.exists()
