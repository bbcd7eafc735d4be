"""Named entities: where in a text they are, and of which type."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines.heads import Head
from squeezebert.pipelines.items import as_texts, packed_batches
from squeezebert.pipelines.origin import Reloaded
from squeezebert.pipelines.words.characters import has_picture, without_pictures
from squeezebert.pipelines.words.iob import best_tags, can_follow, entity_types, runs
from squeezebert.pipelines.words.splitting import split_words
from squeezebert.runtime.activations import softmax
from squeezebert.tokenizer import Item, Tokenizer, Window

# Tokens that neighbouring windows share: each token is read with half of it on both sides.
OVERLAP = 32

_WHY = "entities are found in single texts"
_LINE_BREAK = re.compile("[\n\v\f\r\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity found in a text.

    Attributes:
        text: as it stands in the text, ``text[start:end]``.
        type: such as "PER".
        score: how probable its type is, 0..1, on average over its words.
        start: its first character, counted in the text as given.
        end: the character after its last.
    """

    text: str
    type: str
    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Entities:
    """What was found in one text.

    Attributes:
        entities: in order; they don't overlap.
        windows: in how many overlapping parts the text was read; 1 unless it is long.
        blank: whether the text has no word that the model knows; it then has no entities.
    """

    entities: tuple[Entity, ...]
    windows: int
    blank: bool = False

    @property
    def truncated(self) -> bool:
        """False: a long text is read in windows, and none of it is left out."""
        return False


@dataclass(frozen=True, slots=True)
class WordEntity:
    """An entity found in a text that was given as words.

    Attributes:
        words: its words.
        type: such as "PER".
        score: as of an `Entity`.
        start: the number of its first word, from 0.
        end: the number of the word after its last.
    """

    words: tuple[str, ...]
    type: str
    score: float
    start: int
    end: int


class Word(NamedTuple):
    """A word: its characters, and its first piece.

    Attributes:
        start, end: its first character, and the one after its last.
        window, place: in which window of the text its first piece is to be read, and where there.
    """

    start: int
    end: int
    window: int
    place: int


class TaggedText(NamedTuple):
    """How probable each tag is for the words of a text.

    Attributes:
        words: in order.
        scores: probabilities, float32 ``[words, labels]``.
        windows: in how many parts the text was read.
        blank: whether none of the words is known.
    """

    words: list[Word]
    scores: Floats
    windows: int
    blank: bool


class EntityFinder(Reloaded):
    """Finds named entities in texts of any length.

    The model tags words, by the logits of their first pieces: B-TYPE for the first word of an
    entity, I-TYPE for its others and O outside. Of all sequences of tags in which an I-TYPE only
    follows a word of its type, the most probable one counts. No entity goes over the end of a line
    or over an emoji, which the model reads as a space.

    Args:
        tokenizer: for the encoder's vocabulary.
        head: from a packed batch to logits, float32 ``[tokens, labels]``.
        spec: its labels are the tags in the order of the logits; a text of more tokens than its
            longest input is read in overlapping windows.

    Raises:
        InputError: a label is no such tag.
    """

    def __init__(self, tokenizer: Tokenizer, head: Head, spec: TaskSpec) -> None:
        self.spec = spec
        self._columns = {
            kind: [column for column, label in enumerate(spec.labels) if label[2:] == kind]
            for kind in entity_types(spec.labels)
        }
        self._can_follow = can_follow(spec.labels)
        self.tokenizer = tokenizer
        self._head = head

    def __call__(self, items: Iterable[Item], *, min_score: float = 0.0) -> list[Entities]:
        """Finds the entities of every text, in order.

        Args:
            min_score: entities of a lower score are left out.

        Raises:
            InputError: an item is no text, or holds lone surrogates; the error has its index. Or
                ``min_score`` is not in 0..1.
        """
        if not 0 <= min_score <= 1:
            raise InputError(f"min_score is {min_score}, and scores are in 0..1.")
        texts = as_texts(items, _WHY)
        return [
            Entities(
                tuple(found for found in self._entities(text, tagged) if found.score >= min_score),
                tagged.windows,
                tagged.blank,
            )
            for text, tagged in zip(texts, self.tag(texts), strict=True)
        ]

    @staticmethod
    def takes(spec: TaskSpec, item: Item) -> bool:
        """Whether a model is for such an item: for a text.

        Args:
            spec: of the model.
            item: a text, or a pair of texts.
        """
        return isinstance(item, str)

    def of_words(
        self, sentences: Iterable[Sequence[str]], *, min_score: float = 0.0
    ) -> list[tuple[WordEntity, ...]]:
        """Finds the entities of texts that are split into words already, as CoNLL files are.

        The model reads the words with spaces between them. An entity is made of whole words; a word
        with several is the first one's.

        Args:
            sentences: the words of each text.
            min_score: as of `__call__`.

        Raises:
            InputError: a sentence is no list of words, or a word is no text, is empty or holds a
                space or lone surrogates; the error has the index of the sentence.
        """
        given = [_words(index, sentence) for index, sentence in enumerate(sentences)]
        found = self([" ".join(words) for words in given], min_score=min_score)
        return [
            tuple(_in_words(words, answer.entities))
            for words, answer in zip(given, found, strict=True)
        ]

    def tag(self, items: Iterable[Item]) -> list[TaggedText]:
        """The words of every text with the probabilities of their tags, in order.

        Raises:
            InputError: as of `__call__`.
        """
        texts = as_texts(items, _WHY)
        read = entity_windows(self.tokenizer, texts, self.spec.max_length)
        windows = [window for of_text in read for window in of_text]
        logits: dict[int, Floats] = {}
        for indices, batch in packed_batches(windows):
            rows = np.split(self._head(batch), batch.cu_seqlens[1:-1])
            logits.update(zip(indices, rows, strict=True))
        logits_of = map(logits.pop, range(len(windows)))
        return [
            _tagged(text, of_text, [next(logits_of) for _ in of_text])
            for text, of_text in zip(texts, read, strict=True)
        ]

    def _entities(self, text: str, tagged: TaggedText) -> Iterator[Entity]:
        if tagged.blank:
            return
        begins = _begins(text, tagged.words)
        best = best_tags(tagged.scores, self._can_follow, begins)
        tags = [self.spec.labels[tag] for tag in best]
        scores = {
            kind: tagged.scores[:, columns].sum(axis=-1) for kind, columns in self._columns.items()
        }
        for kind, first, after in runs(tags, begins):
            start = tagged.words[first].start
            end = tagged.words[after - 1].end
            score = float(scores[kind][first:after].mean())
            yield Entity(text[start:end], kind, score, start, end)


