"""Entities: exact characters of the original text, repaired tags, windows over long texts."""

import json
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines import EntityFinder, load
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Tokenizer

BundleMaker = Callable[..., Path]
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
GOOD, BAD, FILM, UN = 6, 7, 8, 14  # token ids of the tiny vocabulary


def finder(tokenizer_json: bytes, tags: dict[int, str], max_length: int = 12) -> EntityFinder:
    """One whose model gives the tag of a token by its id alone, O to all others."""

    tag_of = np.array([TAGS.index(tags.get(token, "O")) for token in range(19)])
    logits_of = np.log(16) * np.eye(len(TAGS), dtype=np.float32)[tag_of]

    def logits(batch: PackedBatch) -> Floats:
        return np.asarray(logits_of[batch.input_ids])

    spec = TaskSpec(task="entities", labels=TAGS, max_length=max_length)
    return EntityFinder(Tokenizer.from_json(tokenizer_json), logits, spec)


def found(finder: EntityFinder, text: str) -> list[tuple[str, str, int, int]]:
    [answer] = finder([text])
    return [(entity.text, entity.type, entity.start, entity.end) for entity in answer.entities]


def test_pieces_and_words_are_merged(tokenizer_json: bytes) -> None:
    tags = {GOOD: "B-PER", FILM: "I-PER", UN: "B-LOC"}
    pipeline = finder(tokenizer_json, tags)
    assert found(pipeline, "A GOOD  Films, not Unmoved") == [
        ("GOOD  Films", "PER", 2, 13),
        ("Unmoved", "LOC", 19, 26),
    ]
    [answer] = pipeline(["good"])
    assert answer.entities[0].score == pytest.approx(17 / 20), "B-PER and I-PER are one type"
    assert (answer.windows, answer.truncated) == (1, False)


@given(
    st.lists(
        st.sampled_from(["good", "Films", "unmoved", "bad", "a", "e\u0301", "é", "😀", "👩‍👩‍👧‍👦"])
        | st.sampled_from([" ", ", ", "\u0301", "\ufe0f", "\u200f", "مرحبا", "漢字", "\0", "\n"])
        | st.characters(exclude_categories=["Cs"])
    ).map("".join)
)
@settings(max_examples=200, deadline=None)
def test_offsets_are_exact_in_any_text(tokenizer_json: bytes, text: str) -> None:
    tags = {GOOD: "B-PER", FILM: "I-PER", UN: "B-LOC", BAD: "B-LOC", 1: "I-LOC"}
    [answer] = finder(stripping(tokenizer_json), tags)([text])
    after = 0
    for entity in answer.entities:
        assert entity.text == text[entity.start : entity.end]
        assert entity.text.strip() == entity.text != ""
        assert after <= entity.start
        after = entity.end
        assert not unicodedata.category((text + " ")[after]).startswith("M"), "marks stay whole"


def test_accents_that_leave_no_token_belong_to_the_word(tokenizer_json: bytes) -> None:
    """A tokenizer that takes accents off ends its last token before them."""
    pipeline = finder(stripping(tokenizer_json), {GOOD: "B-PER", FILM: "I-PER"})
    for text in ("good\u0301", "g\u0301ood", "good\ufe0f film\u0301\u0301"):
        assert found(pipeline, f"{text} a") == [(text, "PER", 0, len(text))]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n \n", "\u2028", " 😀 ", "☀\ufe0f", "👍🏽"])
def test_no_entity_goes_over_the_end_of_a_line_or_an_emoji(tokenizer_json: bytes, end: str) -> None:
    pipeline = finder(tokenizer_json, {GOOD: "B-PER", FILM: "I-PER", BAD: "I-PER"})
    after = len(f"good film{end}")
    assert [entity[:1] for entity in found(pipeline, f"good film{end}bad")] == [("good film",)]
    assert found(pipeline, f"good film{end}good") == [
        ("good film", "PER", 0, 9),
        ("good", "PER", after, after + 4),
    ]
    assert found(pipeline, "good\tfilm bad") == [("good\tfilm bad", "PER", 0, 13)]


def test_a_type_that_has_no_beginning_ends_with_the_line(tokenizer_json: bytes) -> None:
    spec = TaskSpec(task="entities", labels=("O", "I-PER"), max_length=12)

    def logits(batch: PackedBatch) -> Floats:
        inside = (batch.input_ids == GOOD)[:, None]
        return np.where(inside, [0, 9], [9, 0]).astype(np.float32)

    pipeline = EntityFinder(Tokenizer.from_json(tokenizer_json), logits, spec)
    assert [entity[0] for entity in found(pipeline, "good good\ngood")] == ["good good", "good"]


@pytest.mark.parametrize("text", ["👍", "☕", "☀️", "👩‍👩‍👧‍👦", "x" * 101, "มานี"])
def test_a_text_of_pictures_or_unknown_words_has_no_entities(
    tokenizer_json: bytes, text: str
) -> None:
    [answer] = finder(tokenizer_json, {1: "B-LOC"})([text])
    assert (answer.entities, answer.blank) == ((), True)


