"""A word is what a user would call one, whatever the pieces of the tokenizer."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teachers import byte_level_tokenizer, unigram_tokenizer
from tokenizers import Tokenizer as Library
from tokenizers import models, pre_tokenizers, processors

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.pipelines.entities import EntityFinder, entity_windows, words_of
from squeezebert.pipelines.words.splitting import split_words
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Tokenizer


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Angela Merkel, München.", ["Angela", "Merkel", ",", "München", "."]),
        ("C++ $5 5€ a_b 20°", ["C", "+", "+", "$", "5", "5€", "a", "_", "b", "20°"]),
        ("漢字かなラ", ["漢", "字", "か", "な", "ラ"]),
        ("ไทยดี", ["ไ", "ท", "ย", "ดี"]),
        ("한국어 단어", ["한국어", "단어"]),
        ("مرحبا، שלום", ["مرحبا", "،", "שלום"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("go\0od \0 x\u200b", ["go\0od", "x"]),
        ("e\u0301te\u0301 ﬁlm ½", ["e\u0301te\u0301", "ﬁlm", "½"]),
        ("", []),
    ],
)
def test_words_of_every_script(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in split_words(text)] == words


@given(st.text("aB9 ,.$~^-'\"()\t\n漢é°€", max_size=30))
@settings(deadline=None)
def test_words_are_those_of_berts_own_splitter(text: str) -> None:
    expected = [span for _, span in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(text)]
    if "漢" in text:  # BERT parts these in its normaliser, with spaces
        assert len(split_words(text)) >= len(expected)
    else:
        assert split_words(text) == expected


def words(tokenizer: Library, text: str, max_length: int = 512) -> list[str]:
    [windows] = entity_windows(Tokenizer(tokenizer), [text], max_length)
    return [text[word.start : word.end] for word in words_of(text, windows)]


@pytest.mark.parametrize("make", [unigram_tokenizer, byte_level_tokenizer])
def test_words_are_the_same_with_every_tokenizer(make: Callable[[], Library]) -> None:
    text = "a good ﬁlm ; größere Bögen für\talle, où ? 🙂 и хороший фильм"
    split = [text[start:end] for start, end in split_words(text) if text[start:end] != "🙂"]
    assert words(make(), text) == split


def test_words_that_share_their_first_piece_are_one() -> None:
    tokenizer = Library(models.WordLevel({"<unk>": 0, "...": 1, "Tokyo": 2}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    assert words(tokenizer, "Tokyo ... 東京") == ["Tokyo", "...", "東京"]


@given(st.text("go \0é漢ก\u0301\U0001f642ﬁ.\n", max_size=40))
@settings(max_examples=100, deadline=None)
def test_a_word_has_a_piece_of_its_own_in_one_window(text: str) -> None:
    tokenizer = byte_level_tokenizer()
    tokenizer.post_processor = processors.ByteLevel()
    text += "."
    [windows] = Tokenizer(tokenizer).windows([text], 8, 2)
    found = words_of(text, windows)
    assert len({(word.window, word.place) for word in found}) == len(found)
    for word in found:
        start, end = windows[word.window].offsets[word.place]
        assert start < word.end
        assert end > word.start
        own = windows[word.window].own
        assert own.start <= word.place < own.stop


@pytest.mark.parametrize("make", [unigram_tokenizer, byte_level_tokenizer])
@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("und schlechte Bögen, für alle.", "Bögen"),
        ("ein guter ﬁlm!", "ﬁlm"),  # a ligature, which NFKC makes two letters
        ("(хороший фильм)", "фильм"),
        ("bon film—où", "où"),
    ],
)
def test_an_entity_has_the_words_own_characters(
    make: Callable[[], Library], text: str, entity: str
) -> None:
    place = text.index(entity)
    library = make()
    library_tokens = library.encode(text, add_special_tokens=False)
    starts = [start for start, end in library_tokens.offsets]
    first = next(i for i, (_, end) in enumerate(library_tokens.offsets) if end > place)
    before = len(library.encode("a").ids) - len(library.encode("a", add_special_tokens=False).ids)

    def head(batch: PackedBatch) -> Floats:
        logits = np.tile(np.array([9, 0], np.float32), (len(batch.input_ids), 1))
        logits[first + before // 2] = [0, 9]
        return logits

    spec = TaskSpec(task="entities", labels=("O", "B-X"), max_length=200)
    [found] = EntityFinder(Tokenizer(library), head, spec)([text])
    assert [one.text for one in found.entities] == [entity]
    assert found.entities[0].start == place
    assert starts[first] <= place