def entity_windows(
    tokenizer: Tokenizer, texts: Sequence[str], max_length: int
) -> list[list[Window]]:
    """The windows in which a model reads each text, emoji as spaces."""
    return tokenizer.windows([without_pictures(text) for text in texts], max_length, OVERLAP)


def words_of(text: str, windows: Sequence[Window]) -> list[Word]:
    """The words of a text, in order; pictures are none.

    Which they are doesn't depend on the tokenizer; but those that share their first piece are one,
    and those of which no token shows anything, such as a control character, are left out.
    """
    tokens = [
        (*window.offsets[place], number, place)
        for number, window in enumerate(windows)
        for place in range(window.own.start, window.own.stop)
    ]
    words: list[Word] = []
    at = 0
    for start, end in split_words(without_pictures(text)):
        while at < len(tokens) and tokens[at][1] <= start:
            at += 1
        if at == len(tokens):
            break
        first, _, window, place = tokens[at]
        if first >= end:
            continue
        if words and (words[-1].window, words[-1].place) == (window, place):
            words[-1] = words[-1]._replace(end=end)
        else:
            words.append(Word(start, end, window, place))
    return words


def _tagged(text: str, windows: Sequence[Window], logits: Sequence[Floats]) -> TaggedText:
    words = words_of(text, windows)
    first = np.cumsum([0, *map(len, logits)])
    rows = np.concatenate(logits)[[first[word.window] + word.place for word in words]]
    return TaggedText(words, softmax(rows), len(windows), windows[0].blank)


def _words(index: int, sentence: Sequence[str]) -> list[str]:
    if isinstance(sentence, str) or not isinstance(sentence, Sequence):
        raise InputError(
            f"it is of type {type(sentence).__name__}, not a list of words.", index=index
        )
    for word in sentence:
        if not isinstance(word, str) or word.split() != [word]:
            raise InputError(f"{word!r} is no word.", index=index)
    return list(sentence)


def _in_words(words: Sequence[str], entities: Iterable[Entity]) -> Iterator[WordEntity]:
    starts = np.cumsum([0, *(len(word) + 1 for word in words)])
    taken = 0
    for entity in entities:
        start = int(np.searchsorted(starts, entity.start, side="right")) - 1
        end = int(np.searchsorted(starts, entity.end))
        if start >= taken:
            yield WordEntity(tuple(words[start:end]), entity.type, entity.score, start, end)
            taken = end


def _begins(text: str, words: Sequence[Word]) -> list[bool]:
    """Whether each word is the first after a line's end, a picture, or the text's beginning."""
    gaps = (text[before.end : word.start] for before, word in pairwise(words))
    return [True, *(bool(gap and (_LINE_BREAK.search(gap) or has_picture(gap))) for gap in gaps)]
