"""Guesses of words that a text hides, by a model that was trained to do so."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines.classification import OVERLAP
from squeezebert.pipelines.heads import Head
from squeezebert.pipelines.items import as_texts, packed_batches
from squeezebert.pipelines.origin import Reloaded
from squeezebert.runtime.activations import softmax
from squeezebert.tokenizer import Item, Tokenizer, Window
from squeezebert.tokens.items import HIDDEN, HIDDEN_MARKS

_TOP = 5


@dataclass(frozen=True, slots=True)
class Guess:
    """A word that may stand where one is hidden.

    Attributes:
        word: as a text has it; a piece that continues a word may look otherwise, such as "##s".
        score: its probability, 0..1; those of the whole vocabulary sum to 1.
        token: its id in the vocabulary.
    """

    word: str
    score: float
    token: int


@dataclass(frozen=True, slots=True)
class HiddenWord:
    """A place where a word is hidden.

    Attributes:
        start: the first character of the mark in the text.
        end: the character after its last.
        guesses: the most probable words, the best first.
    """

    start: int
    end: int
    guesses: tuple[Guess, ...]


@dataclass(frozen=True, slots=True)
class Guesses:
    """What was guessed in a text.

    Attributes:
        hidden: the hidden words in their order; each is guessed with the others hidden.
        windows: in how many parts the text was read.
        blank: whether the text has no word that the model knows.
    """

    hidden: tuple[HiddenWord, ...]
    windows: int
    blank: bool = False

    @property
    def truncated(self) -> bool:
        """False: a long text is read in windows, and none of it is left out."""
        return False


class WordGuesser(Reloaded):
    """Guesses the words that texts of any length hide.

    A hidden word is written ``[MASK]`` or ``<mask>``, or as the tokenizer does, whichever of them
    that is. A guess is one piece of the vocabulary (Devlin et al. 2018, arXiv 1810.04805, section
    3.1), so a rare word of several pieces is never among them.

    Args:
        tokenizer: for the encoder's vocabulary.
        head: from a packed batch to logits, float32 ``[hidden tokens, vocabulary]``.
        spec: says which token hides a word; a text of more tokens than its longest input is read in
            overlapping windows.

    Raises:
        InputError: the tokenizer has no such token, or doesn't read it in a text.
    """

    def __init__(self, tokenizer: Tokenizer, head: Head, spec: TaskSpec) -> None:
        self.spec = spec
        self.tokenizer = tokenizer
        self._head = head
        assert spec.mask is not None  # as of every such model
        token = tokenizer.token(spec.mask)
        ways = (token, f" {token} ")  # some tokenizers read it between spaces alone
        read = [way for way in ways if spec.mask in _ids(tokenizer, f"{way}a", spec)]
        if not read:
            raise InputError(
                f"The tokenizer does not read its token {spec.mask} ({token!r}) in a text, so "
                "no word can be hidden."
            )
        self._mark = read[0]
        written = "|".join(map(re.escape, dict.fromkeys((*HIDDEN_MARKS, token))))
        # A space belongs to the word after it, so it is hidden too.
        self._marks = re.compile(rf"\s*({written})")

    def __call__(self, items: Iterable[Item], *, top: int = _TOP) -> list[Guesses]:
        """Guesses the hidden words of every text, in order.

        Args:
            top: how many words to give for each hidden one.

        Raises:
            InputError: an item is no text, hides no word, or holds lone surrogates; the error has
                its index. Or ``top`` is less than 1.
        """
        if top < 1:
            raise InputError(f"top is {top}, and at least 1 word can be guessed.")
        texts = as_texts(items, "words are guessed in one text")
        places = [self._places(index, text) for index, text in enumerate(texts)]
        marked = [self._marks.sub(lambda found: self._mark, text) for text in texts]
        windows = self.tokenizer.windows(marked, self.spec.max_length, OVERLAP)
        of_windows = self._of_windows([window for each in windows for window in each], top)
        answers = []
        for index, (spans, parts) in enumerate(zip(places, windows, strict=True)):
            guesses = [found for _ in parts for found in next(of_windows)]
            if len(guesses) != len(spans):
                raise InputError(
                    f"{len(spans)} words are hidden, and the tokenizer reads {len(guesses)}. Put a "
                    "space on either side of each mark.",
                    index=index,
                )
            hidden = tuple(
                HiddenWord(*span, found) for span, found in zip(spans, guesses, strict=True)
            )
            answers.append(Guesses(hidden, len(parts), parts[0].blank))
        return answers

    @staticmethod
    def takes(spec: TaskSpec, item: Item) -> bool:
        """Whether a model is for such an item: for a text that hides a word.

        Args:
            spec: of the model.
            item: a text, or a pair of texts.
        """
        return isinstance(item, str) and any(mark in item for mark in HIDDEN_MARKS)

    def _places(self, index: int, text: str) -> list[tuple[int, int]]:
        found = [match.span(1) for match in self._marks.finditer(text)]
        if not found:
            raise InputError(f"it hides no word. Write {HIDDEN} in place of one.", index=index)
        return found

    def _of_windows(self, windows: list[Window], top: int) -> Iterator[list[tuple[Guess, ...]]]:
        """For each window the guesses of the hidden words that are its own."""
        asked = [i for i, one in enumerate(windows) if self.spec.mask in one.ids[one.own]]
        guesses: dict[int, list[tuple[Guess, ...]]] = {}
        for numbers, batch in packed_batches([windows[index] for index in asked]):
            rows = iter(self._head(batch))
            for number in numbers:
                window = windows[asked[number]]
                own = range(len(window.ids))[window.own]
                masks = [place for place, token in enumerate(window.ids) if token == self.spec.mask]
                guesses[asked[number]] = [
                    self._best(row, top)
                    for place, row in [(place, next(rows)) for place in masks]
                    if place in own
                ]
        return (guesses.get(index, []) for index in range(len(windows)))

    def _best(self, logits: Floats, top: int) -> tuple[Guess, ...]:
        scores = softmax(logits[: self.tokenizer.vocab_size].copy())
        best = np.argsort(-scores, kind="stable")[:top].tolist()
        return tuple(Guess(self.tokenizer.word(id_), float(scores[id_]), id_) for id_ in best)


def _ids(tokenizer: Tokenizer, text: str, spec: TaskSpec) -> list[int]:
    return tokenizer.encode(text, max_length=spec.max_length).ids
