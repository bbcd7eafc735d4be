"""Answers of a reader that points at known words: offsets, windows, no answer, bad items."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.teachers import byte_level_tokenizer, unigram_tokenizer
from tokenizers import Tokenizer as Library

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines.question_answering import Answer, QuestionAnswerer
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Tokenizer

CLS, GOOD, FILM, PLOT = 2, 6, 8, 9  # token ids of the tiny vocabulary
QUESTION = "what is good?"

Maker = Callable[..., QuestionAnswerer]


@pytest.fixture(scope="module")
def reader(tokenizer_json: bytes) -> Maker:
    """Answers from the word "good" to the word "film"; no answer scores ``no_answer``."""

    def make(
        max_length: int = 20, no_answer: float = 0.0, null_threshold: float | None = None
    ) -> QuestionAnswerer:
        def head(batch: PackedBatch) -> Floats:
            context = batch.token_type_ids == 1
            starts = 8.0 * (context & (batch.input_ids == GOOD))
            ends = 8.0 * (context & (batch.input_ids == FILM))
            no_answers = no_answer / 2 * (batch.input_ids == CLS)
            return np.stack([starts + no_answers, ends + no_answers], axis=1).astype(np.float32)

        spec = TaskSpec(
            task="question-answering", max_length=max_length, null_threshold=null_threshold
        )
        return QuestionAnswerer(Tokenizer.from_json(tokenizer_json), head, spec)

    return make


def test_the_answer_is_the_best_span_with_its_characters(reader: Maker) -> None:
    context = "A bad plot; a GOOD, very good film!"
    [found] = reader()([(QUESTION, context)])
    assert found.answer == context[found.start : found.end]
    assert found.answer in ("GOOD, very good film", "good film")
    assert found.windows == 1
    assert not found.truncated
    assert found.score == found.candidates[0].score
    assert found.candidates[1].score == pytest.approx(found.score), "they are as good"
    assert len(found.candidates) == 10
    assert all(span.answer == context[span.start : span.end] for span in found.candidates)
    scores = [span.score for span in found.candidates]
    assert scores == sorted(scores, reverse=True)
    # Two full spans; eight that start or end right, "good" at two places; and no answer.
    assert scores[0] == pytest.approx(1 / (2 + 11 * np.exp(-8)), rel=1e-3)


def test_an_answer_does_not_end_before_it_starts(reader: Maker) -> None:
    [found] = reader()([(QUESTION, "film good")])
    assert found.answer in ("film", "good")
    assert len(found.candidates) == 3
    assert {span.answer for span in found.candidates} == {"film", "good", "film good"}


def test_an_answer_has_no_more_than_thirty_tokens_unless_more_are_wanted(reader: Maker) -> None:
    for between, whole in ((28, True), (29, False)):
        context = " ".join(["good", *["a"] * between, "film"])
        ask = reader(max_length=64)
        assert (ask([(QUESTION, context)])[0].answer == context) == whole
        assert ask([(QUESTION, context)], longest_answer=31)[0].answer == context
    with pytest.raises(InputError, match="at least 1 token"):
        ask([(QUESTION, context)], longest_answer=0)


def test_an_answer_that_stands_several_times_is_one(tokenizer_json: bytes) -> None:
    """As a model shares its confidence out: the more places, the less for each of them."""
    sentence = "a good film and a bad plot . "

    def head(batch: PackedBatch) -> Floats:
        context = batch.token_type_ids == 1
        places = max(1, int((context & (batch.input_ids == GOOD)).sum()))
        start, end = context & (batch.input_ids == GOOD), context & (batch.input_ids == FILM)
        logits = np.where([start, end], 8 - np.log(places), 0).T
        logits[batch.input_ids == CLS] = 4
        return logits.astype(np.float32)

    spec = TaskSpec(task="question-answering", max_length=200, null_threshold=0.0)
    ask = QuestionAnswerer(Tokenizer.from_json(tokenizer_json), head, spec)
    [once] = ask([(QUESTION, sentence)])
    for count in (2, 5, 15):
        [found] = ask([(QUESTION, sentence * count)])
        assert found.answer == "good film"
        assert found.no_answer_margin == pytest.approx(once.no_answer_margin, abs=1e-3)
        assert not any(candidate.answer.count("good") > 1 for candidate in found.candidates[:2])


def test_an_answer_may_be_wanted_always(reader: Maker) -> None:
    ask = reader(no_answer=90.0, null_threshold=0.0)
    items = [(QUESTION, "a good film")]
    [declined], [forced] = ask(items), ask(items, always_answer=True)
    assert (declined.answer, forced.answer) == (None, "good film")
    assert forced.candidates == declined.candidates


@pytest.mark.parametrize(
    ("no_answer", "threshold", "answered"),
    [
        (0.0, None, True),
        (90.0, None, True),
        (20.0, 4.5, True),
        (20.0, 3.5, False),
        (0.0, -17.0, False),
    ],
)
def test_above_the_threshold_there_is_no_answer(
    reader: Maker, no_answer: float, threshold: float | None, answered: bool
) -> None:
    pipeline = reader(no_answer=no_answer, null_threshold=threshold)
    [found] = pipeline([(QUESTION, "a good film")])
    assert found.no_answer_margin == pytest.approx(no_answer - 16)
    assert found.candidates[0].answer == "good film"
    total = found.score + sum(span.score for span in found.candidates[answered:])
    if answered:
        assert (found.answer, found.start, found.end) == ("good film", 2, 11)
    else:
        assert (found.answer, found.start, found.end) == (None, None, None)
        assert total == pytest.approx(1)


def test_the_best_of_all_windows_counts(reader: Maker) -> None:
    context = "a bad plot, " * 40 + "a good film, " + "a bad plot, " * 40
    [found] = reader(no_answer=9.0, null_threshold=0.0)([(QUESTION, context)])
    assert found.answer == "good film"
    assert found.windows > 20
    assert context[found.start : found.end] == "good film"


def test_a_span_in_two_windows_is_one_candidate(reader: Maker) -> None:
    context = "a plot " * 6 + "good film" + " a plot" * 6
    [found] = reader()([(QUESTION, context)])
    assert found.windows > 1
    places = [(span.start, span.end) for span in found.candidates]
    assert len(set(places)) == len(places)


def test_items_do_not_disturb_one_another_and_keep_their_order(reader: Maker) -> None:
    contexts = [f"{'a bad plot ' * (index * 7 % 30)}a good film" for index in range(90)]
    together = reader()([(QUESTION, context) for context in contexts])
    for context, found in zip(contexts, together, strict=True):
        [alone] = reader()([(QUESTION, context)])
        assert found == alone


def test_no_items_give_no_answers(reader: Maker) -> None:
    assert reader()([]) == []


def test_a_context_of_a_megabyte_is_read_to_its_end(reader: Maker) -> None:
    context = "a bad plot and " * 70_000 + "a good film"
    assert len(context) > 1_000_000
    [found] = reader(max_length=384)([(QUESTION, context)])
    assert (found.answer, found.end) == ("good film", len(context))
    assert found.windows > 700


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (("", "a film"), "Item 1: the question is empty"),
        ((" \n", "a film"), "Item 1: the question is empty"),
        (("who?", ""), "Item 1: the context is empty"),
        (("who?", "\u200b \0"), "Item 1: the context is empty"),
        (("very " * 9, "a film"), "Item 1: the question has 11 tokens .* half of the 20"),
        (("very " * 900, "a film"), "Item 1: the question has 902 tokens"),
        (("who?", "a \ud800"), "Item 1: it holds a lone surrogate"),
        ("who?", r"Item 1: it is a single text; .*context"),
        (("who?", None), "Item 1: it is of type NoneType"),
    ],
)
def test_a_bad_item_is_named(reader: Maker, item: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        reader()([(QUESTION, "a film"), item])  # type: ignore[list-item]  # it is the mistake


PARTS = [
    "good",
    "film",
    "plot",
    "é",
    "e\u0301",
    "😀",
    "👩\u200d👩\u200d👧",
    "שלום",
    "مَرْحَبًا",
    "नमस्ते",
    "漢字",
]
PARTS += [" ", " ", "\n", "\u3000", "\u200f", "\0", "!", "(", "İ", "ß", "ﬁ", "한"]


@given(st.lists(st.sampled_from(PARTS) | st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(max_examples=200, deadline=None)
def test_offsets_are_exact_in_any_script(reader: Maker, parts: list[str]) -> None:
    before = "".join(parts)
    context = f"{before} good film {before}"
    [found] = reader(max_length=24)([(QUESTION, context)])
    assert_exact(found, context)
    inside = [span for span in found.candidates if span.answer == "good film"]
    assert any(span.start == len(before) + 1 for span in inside) or "good" in before


def assert_exact(found: Answer, context: str) -> None:
    assert found.candidates
    for span in found.candidates:
        assert 0 <= span.start < span.end <= len(context)
        assert span.answer == context[span.start : span.end]
        assert span.answer.strip() == span.answer


@pytest.mark.parametrize("make", [unigram_tokenizer, byte_level_tokenizer])
def test_an_answer_neither_begins_nor_ends_with_a_space(make: Callable[[], Library]) -> None:
    """Some tokenizers count the space before a word to its piece, or give it one of its own."""
    library = make()
    context = "  ein guter Film ;  ein   Film , où ça ?  "

    def everywhere(batch: PackedBatch) -> Floats:
        return np.zeros((len(batch.input_ids), 2), np.float32)

    spec = TaskSpec(task="question-answering", max_length=200)
    answerer = QuestionAnswerer(Tokenizer(library), everywhere, spec)
    [found] = answerer([("ein Film", context)], longest_answer=2)
    assert len(found.candidates) == 10
    for candidate in found.candidates:
        assert candidate.answer == context[candidate.start : candidate.end]
        assert candidate.answer == candidate.answer.strip() != ""
    with pytest.raises(InputError, match="context is empty"):
        answerer([("ein Film", " \n ")])


def test_a_combining_mark_stays_with_its_letter(tokenizer_json: bytes) -> None:
    """BERT's uncased tokenizer strips accents: its token "cafe" ends before the accent."""
    stripping = tokenizer_json.replace(b'"strip_accents":false', b'"strip_accents":true')
    assert stripping != tokenizer_json

    def head(batch: PackedBatch) -> Floats:
        return np.repeat(8.0 * (batch.input_ids == PLOT), 2).reshape(-1, 2).astype(np.float32)

    spec = TaskSpec(task="question-answering", max_length=20)
    pipeline = QuestionAnswerer(Tokenizer.from_json(stripping), head, spec)
    [found] = pipeline([(QUESTION, "a plot\u0301\u0323 film")])
    assert found.answer == "plot\u0301\u0323"
