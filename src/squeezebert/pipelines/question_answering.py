"""Answers to questions, found in a context of any length.

A model scores each token as the start and as the end of the answer, and its first token, ``[CLS]``,
as no answer (Devlin et al. 2018, arXiv 1810.04805, sections 4.2 and 4.3). A context that is longer
than the model can read is read in overlapping windows, and the best span of all counts. Where the
same text stands several times, the model shares its confidence out among the places; they are
counted together.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines.heads import Head
from squeezebert.pipelines.items import as_items, packed_batches
from squeezebert.pipelines.origin import Reloaded
from squeezebert.pipelines.words.characters import with_marks
from squeezebert.runtime.activations import softmax
from squeezebert.tokenizer import Encoding, Item, Tokenizer, Window

OVERLAP = 128  # tokens of the context that neighbouring windows share, as in BERT's own reader
LONGEST_ANSWER = 30  # tokens, as there
_CANDIDATES = 10
_SPANS = 100  # that are looked at for them, since many may have the same text
_WINDOWS_AT_ONCE = 64  # enough to sort by length, and few for contexts of megabytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text of the context that may be the answer.

    Attributes:
        answer: the text.
        score: its probability in 0..1; with those of the other candidates and of no answer they
            sum to 1.
        start: its first character in the context, where it stands most probably.
        end: the character after its last.
    """

    answer: str
    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found for one question.

    Attributes:
        answer: the text of the best candidate; None if the context answers nothing.
        score: its probability; if there is none, that of no answer.
        start: the answer's first character in the context, or None.
        end: the character after its last one, or None.
        candidates: up to ten texts, the best first, whether or not there is an answer.
        no_answer_margin: by how much the score of no answer exceeds that of the best candidate,
            in logits. The answer is None where it is above the model's threshold.
        windows: in how many pieces the context was read.
        blank: whether question or context has no word that the model knows. There is no answer
            then, where there need not be one.
    """

    answer: str | None
    score: float
    start: int | None
    end: int | None
    candidates: tuple[Candidate, ...]
    no_answer_margin: float
    windows: int
    blank: bool = False

    @property
    def truncated(self) -> bool:
        """Never: contexts are read to their end."""
        return False


class QuestionAnswerer(Reloaded):
    """Finds answers in contexts.

    Args:
        tokenizer: for the encoder's vocabulary.
        head: from a packed batch to start and end logits, float32 ``[tokens, 2]``.
        spec: its longest input is the size of a window; above its null threshold there is no
            answer. Without a threshold the best candidate is always the answer.
    """

    def __init__(self, tokenizer: Tokenizer, head: Head, spec: TaskSpec) -> None:
        self.spec = spec
        self.tokenizer = tokenizer
        self._head = head

    def __call__(
        self,
        items: Iterable[Item],
        *,
        always_answer: bool = False,
        longest_answer: int = LONGEST_ANSWER,
    ) -> list[Answer]:
        """Answers every ``(question, context)``, in order.

        Args:
            always_answer: give the best candidate, also where the model holds that there is none.
            longest_answer: tokens that an answer has at most.

        Raises:
            InputError: an item is no pair of texts, its question or context is empty, its question
                takes more than half of a window, or it holds lone surrogates; the error has its
                index. Or ``longest_answer`` is less than 1.
        """
        if longest_answer < 1:
            raise InputError(f"longest_answer is {longest_answer}; an answer has at least 1 token.")
        questions = list(_pairs(items))
        searches = [_Search(context, longest_answer) for _, context in questions]
        windows = (
            (index, window)
            for index, of_item in enumerate(
                question_windows(self.tokenizer, questions, self.spec.max_length)
            )
            for window in of_item
        )
        while chunk := list(islice(windows, _WINDOWS_AT_ONCE)):
            for (index, window), logits in zip(
                chunk, self.logits([window for _, window in chunk]), strict=True
            ):
                searches[index].look(window, logits)
        threshold = None if always_answer else self.spec.null_threshold
        return [search.answer(threshold) for search in searches]

    @staticmethod
    def takes(spec: TaskSpec, item: Item) -> bool:
        """Whether a model is for such an item: for a pair.

        Args:
            spec: of the model.
            item: a text, or a pair of texts.
        """
        return isinstance(item, tuple)

    def logits(self, windows: Sequence[Encoding]) -> list[Floats]:
        """Start and end logits of each window, float32 ``[tokens, 2]``."""
        found: dict[int, Floats] = {}
        for indices, batch in packed_batches(windows):
            rows = np.split(self._head(batch), batch.cu_seqlens[1:-1])
            found.update(zip(indices, rows, strict=True))
        return [found[index] for index in range(len(windows))]


def question_windows(
    tokenizer: Tokenizer, items: Iterable[tuple[str, str]], max_length: int
) -> Iterator[list[Window]]:
    """The windows of each context, with the question before every one.

    Args:
        items: question and context.

    Raises:
        InputError: a question or a context holds no words, or a question takes more than half of
            a window; it has the index of the item.
    """
    special = tokenizer.encode("", max_length=max_length).total_tokens
    for index, (question, context) in enumerate(items):
        length = tokenizer.count(question)
        if not length:
            raise InputError("the question is empty.", index=index)
        length += special
        if length > max_length // 2:
            raise InputError(
                f"the question has {length} tokens and leaves less than half of the {max_length} "
                "that the model reads at once for the context. Shorten it.",
                index=index,
            )
        [windows] = tokenizer.windows([(question, context)], max_length, OVERLAP)
        if not any(
            context[start:end].strip()
            for window in windows
            for start, end in window.offsets[window.inside]
        ):
            raise InputError("the context is empty, so nothing can be found in it.", index=index)
        yield windows


class _Span(NamedTuple):
    """Characters of the context, with the logits of the span's first and last token."""

    first: int
    last: int
    start_logit: float
    end_logit: float

    @property
    def score(self) -> float:
        return self.start_logit + self.end_logit


