"""Answers to questions, found in a context of any length.

A model scores each token as the start and as the end of the answer, and its first token, ``[CLS]``,
as no answer (Devlin et al. 2018, arXiv 1810.04805, sections 4.2 and 4.3). A context that is longer
than the model can read is read in overlapping windows, and the best span of all counts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines.heads import Head
from squeezebert.pipelines.items import check_items, packed_batches
from squeezebert.pipelines.offsets import with_marks
from squeezebert.tokenizer import Encoding, Item, Tokenizer, Window

OVERLAP = 128  # tokens of the context that neighbouring windows share, as in BERT's own reader
LONGEST_ANSWER = 30  # tokens, as there
_CANDIDATES = 10
_WINDOWS_AT_ONCE = 64  # enough to sort by length, and few for contexts of megabytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span of the context that may be the answer.

    Attributes:
        answer: its text.
        score: its probability in 0..1; with those of the other candidates and of no answer they
            sum to 1.
        start: its first character in the context.
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
        candidates: up to ten spans, the best first, whether or not there is an answer.
        no_answer_margin: by how much the score of no answer exceeds that of the best candidate,
            in logits. The answer is None where it is above the model's threshold.
        windows: in how many pieces the context was read.
    """

    answer: str | None
    score: float
    start: int | None
    end: int | None
    candidates: tuple[Candidate, ...]
    no_answer_margin: float
    windows: int

    @property
    def truncated(self) -> bool:
        """Never: contexts are read to their end."""
        return False


class QuestionAnswerer:
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

    def __call__(self, items: Sequence[Item]) -> list[Answer]:
        """Answers every ``(question, context)``, in order.

        Raises:
            InputError: an item is no pair of texts, its question or context is empty, its question
                takes more than half of a window, or it holds lone surrogates; the message names
                its index.
        """
        questions = list(_pairs(items))
        searches = [_Search() for _ in questions]
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
        return [
            search.answer(context, self.spec.null_threshold)
            for search, (_, context) in zip(searches, questions, strict=True)
        ]

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
        length = tokenizer.encode(question, max_length=max_length).total_tokens
        if length == special:
            raise InputError("the question is empty.", index=index)
        if length > max_length // 2:
            raise InputError(
                f"the question has {length} tokens and leaves less than half of the {max_length} "
                "that the model reads at once for the context. Shorten it.",
                index=index,
            )
        [windows] = tokenizer.windows([(question, context)], max_length, OVERLAP)
        if not windows[0].ids[windows[0].inside]:
            raise InputError("the context is empty, so nothing can be found in it.", index=index)
        yield windows


class _Search:
    """What the windows seen so far say of one question."""

    def __init__(self) -> None:
        self._best: dict[tuple[int, int], float] = {}  # score of each span of characters
        self._no_answer = np.inf
        self._windows = 0

    def look(self, window: Window, logits: Floats) -> None:
        """Takes another window of the context."""
        self._windows += 1
        # The window that is least sure decides: all but one may well not hold the answer.
        self._no_answer = min(self._no_answer, float(logits[0].sum()))
        offsets = window.offsets[window.inside]
        for score, first, last in _best_spans(logits[window.inside]):
            place = offsets[first][0], offsets[last][1]
            self._best[place] = max(score, self._best.get(place, -np.inf))
        ranked = sorted(self._best.items(), key=lambda entry: (-entry[1], entry[0]))
        self._best = dict(ranked[:_CANDIDATES])

    def answer(self, context: str, threshold: float | None) -> Answer:
        """The best of all windows; None above the threshold."""
        scores = np.array([self._no_answer, *self._best.values()])
        odds = np.exp(scores - scores.max())
        no_answer, *probabilities = (odds / odds.sum()).tolist()
        candidates = tuple(
            _candidate(context, place, score)
            for place, score in zip(self._best, probabilities, strict=True)
        )
        best, margin = candidates[0], float(scores[0] - scores[1])
        if threshold is not None and margin > threshold:
            return Answer(None, no_answer, None, None, candidates, margin, self._windows)
        return Answer(
            best.answer, best.score, best.start, best.end, candidates, margin, self._windows
        )


def _candidate(context: str, place: tuple[int, int], score: float) -> Candidate:
    start, end = place[0], with_marks(context, place[1])
    return Candidate(context[start:end], score, start, end)


def _best_spans(logits: Floats) -> Iterator[tuple[float, int, int]]:
    """The best spans of tokens by the sum of their start and end logits, in no order.

    Args:
        logits: of the context's tokens in one window, ``[tokens, 2]``.

    Yields:
        Its score, first token and last token.
    """
    starts, ends = logits[:, 0], logits[:, 1]
    tokens = len(logits)
    sums = np.full((min(LONGEST_ANSWER, tokens), tokens), -np.inf)  # [length - 1, first token]
    for further in range(len(sums)):
        sums[further, : tokens - further] = starts[: tokens - further] + ends[further:]
    valid = tokens * len(sums) - len(sums) * (len(sums) - 1) // 2
    kept = min(_CANDIDATES, valid)
    for position in np.argpartition(-sums, kept - 1, axis=None)[:kept].tolist():
        further, first = divmod(position, tokens)
        yield float(sums[further, first]), first, first + further


def _pairs(items: Sequence[Item]) -> Iterator[tuple[str, str]]:
    check_items(items)
    for index, item in enumerate(items):
        if isinstance(item, str):
            raise InputError(
                "it is a single text; this model needs a question and the context to look in, "
                "(question, context).",
                index=index,
            )
        yield item
