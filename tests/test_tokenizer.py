"""Tokens of ordinary and of odd texts; truncation is the library's and is told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest
import tokenizers
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.teachers import TEXTS, byte_level_tokenizer, unigram_tokenizer

from squeezebert.errors import InputError
from squeezebert.tokenizer import Item, Tokenizer


def gpt2_tokenizer() -> tokenizers.Tokenizer:
    tokenizer = byte_level_tokenizer()
    tokenizer.post_processor = tokenizers.processors.ByteLevel(trim_offsets=True)
    return tokenizer


def bpe_without_words() -> tokenizers.Tokenizer:
    """In the manner of Llama: nothing is split before the merges."""
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = tokenizers.normalizers.Sequence(
        [tokenizers.normalizers.Prepend("▁"), tokenizers.normalizers.Replace(" ", "▁")]
    )
    tokenizer.train_from_iterator(
        [word for text in TEXTS for word in text.split()],
        tokenizers.trainers.BpeTrainer(
            vocab_size=120, special_tokens=["<s>", "</s>", "<unk>"], show_progress=False
        ),
    )
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 1)],
    )
    return tokenizer


def xlm_roberta_tokenizer() -> tokenizers.Tokenizer:
    """Splits at spaces first, as the converted tokenizer of XLM-RoBERTa does."""
    tokenizer = unigram_tokenizer()
    tokenizer.normalizer = tokenizers.normalizers.NFKC()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [tokenizers.pre_tokenizers.WhitespaceSplit(), tokenizers.pre_tokenizers.Metaspace()]
    )
    return tokenizer


LETTERS = "goodfilm, \n\t.!éÉßﬁ½漢字かย\u0301\u200b\0\ufeff😀מ"

KINDS = {
    "e5": cache(unigram_tokenizer),
    "XLM-RoBERTa": cache(xlm_roberta_tokenizer),
    "RoBERTa": cache(byte_level_tokenizer),
    "GPT-2": cache(gpt2_tokenizer),
    "Llama": cache(bpe_without_words),
}


@contextmanager
def in_parts() -> Iterator[None]:
    """Texts are cut after a few characters."""
    with (
        patch("squeezebert.tokens.parts.PART", 9),
        patch("squeezebert.tokens.parts.CONTEXT", 16),
    ):
        yield


@pytest.fixture(scope="module")
def tokenizer(tokenizer_json: bytes) -> Tokenizer:
    return Tokenizer.from_json(tokenizer_json)


def test_offsets_are_characters_of_the_text(tokenizer: Tokenizer) -> None:
    text = "Very GOOD films, unmoved."
    encoding = tokenizer.encode(text, max_length=20)
    words = [text[start:stop] for start, stop in encoding.offsets]
    assert words == ["", "Very", "GOOD", "film", "s", ",", "un", "moved", ".", ""]
    assert encoding.ids[0] == 2
    assert encoding.total_tokens == len(encoding.ids) == 10
    assert not encoding.truncated


def test_a_pair_has_two_types(tokenizer: Tokenizer) -> None:
    encoding = tokenizer.encode("good film", "bad", max_length=20)
    assert encoding.ids == [2, 6, 8, 3, 7, 3]
    assert encoding.type_ids == [0, 0, 0, 0, 1, 1]


@given(
    first=st.integers(0, 12),
    second=st.none() | st.integers(0, 12),
    max_length=st.integers(3, 16),
)
@settings(max_examples=200, deadline=None)
def test_truncation_is_the_librarys(
    tokenizer_json: bytes, first: int, second: int | None, max_length: int
) -> None:
    reference = tokenizers.Tokenizer.from_str(tokenizer_json.decode())
    reference.enable_truncation(max_length)
    text = " ".join(["good"] * first)
    pair = None if second is None else " ".join(["bad"] * second)
    ours = Tokenizer.from_json(tokenizer_json).encode(text, pair, max_length=max_length)
    theirs = reference.encode(text, pair)
    assert (ours.ids, ours.type_ids, ours.offsets) == (theirs.ids, theirs.type_ids, theirs.offsets)
    total = first + 2 if second is None else first + second + 3
    assert ours.total_tokens == total
    assert ours.truncated == (total > max_length)


@pytest.mark.parametrize("text", ["", "   ", "\t\n\u3000", "\0", "\u200b\x07"])
def test_a_text_of_no_words_leaves_the_special_tokens(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.encode(text, max_length=8).ids == [2, 3]


def test_nul_bytes_within_a_text_are_skipped(tokenizer: Tokenizer) -> None:
    assert (
        tokenizer.encode("go\0od", max_length=8).ids == tokenizer.encode("good", max_length=8).ids
    )


@pytest.mark.parametrize("text", ["😀 good 漢字 مرحبا", "e\u0301", "👩‍👩‍👧‍👦", "\ufffd\ufeff"])
def test_any_script_has_tokens_and_offsets(tokenizer: Tokenizer, text: str) -> None:
    encoding = tokenizer.encode(text, max_length=32)
    assert all(0 <= start <= stop <= len(text) for start, stop in encoding.offsets)


def test_a_very_long_text_is_truncated_and_says_so(tokenizer: Tokenizer) -> None:
    encoding = tokenizer.encode("good " * 200_000, max_length=12)
    assert len(encoding.ids) == 12
    assert encoding.total_tokens == 200_002
    assert encoding.truncated
    one_word = tokenizer.encode("good " + "x" * 1_000_000, max_length=12)
    assert one_word.ids == [2, 6, 1, 3]


@pytest.mark.parametrize("text", ["", "😀", "x" * 1_000_000, "สวัสดี ขอบคุณ"])
def test_a_text_of_which_no_word_is_known_is_encoded_as_an_empty_one(
    tokenizer: Tokenizer, text: str
) -> None:
    encoding = tokenizer.encode(text, max_length=8)
    assert (encoding.ids, encoding.total_tokens, encoding.blank) == ([2, 3], 2, True)
    pair = tokenizer.encode("good", text, max_length=8)
    assert (pair.ids, pair.total_tokens, pair.blank) == ([2, 6, 3, 3], 4, True)
    assert tokenizer.windows([text], max_length=8, overlap=2)[0][0].blank
    assert tokenizer.windows([(text, "good")], max_length=8, overlap=2)[0][0].blank
    assert not tokenizer.encode("good", max_length=8).blank
    assert not tokenizer.windows(["good"], max_length=8, overlap=2)[0][0].blank


def test_a_tokenizer_that_spells_every_word_knows_every_word() -> None:
    spelling = tokenizers.Tokenizer(
        tokenizers.models.BPE({letter: index for index, letter in enumerate("abcĠ")}, [])
    )
    spelling.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert not Tokenizer(spelling).encode("abc", max_length=8).blank
    assert Tokenizer(spelling).encode("", max_length=8).blank


def test_a_tokenizer_that_numbers_its_unknown_token_knows_it() -> None:
    pieces = [("<unk>", 0.0), ("\u2581", -3.0), ("\u2581good", -2.0)]
    numbered = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=0))
    numbered.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer = Tokenizer(numbered)
    assert tokenizer.encode("😀 漢", max_length=8).blank
    assert not tokenizer.encode("good 😀", max_length=8).blank


def test_a_long_list_is_encoded_in_parts(tokenizer_json: bytes) -> None:
    items: list[Item] = ["good film", ("bad", "plot"), ""] * 20
    tokenizer = Tokenizer.from_json(tokenizer_json)
    whole = tokenizer.encode_batch(items, 8)
    with patch("squeezebert.tokens.items.CHARACTERS", 10):
        assert tokenizer.encode_batch(items, 8) == whole
    assert [tokenizer.count(text) for text in ("good films !", "", "good " * 70_000)] == [
        4,
        0,
        70_000,
    ]


@given(st.text("good \n,x", max_size=60), st.integers(3, 10))
@settings(max_examples=200, deadline=None)
def test_a_text_encoded_in_pieces_is_as_if_encoded_whole(
    tokenizer_json: bytes, text: str, max_length: int
) -> None:
    tokenizer = Tokenizer.from_json(tokenizer_json)
    for item in (text, (text, "bad film"), ("bad film", text)):
        [whole] = tokenizer.encode_batch([item], max_length)
        with in_parts():
            assert tokenizer.encode_batch([item, "good"], max_length)[0] == whole


@pytest.mark.parametrize("kind", KINDS)
@given(
    text=st.lists(
        st.sampled_from([*LETTERS, "  ", "</s>", "films "])
        | st.characters(exclude_categories=["Cs"]),
        max_size=60,
    ).map("".join),
    max_length=st.integers(4, 12),
)
@settings(max_examples=150, deadline=None)
def test_no_kind_of_tokenizer_sees_where_a_text_was_cut(
    kind: str, text: str, max_length: int
) -> None:
    tokenizer = Tokenizer(KINDS[kind]())
    [whole] = tokenizer.encode_batch([text], 1000)
    assume(not whole.blank)  # all its tokens are left out then
    [cut] = tokenizer.encode_batch([text], max_length)
    with in_parts():
        assert tokenizer.encode_batch([text], max_length) == [cut]
        [windows] = tokenizer.windows([text], max_length, 2)
    tokens = {}
    for window in windows:
        for place in range(window.inside.start, window.inside.stop):
            number = window.start + place - window.inside.start
            tokens[number] = (window.ids[place], window.offsets[place])
    first = windows[0].inside.start
    expected = list(zip(whole.ids, whole.offsets, strict=True))[first : first + len(tokens)]
    assert [tokens[number] for number in range(len(tokens))] == expected
    assert len(whole.ids) - len(tokens) == len(tokenizer.encode("", max_length=2).ids)


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(LETTERS, max_size=20), pair=st.none() | st.text(LETTERS, max_size=20))
@settings(max_examples=100, deadline=None)
def test_tokens_and_offsets_are_the_librarys(kind: str, text: str, pair: str | None) -> None:
    expected = KINDS[kind]().encode(text, pair)
    found = Tokenizer(KINDS[kind]()).encode(text, pair, max_length=1000)
    assume(not found.blank)  # all tokens of such a text are left out
    assert (found.ids, found.type_ids) == (expected.ids, expected.type_ids)
    assert found.offsets == expected.offsets


def test_a_tokenizer_may_have_a_token_for_every_byte() -> None:
    text = byte_level_tokenizer().to_str().encode()
    assert Tokenizer.from_json(text).count("漢") == 3


def test_a_lone_surrogate_is_refused(tokenizer: Tokenizer) -> None:
    for text in ("good \ud800", "\udcff" * 70_000):
        with pytest.raises(InputError, match="lone surrogate"):
            tokenizer.encode(text, max_length=8)


def test_no_room_for_special_tokens_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(InputError, match="no room for 3"):
        tokenizer.encode("good", "bad", max_length=2)


def test_padding_and_truncation_of_the_file_are_ignored(tokenizer_json: bytes) -> None:
    library = tokenizers.Tokenizer.from_str(tokenizer_json.decode())
    library.enable_padding(length=10)
    library.enable_truncation(4)
    tokenizer = Tokenizer.from_json(library.to_str().encode())
    assert len(tokenizer.encode("a good film and a bad plot", max_length=20).ids) == 9


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    with pytest.raises(InputError, match="can't be read"):
        Tokenizer.from_file(file)
    for text in (b"", b"{}", b"\xff\xfe", json.dumps({"model": {"type": "Magic"}}).encode()):
        file.write_bytes(text)
        with pytest.raises(InputError, match=r"no tokenizer\.json"):
            Tokenizer.from_file(file)


def test_vocab_size_counts_every_token(tokenizer: Tokenizer) -> None:
    assert tokenizer.vocab_size == 19


def test_a_short_text_is_one_window(tokenizer: Tokenizer) -> None:
    for item in ("good films", ("bad", "good films"), "", ("bad", "")):
        [[window]] = tokenizer.windows([item], max_length=10, overlap=3)
        [encoding] = tokenizer.encode_batch([item], max_length=10)
        assert (window.ids, window.type_ids) == (encoding.ids, encoding.type_ids)
        assert (window.offsets, window.truncated) == (encoding.offsets, False)


@given(
    text=st.lists(st.sampled_from(["good", "films", "é,", "😀", "x\u0301"])).map(" ".join),
    first=st.none() | st.sampled_from(["", "bad", "a bad film"]),
    max_length=st.integers(8, 14),
    overlap=st.integers(0, 9),
)
@settings(max_examples=100, deadline=None)
def test_windows_overlap_and_leave_nothing_out(
    tokenizer_json: bytes, text: str, first: str | None, max_length: int, overlap: int
) -> None:
    tokenizer = Tokenizer.from_json(tokenizer_json)
    item = text if first is None else (first, text)
    [whole] = tokenizer.encode_batch([item], 1000)
    assume(not whole.blank)  # all its tokens are left out then
    with in_parts():
        [windows] = tokenizer.windows([item], max_length, overlap)
    begin = windows[0].inside.start
    ids, offsets = whole.ids[begin:-1], whole.offsets[begin:-1]
    covered = owned = 0
    for window in windows:
        seen = window.ids[window.inside]
        assert seen == ids[window.start : window.start + len(seen)]
        assert window.offsets[window.inside] == offsets[window.start : window.start + len(seen)]
        assert window.ids[:begin] == whole.ids[:begin]
        assert window.ids[-1] == whole.ids[-1]
        assert len(window.ids) == len(window.type_ids) == min(max_length, len(whole.ids))
        if window.start:
            room = max_length - begin - 1
            assert covered - window.start >= min(overlap, room // 2)
        covered = window.start + len(seen)
        assert window.start + window.own.start - begin == owned
        owned = window.start + window.own.stop - begin
        assert owned <= covered
    assert owned == covered == len(ids)


def test_a_token_belongs_to_the_window_with_more_context(tokenizer: Tokenizer) -> None:
    [windows] = tokenizer.windows(["good " * 18], max_length=10, overlap=4)
    assert [(window.start, window.own) for window in windows] == [
        (0, slice(1, 7)),
        (4, slice(3, 7)),
        (8, slice(3, 6)),
        (10, slice(4, 9)),
    ]


def test_windows_need_room(tokenizer: Tokenizer) -> None:
    with pytest.raises(InputError, match=r"Item 1: 6 of 6 tokens are needed .* Shorten the first"):
        tokenizer.windows(["good", ("a bad film", "good")], max_length=6, overlap=2)
    with pytest.raises(InputError, match="Item 0: it holds a lone surrogate"):
        tokenizer.windows(["\ud800"], max_length=6, overlap=2)