class _Search:
    """What the windows seen so far say of one question."""

    def __init__(self, context: str, longest_answer: int) -> None:
        self._context = context
        self._longest = longest_answer
        self._spans: dict[tuple[int, int], _Span] = {}  # the best ones, by their characters
        self._no_answer = np.inf
        self._windows = 0
        self._blank = False

    def look(self, window: Window, logits: Floats) -> None:
        """Takes another window of the context."""
        self._windows += 1
        self._blank |= window.blank
        # The window that is least sure decides: all but one may well not hold the answer.
        self._no_answer = min(self._no_answer, float(logits[0].sum()))
        offsets = [self._without_spaces(*offset) for offset in window.offsets[window.inside]]
        scores = logits[window.inside].copy()
        scores[[start >= end for start, end in offsets]] = -np.inf  # no answer begins or ends there
        for first, last, start_logit, end_logit in _best_spans(scores, self._longest):
            span = _Span(offsets[first][0], offsets[last][1], start_logit, end_logit)
            place = span.first, span.last
            if place not in self._spans or span.score > self._spans[place].score:
                self._spans[place] = span
        ranked = sorted(self._spans.items(), key=lambda entry: (-entry[1].score, entry[0]))
        self._spans = dict(ranked[:_SPANS])

    def _without_spaces(self, start: int, end: int) -> tuple[int, int]:
        """The characters of a token that are no spaces, which some tokenizers put before words."""
        text = self._context[start:end]
        return end - len(text.lstrip()), start + len(text.rstrip())

    def answer(self, threshold: float | None) -> Answer:
        """The best text of all windows; None above the threshold."""
        ranked = self._ranked()
        scores = np.array([self._no_answer, *(score for score, _ in ranked)])
        margin = float(scores[0] - scores[1])
        no_answer, *probabilities = softmax(scores).tolist()
        candidates = tuple(
            self._candidate(span, probability)
            for (_, span), probability in zip(ranked, probabilities, strict=True)
        )
        best = candidates[0]
        declined = threshold is not None and (self._blank or margin > threshold)
        return Answer(
            answer=None if declined else best.answer,
            score=no_answer if declined else best.score,
            start=None if declined else best.start,
            end=None if declined else best.end,
            candidates=candidates,
            no_answer_margin=margin,
            windows=self._windows,
            blank=self._blank,
        )

    def _ranked(self) -> list[tuple[float, _Span]]:
        """The best texts: the score of each, and its best place."""
        places: dict[str, list[_Span]] = {}
        for span in self._spans.values():  # the best first
            places.setdefault(self._context[span.first : span.last].casefold(), []).append(span)
        by_score = sorted(
            ((_score_together(spans), text, spans[0]) for text, spans in places.items()),
            key=lambda entry: (-entry[0], entry[2].first, entry[2].last),
        )
        ranked: dict[str, tuple[float, _Span]] = {}
        for score, text, span in by_score:
            # From one place of a better text to another of its places is no answer of its own.
            if not any(
                text.startswith(better) and text.endswith(better) and len(text) > 2 * len(better)
                for better in ranked
            ):
                ranked[text] = score, span
            if len(ranked) == _CANDIDATES:
                break
        return list(ranked.values())

    def _candidate(self, span: _Span, probability: float) -> Candidate:
        end = with_marks(self._context, span.last)
        return Candidate(self._context[span.first : end], probability, span.first, end)


def _score_together(spans: Sequence[_Span]) -> float:
    """The score of a text by all of its places: each sum is over the odds at them.

    It is at least that of any span from one place of the text to another.
    """
    starts = {span.first: span.start_logit for span in spans}
    ends = {span.last: span.end_logit for span in spans}
    return sum(float(np.logaddexp.reduce(list(side.values()))) for side in (starts, ends))


def _best_spans(logits: Floats, longest: int) -> Iterator[tuple[int, int, float, float]]:
    """The best spans of tokens by the sum of their start and end logits, in no order.

    Args:
        logits: of the context's tokens in one window, ``[tokens, 2]``; those of minus infinity are
            in no span.
        longest: tokens of a span at most.

    Yields:
        Its first token and last token, the start logit of the one and the end logit of the other.
    """
    starts, ends = logits[:, 0], logits[:, 1]
    tokens = len(logits)
    sums = np.full((min(longest, tokens), tokens), -np.inf)  # [length - 1, first token]
    for further in range(len(sums)):
        sums[further, : tokens - further] = starts[: tokens - further] + ends[further:]
    valid = tokens * len(sums) - len(sums) * (len(sums) - 1) // 2
    kept = min(_SPANS, valid)
    for position in np.argpartition(-sums, kept - 1, axis=None)[:kept].tolist():
        further, first = divmod(position, tokens)
        if sums[further, first] == -np.inf:
            continue
        yield first, first + further, float(starts[first]), float(ends[first + further])


def _pairs(items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    for index, item in enumerate(as_items(items)):
        if isinstance(item, str):
            raise InputError(
                "it is a single text; this model needs a question and the context to look in, "
                "(question, context).",
                index=index,
            )
        yield item
