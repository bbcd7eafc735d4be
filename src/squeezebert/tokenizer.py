"""Text to token ids, through `tokenizers`; says what it truncates."""

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple, cast

import tokenizers

from squeezebert.errors import BundleError, InputError
from squeezebert.shutdown import extension_call
from squeezebert.vocabulary import any_encoding

Item = str | tuple[str, str]

_Text = tuple[tokenizers.Encoding, int]  # the tokens, or enough of them, and how many there are

_PART = 1 << 16  # characters
_CONTEXT = 1 << 9  # characters
_CHARACTERS = 1 << 19  # of texts that are encoded together
_LONGEST_REPLACEMENT = 64  # characters, of a normaliser
_EXAMPLE = "A word, Wörter 漢字 \U0010fffd 12"  # known and unknown words
_ENDINGS = KeyboardInterrupt, SystemExit, GeneratorExit  # not of the library
_SPACE = "\u2581"  # as SentencePiece writes one
_IN_NO_SCRIPT = "\U0010fffd"  # a character for private use


class _Token(NamedTuple):
    id: int
    type_id: int
    offset: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a text, encoded with what stands beside it.

    Attributes:
        passed: how many characters come before those that were encoded.
        start, end: the part, in the whole text.
        last: whether the text ends with it.
    """

    encoding: tokenizers.Encoding
    passed: int
    start: int
    end: int
    last: bool

    @property
    def own(self) -> slice:
        """Which tokens begin in the part."""
        starts = [self.passed + start for start, _ in self.encoding.offsets]
        stop = len(starts) if self.last else bisect_left(starts, self.end)
        return slice(bisect_left(starts, self.start), stop)

    def __len__(self) -> int:
        own = self.own
        return cast(int, own.stop - own.start)

    def around(self, place: int) -> list[tuple[int, int, int]]:
        """Id, first character and the one after the last of the tokens near a place in the text."""
        near = place - self.passed
        return [
            (token, self.passed + start, self.passed + end)
            for token, (start, end) in zip(self.encoding.ids, self.encoding.offsets, strict=True)
            if end > near - _CONTEXT // 2 and start < near + _CONTEXT // 2
        ]


@dataclass(frozen=True, slots=True)
class Encoding:
    """The tokens of a text or pair, special tokens included.

    Attributes:
        ids: token ids.
        type_ids: 0 for tokens of the first text, 1 for those of the second.
        offsets: for each token, the first character of its text that it covers and the one after
            the last; (0, 0) for special tokens.
        total_tokens: how many tokens there would be without truncation.
        truncated: whether tokens were left out.
        blank: whether a text has no word that the tokenizer knows: it is empty, or emoji, or of
            another script than the vocabulary's.
    """

    ids: list[int]
    type_ids: list[int]
    offsets: list[tuple[int, int]]
    total_tokens: int
    blank: bool = field(default=False, kw_only=True)

    @property
    def truncated(self) -> bool:
        return len(self.ids) < self.total_tokens


@dataclass(frozen=True, slots=True)
class Window(Encoding):
    """The part of a text that a model reads at once, special tokens included; see `windows`.

    Its offsets are those of the whole text. It was not truncated itself.

    Attributes:
        start: how many tokens of the text come before the window's.
        inside: where in ``ids`` the text's tokens are; of a pair, those of the second text.
        own: where in ``ids`` those tokens are that no other window shows with more context; every
            token of the text is one window's own.
    """

    start: int
    inside: slice
    own: slice


class Tokenizer:
    """Encodes texts and pairs of texts as a ``tokenizer.json`` says.

    Truncation and padding that the file asks for are ignored: truncation is the caller's to
    choose, and batches are packed.
    """

    def __init__(
        self, tokenizer: tokenizers.Tokenizer, tables: tuple[int, int] | None = None
    ) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._tables = tables
        self._unknown = _unknown_ids(tokenizer)

    @classmethod
    def from_file(cls, path: str | Path) -> "Tokenizer":
        """Reads a ``tokenizer.json``.

        Raises:
            InputError: the file is missing or is no ``tokenizer.json``.
        """
        try:
            return cls.from_json(Path(path).read_bytes())
        except OSError as error:
            raise InputError(f"{path} can't be read: {error.strerror}.") from error
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    @classmethod
    def from_json(cls, text: bytes, tables: tuple[int, int] | None = None) -> "Tokenizer":
        """Reads the contents of a ``tokenizer.json``, and tries it out.

        Args:
            tables: how many token ids and how many type ids the encoder has embeddings for.

        Raises:
            InputError: they are not, or only look so.
        """
        try:
            tokenizer = cls(tokenizers.Tokenizer.from_buffer(text), tables)
            tokenizer._try_out()
        except BaseException as error:  # the library raises no narrower class, and its panics none
            if isinstance(error, _ENDINGS):
                raise
            raise InputError(f"This is no tokenizer.json: {error}.") from error
        return tokenizer

    @property
    def vocab_size(self) -> int:
        """How many tokens there are, added tokens included."""
        return self._tokenizer.get_vocab_size()

    def token(self, token_id: int) -> str:
        """A token as the vocabulary has it, such as "##ing"; "" for an id that it has not."""
        return self._tokenizer.id_to_token(token_id) or ""

    def special_tokens(self, pair: bool) -> int:
        """How many special tokens a text gets, or a pair of texts."""
        return self._tokenizer.num_special_tokens_to_add(pair)

    def count(self, text: str) -> int:
        """How many tokens a text of any length has, without special tokens."""
        return sum(map(len, self._parts(text)))

    def encode(self, text: str, pair: str | None = None, *, max_length: int) -> Encoding:
        """Encodes one text or pair; see `encode_batch`."""
        return self.encode_batch([text if pair is None else (text, pair)], max_length)[0]

    def encode_batch(self, items: Sequence[Item], max_length: int) -> list[Encoding]:
        """Encodes texts and pairs, in parallel.

        What exceeds ``max_length`` tokens is cut from the end; of a pair, from the longer text
        until both are equally long, then from both. A text of no words, such as "" or one of only
        spaces or control characters, leaves the special tokens, and so does one of which no word is
        known, such as an emoji or a text in another script; see `Encoding.blank`.

        Raises:
            InputError: an item holds lone surrogates, which are no characters, or ``max_length``
                is less than the number of special tokens.
        """
        encodings: list[Encoding] = []
        with _explained(items):
            for chunk in _chunks(items):
                texts = [text for item in chunk for text in _texts(item)]
                encoded = iter(self._encode_texts(texts, max_length))
                encodings += (
                    self._encoding([next(encoded) for _ in _texts(item)], max_length)
                    for item in chunk
                )
        return encodings

    def windows(self, items: Sequence[Item], max_length: int, overlap: int) -> list[list[Window]]:
        """Encodes texts and pairs of any length, each in as many windows as it takes.

        Every window has ``max_length`` tokens, unless it is the only one of a shorter text. Of a
        pair, the second text moves through the windows, and the first is whole in each of them.

        Args:
            overlap: how many of the text's tokens two neighbours share at least; no more than half
                of what a window has room for.

        Raises:
            InputError: a text holds lone surrogates; or special tokens and, of a pair, the first
                text leave no room; it has the item's index.
        """
        return [self._windows(index, item, max_length, overlap) for index, item in enumerate(items)]

    def _encode_texts(self, texts: Sequence[str], max_length: int) -> list[_Text]:
        short = [text for text in texts if len(text) <= _PART]
        with extension_call:
            encoded = iter(self._tokenizer.encode_batch(short, add_special_tokens=False))
        results = []
        for text in texts:
            if len(text) > _PART:
                results.append(self._encode_long(text, max_length))
            else:
                tokens = next(encoded)
                results.append((tokens, len(tokens)))
        return results

    def _encode_long(self, text: str, max_length: int) -> _Text:
        parts = self._parts(text)
        beginning = next(parts)
        own = beginning.own.stop
        unread = self._is_blank(beginning.encoding.ids[:own])
        if own < max_length or unread:  # almost all of it spaces, or it begins in another script
            whole = self._encode_piece(text)
            return whole, len(whole)
        beginning.encoding.truncate(own)
        return beginning.encoding, own + sum(map(len, parts))

    def _encode_piece(self, text: str) -> tokenizers.Encoding:
        with extension_call:
            return self._tokenizer.encode(text, add_special_tokens=False)

    def _encoding(self, texts: Sequence[_Text], max_length: int) -> Encoding:
        special = self.special_tokens(len(texts) == 2)
        room = max_length - special
        if room < 0:
            raise InputError(f"max_length {max_length} has no room for {special} special tokens.")
        blank = [self._is_blank(tokens.ids) for tokens, _ in texts]
        lengths = [
            0 if unread else length for (_, length), unread in zip(texts, blank, strict=True)
        ]
        kept = [room] if len(texts) == 1 else _shares(lengths[0], lengths[1], room)
        for (tokens, _), length, count in zip(texts, lengths, kept, strict=True):
            tokens.truncate(min(length, count))
        whole, offsets = self._framed([tokens for tokens, _ in texts])
        self._check_ids(whole.ids, whole.type_ids)
        return Encoding(
            whole.ids, whole.type_ids, offsets, special + sum(lengths), blank=any(blank)
        )

    def _framed(
        self, texts: Sequence[tokenizers.Encoding]
    ) -> tuple[tokenizers.Encoding, list[tuple[int, int]]]:
        """One text or two with the special tokens around them, and the offsets of all."""
        whole = self._tokenizer.post_process(texts[0], texts[1] if len(texts) == 2 else None)
        # Offsets as they were: a byte-level processor would trim spaces off them a second time.
        own = chain.from_iterable(text.offsets for text in texts)
        return whole, [(0, 0) if mark else next(own) for mark in whole.special_tokens_mask]

    def _check_ids(self, ids: Sequence[int], type_ids: Sequence[int]) -> None:
        """Looks at the ids in use; a look at all of a vocabulary takes as long as reading it."""
        if self._tables is None:
            return
        for kind, used, size in zip(("", "type "), (ids, type_ids), self._tables, strict=True):
            if max(used, default=0) >= size:
                raise BundleError(
                    f"The model's tokenizer.json gives a text the {kind}id {max(used)}, and its "
                    f"encoder has {size}. Export the model again with the matching tokenizer."
                )

    def _try_out(self) -> None:
        """Raises whatever the library does in use, so that it happens at once.

        A replacement of a letter by a megabyte is found by its length: the text that has the letter
        may come at any time.
        """
        if self._tokenizer.normalizer is not None:
            _check_normalizer(json.loads(self._tokenizer.normalizer.__getstate__()))
        items: tuple[Item, ...] = ("", _EXAMPLE, (_EXAMPLE, _EXAMPLE))
        for item in items:
            room = self.special_tokens(pair=isinstance(item, tuple)) + 2
            [encoding] = self.encode_batch([item], room)
            if not 0 < len(encoding.ids) <= room:
                raise ValueError(f"it makes {len(encoding.ids)} tokens of a text, not 1 to {room}")
            [windows] = self.windows([item], room + len(_EXAMPLE) * 2, overlap=1)
            if len(windows) > 1:
                raise ValueError("it makes more tokens of a text than that has characters")

    def _is_blank(self, ids: Sequence[int]) -> bool:
        return all(token in self._unknown for token in ids)

    def _windows(self, index: int, item: Item, max_length: int, overlap: int) -> list[Window]:
        *whole, text = (item,) if isinstance(item, str) else item
        with _explained([item], index):
            before, type_id, after = self._frame(*whole)
            tokens = self._tokens(text, type_id)
        blank = self._is_blank([token.id for token in tokens])
        blank |= any(self._is_blank(self._encode_piece(text).ids) for text in whole)
        room = max_length - len(before) - len(after)
        if room < 1:
            raise InputError(
                f"{len(before) + len(after)} of {max_length} tokens are needed for special tokens "
                "and the first text, which leaves no room for the second. Shorten the first.",
                index=index,
            )
        last = max(len(tokens) - room, 0)
        starts = [*range(0, last, room - min(overlap, room // 2)), last]
        # Neighbours share what they overlap by halves.
        middles = [(start + room + following) // 2 for start, following in pairwise(starts)]
        windows = []
        for start, (own, end) in zip(starts, pairwise((0, *middles, len(tokens))), strict=True):
            seen = tokens[start : start + room]
            shown = [*before, *seen, *after]
            ids, type_ids = [token.id for token in shown], [token.type_id for token in shown]
            self._check_ids(ids, type_ids)
            first = len(before)
            windows.append(
                Window(
                    ids,
                    type_ids,
                    [token.offset for token in shown],
                    total_tokens=len(ids),
                    start=start,
                    inside=slice(first, first + len(seen)),
                    own=slice(first + own - start, first + end - start),
                    blank=blank,
                )
            )
        return windows

    def _tokens(self, text: str, type_id: int) -> list[_Token]:
        """All tokens of a text of any length, without special ones."""
        return [
            _Token(token, type_id, (part.passed + start, part.passed + end))
            for part in self._parts(text)
            for token, (start, end) in zip(
                part.encoding.ids[part.own], part.encoding.offsets[part.own], strict=True
            )
        ]

    def _parts(self, text: str) -> Iterator[_Part]:
        """Encodes a text part by part: the library takes 400 bytes of memory for each character.

        A part is encoded with what stands beside it, and its own tokens are those that begin in it.
        Where it ends, its tokens and the next part's have to agree; if they don't, as in the middle
        of an endless word, it ends elsewhere.
        """
        part, length = self._part(text, 0, _PART), _PART
        while not part.last:
            following = self._part(text, part.end, _PART)
            if part.around(part.end) == following.around(part.end):
                yield part
                part, length = following, _PART
            else:
                length *= 2
                part = self._part(text, part.start, length)
        yield part

    def _part(self, text: str, start: int, length: int) -> _Part:
        end = min(start + length, len(text))
        if end < len(text):
            end = max(end - length // 2, text.rfind(" ", start, end))
        passed = max(start - _CONTEXT, 0)
        encoding = self._encode_piece(text[passed : end + _CONTEXT])
        return _Part(encoding, passed, start, end, last=end == len(text))

    def _frame(self, *whole: str) -> tuple[list[_Token], int, list[_Token]]:
        """What comes before the last text of an item, the type of its tokens, what comes after."""
        encoded = [*map(self._encode_piece, whole), any_encoding(self._tokenizer)]
        example, offsets = self._framed(encoded)
        tokens = [
            _Token(*token) for token in zip(example.ids, example.type_ids, offsets, strict=True)
        ]
        places = [place for place, text in enumerate(example.sequence_ids) if text == len(whole)]
        return tokens[: places[0]], tokens[places[0]].type_id, tokens[places[-1] + 1 :]


def refuse_surrogates(item: Item, index: int) -> None:
    """Raises InputError if an item holds lone surrogates, which are no characters."""
    for text in _texts(item):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                "it holds a lone surrogate (half of a character), most often from bytes that are "
                "not UTF-8. Decode it with its real encoding.",
                index=index,
            ) from error


def _check_normalizer(settings: Any) -> None:
    """Raises ValueError where one makes a long text of a short one."""
    if isinstance(settings, dict):
        if settings.get("type") in ("Replace", "Prepend"):
            text = settings.get("content") or settings.get("prepend") or ""
            if len(text) > _LONGEST_REPLACEMENT:
                raise ValueError(f"it replaces a character by {len(text):,}")
        settings = list(settings.values())
    if isinstance(settings, list):
        for part in settings:
            _check_normalizer(part)


def _unknown_ids(tokenizer: tokenizers.Tokenizer) -> frozenset[int]:
    """The token of unknown words, and that of a mere space; none where bytes spell every word."""
    model = tokenizer.model
    token = tokenizer.token_to_id(getattr(model, "unk_token", None) or "")
    if token is None and isinstance(model, tokenizers.models.Unigram):
        # It names its own by number alone; to a vocabulary of bytes, the letter is several tokens.
        ids = tokenizer.encode(_IN_NO_SCRIPT, add_special_tokens=False).ids
        token = ids[-1] if len(ids) <= 2 else None
    if token is None:
        return frozenset()
    space = tokenizer.token_to_id(_SPACE)
    return frozenset({token} if space is None else {token, space})


def _texts(item: Item) -> tuple[str, ...]:
    return (item,) if isinstance(item, str) else item


def _chunks(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Items of so many characters that a call of the library, which can't be stopped, is short."""
    chunk: list[Item] = []
    characters = 0
    for item in items:
        chunk.append(item)
        characters += sum(map(len, _texts(item)))
        if characters >= _CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


@contextmanager
def _explained(items: Sequence[Item], first: int = 0) -> Iterator[None]:
    """Says what the library's errors about texts mean; ``first`` is the index of the first item."""
    try:
        yield
    except (InputError, BundleError):
        raise
    except BaseException as error:  # a panic is no narrower
        if isinstance(error, _ENDINGS):
            raise
        for index, item in enumerate(items, first):
            refuse_surrogates(item, index)
        if isinstance(error, TypeError):  # no text at all
            raise
        raise BundleError(
            f"The model's tokenizer.json fails on a text: {error}. Export the model again with a "
            "sound one."
        ) from error


def _shares(first: int, second: int, room: int) -> tuple[int, int]:
    """How many tokens each of two texts keeps; the longer gives up first."""
    if first + second <= room:
        return first, second
    half = room // 2
    if first <= half:
        return first, room - first
    if second <= half:
        return room - second, second
    return (half, room - half) if first <= second else (room - half, half)
