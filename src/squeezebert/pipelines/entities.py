"""Named entities: where in a text they are, and of which type."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines.heads import Head
from squeezebert.pipelines.iob import best_tags, can_follow, entity_types, runs
from squeezebert.pipelines.items import check_items, packed_batches
from squeezebert.pipelines.offsets import with_marks
from squeezebert.tokenizer import Item, Tokenizer, Window

# Tokens that neighbouring windows share: each token is read with half of it on both sides.
OVERLAP = 32


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
    """

    entities: tuple[Entity, ...]
    windows: int

    @property
    def truncated(self) -> bool:
        """False: a long text is read in windows, and none of it is left out."""
        return False


class Word(NamedTuple):
    """A word, as the tokenizer splits them: its characters, and its first piece.

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
    """

    words: list[Word]
    scores: Floats
    windows: int


class EntityFinder:
    """Finds named entities in texts of any length.

    The model tags words, by the logits of their first pieces: B-TYPE for the first word of an
    entity, I-TYPE for its others and O outside. Of all sequences of tags in which an I-TYPE only
    follows a word of its type, the most probable one counts.

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

    def __call__(self, items: Sequence[Item]) -> list[Entities]:
        """Finds the entities of every text, in order.

        Raises:
            InputError: an item is no text, or holds lone surrogates; the message names its index.
        """
        texts = _texts(items)
        return [
            Entities(tuple(self._entities(text, tagged)), tagged.windows)
            for text, tagged in zip(texts, self.tag(texts), strict=True)
        ]

    def tag(self, items: Sequence[Item]) -> list[TaggedText]:
        """The words of every text with the probabilities of their tags, in order.

        Raises:
            InputError: as of `__call__`.
        """
        texts = self.tokenizer.windows(_texts(items), self.spec.max_length, OVERLAP)
        windows = [window for text in texts for window in text]
        logits: dict[int, Floats] = {}
        for indices, batch in packed_batches(windows):
            rows = np.split(self._head(batch), batch.cu_seqlens[1:-1])
            logits.update(zip(indices, rows, strict=True))
        logits_of = map(logits.pop, range(len(windows)))
        return [_tagged(text, [next(logits_of) for _ in text]) for text in texts]

    def _entities(self, text: str, tagged: TaggedText) -> Iterator[Entity]:
        tags = [self.spec.labels[tag] for tag in best_tags(tagged.scores, self._can_follow)]
        scores = {
            kind: tagged.scores[:, columns].sum(axis=-1) for kind, columns in self._columns.items()
        }
        for kind, first, after in runs(tags):
            start = tagged.words[first].start
            end = with_marks(text, tagged.words[after - 1].end)
            score = float(scores[kind][first:after].mean())
            yield Entity(text[start:end], kind, score, start, end)


def words_of(windows: Sequence[Window]) -> list[Word]:
    """The words of a text, in order."""
    words: list[Word] = []
    before = None
    for number, window in enumerate(windows):
        for place in range(window.own.start, window.own.stop):
            start, end = window.offsets[place]
            if window.words[place] == before:
                words[-1] = words[-1]._replace(end=end)
            else:
                words.append(Word(start, end, number, place))
            before = window.words[place]
    return words


def _tagged(windows: Sequence[Window], logits: Sequence[Floats]) -> TaggedText:
    words = words_of(windows)
    first = np.cumsum([0, *map(len, logits)])
    odds = np.concatenate(logits)[[first[word.window] + word.place for word in words]]
    odds = np.exp(odds - odds.max(axis=-1, keepdims=True))
    return TaggedText(words, odds / odds.sum(axis=-1, keepdims=True), len(windows))


def _texts(items: Sequence[Item]) -> list[str]:
    """The items; raises InputError for one that is no text."""
    check_items(items)
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) < len(items):
        index = next(index for index, item in enumerate(items) if not isinstance(item, str))
        raise InputError("it is a pair; entities are found in single texts.", index=index)
    return texts