def test_an_emoji_is_no_part_of_the_word_that_it_touches(tokenizer_json: bytes) -> None:
    pipeline = finder(tokenizer_json, {GOOD: "B-PER", 1: "B-LOC"})
    assert found(pipeline, "good😀 a 👍🏽good") == [("good", "PER", 0, 4), ("good", "PER", 10, 14)]


def test_entities_below_a_score_are_left_out(tokenizer_json: bytes) -> None:
    pipeline = finder(tokenizer_json, {GOOD: "B-PER"})
    assert [len(pipeline(["good"], min_score=score)[0].entities) for score in (0.8, 0.9)] == [1, 0]
    with pytest.raises(InputError, match=r"scores are in 0\.\.1"):
        pipeline(["good"], min_score=1.5)


def test_a_text_may_be_given_as_words(tokenizer_json: bytes) -> None:
    pipeline = finder(tokenizer_json, {GOOD: "B-PER", FILM: "I-PER", UN: "B-LOC"})
    sentences = [["A", "GOOD", "Films", ",", "not-Unmoved"], [], ["good-good", "bad"], ("good",)]
    first, nothing, twice, last = pipeline.of_words(sentences)
    assert [(entity.words, entity.type, entity.start, entity.end) for entity in first] == [
        (("GOOD", "Films"), "PER", 1, 3),
        (("not-Unmoved",), "LOC", 4, 5),
    ]
    assert nothing == ()
    assert [(entity.words, entity.start, entity.end) for entity in twice] == [
        (("good-good",), 0, 1)
    ]
    assert last[0].score == pytest.approx(17 / 20)
    assert pipeline.of_words([["good"]], min_score=0.9) == [()]
    for sentence in ("good", ["a good"], [""], [3], None):
        with pytest.raises(InputError, match=r"Item 1: .* (not a list of words|is no word)"):
            pipeline.of_words([["good"], sentence])  # type: ignore[list-item]  # under test


def stripping(tokenizer_json: bytes) -> bytes:
    settings = json.loads(tokenizer_json)
    settings["normalizer"]["strip_accents"] = True
    return json.dumps(settings).encode()


@given(st.lists(st.sampled_from([*"gfbxu"]), max_size=60))
@settings(max_examples=100, deadline=None)
def test_windows_find_what_one_reading_finds(tokenizer_json: bytes, letters: list[str]) -> None:
    words = {"g": "good", "f": "films", "b": "bad,", "x": "very", "u": "unmoved"}
    tags = {GOOD: "B-PER", FILM: "I-PER", UN: "B-LOC", BAD: "B-LOC"}
    text = " ".join(words[letter] for letter in letters)
    short, long = (finder(tokenizer_json, tags, length)([text])[0] for length in (9, 500))
    assert short.entities == long.entities
    assert long.windows == 1
    tokens = sum({"f": 2, "b": 2, "u": 2}.get(letter, 1) for letter in letters)
    assert (short.windows > 1) == (tokens > 7)


def test_a_megabyte_is_read_whole(tokenizer_json: bytes) -> None:
    text = f"good {'x' * 44} " * 20_000
    [answer] = finder(tokenizer_json, {GOOD: "B-PER"}, max_length=512)([text])
    assert [entity.start for entity in answer.entities] == list(range(0, len(text), 50))
    assert answer.windows == 84


@pytest.mark.parametrize("text", ["", "  ", "\0", "\u200b", "\u0301"])
def test_a_text_of_no_words_has_no_entities(tokenizer_json: bytes, text: str) -> None:
    assert finder(tokenizer_json, {})([text])[0].entities == ()


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (("good", "film"), "Item 1: it is a pair; entities are found in single texts"),
        (None, "Item 1: it is of type NoneType"),
        ("\udcff", "Item 1: it holds a lone surrogate"),
    ],
)
def test_a_bad_item_is_named(tokenizer_json: bytes, item: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        finder(tokenizer_json, {})(["good", item])


def test_labels_that_are_no_tags_are_refused(tokenizer_json: bytes) -> None:
    spec = TaskSpec(task="entities", labels=("O", "LABEL_1"), max_length=12)
    with pytest.raises(InputError, match="'LABEL_1' is no tag of an entity"):
        EntityFinder(
            Tokenizer.from_json(tokenizer_json), lambda batch: np.zeros(0, np.float32), spec
        )


def test_a_bundle_finds_the_same_alone_and_among_others(
    tmp_path: Path, make_bundle: BundleMaker
) -> None:
    pipeline = load(make_bundle(tmp_path / "b", task="entities", labels=TAGS, problem_type=None))
    assert isinstance(pipeline, EntityFinder)
    texts: Sequence[str] = ["a good film", "very bad " * 30, "", "unmoved, good films!"]
    together = pipeline(texts)
    assert any(answer.entities for answer in together)
    for text, answer in zip(texts, together, strict=True):
        [alone] = pipeline([text])
        assert [(e.start, e.end, e.type) for e in alone.entities] == [
            (e.start, e.end, e.type) for e in answer.entities
        ]
        assert alone.windows == answer.windows
