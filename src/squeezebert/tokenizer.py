"""Text to token ids, through `tokenizers`; says what it truncates."""

import json
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

import tokenizers

from squeezebert.errors import BundleError, InputError
from squeezebert.shutdown import extension_call
from squeezebert.tokens import parts
from squeezebert.tokens.encoding import Encoding, Window, shares
from squeezebert.tokens.items import ENDINGS, Item, chunks, explained, refuse_surrogates, texts_of
from squeezebert.tokens.trial import check_normalizer, unknown_ids
from squeezebert.vocabulary import any_encoding

__all__ = ["Encoding", "Item", "Tokenizer", "Window", "refuse_surrogates"]

_Text = tuple[tokenizers.Encoding, int]  # the tokens, or enough of them, and how many there are

_EXAMPLE = "A word, Wörter 漢字 \U0010fffd 12"  # known and unknown words


class _Token(NamedTuple):
    id: int
    type_id: int
    offset: tuple[int, int]


class Spelling(NamedTuple):
    """How a word is spelt.

    Attributes:
        pieces: how many pieces it has.
        unknown: how many of its letters are in no piece.
    """

    pieces: int
    unknown: int


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
        self._unknown = unknown_ids(tokenizer)

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
            if isinstance(error, ENDINGS):
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

    def word(self, token_id: int) -> str:
        """A token as a text would have it, without a space that belongs to it.

        A piece that is no text alone, such as a part of a character, is as `token` gives it.
        """
        text = str(self._tokenizer.decode([token_id], skip_special_tokens=False)).strip()
        return self.token(token_id) if not text or "\ufffd" in text else text

    def special_tokens(self, pair: bool) -> int:
        """How many special tokens a text gets, or a pair of texts."""
        return self._tokenizer.num_special_tokens_to_add(pair)

    def count(self, text: str) -> int:
        """How many tokens a text of any length has, without special tokens."""
        return sum(map(len, parts.parts_of(text, self._encode_piece)))

    def spelling(self, words: Sequence[str]) -> list[Spelling]:
        """How each word is spelt, alone."""
        with extension_call:
            encodings = self._tokenizer.encode_batch(words, add_special_tokens=False)
        return [
            Spelling(
                len(encoding.ids),
                sum(
                    end - start
                    for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
                    if token in self._unknown
                ),
            )
            for encoding in encodings
        ]

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
        with explained(items):
            for chunk in chunks(items):
                texts = [text for item in chunk for text in texts_of(item)]
                encoded = iter(self._encode_texts(texts, max_length))
                encodings += (
                    self._encoding([next(encoded) for _ in texts_of(item)], max_length)
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
        short = [text for text in texts if len(text) <= parts.PART]
        with extension_call:
            encoded = iter(self._tokenizer.encode_batch(short, add_special_tokens=False))
        results = []
        for text in texts:
            if len(text) > parts.PART:
                results.append(self._encode_long(text, max_length))
            else:
                tokens = next(encoded)
                results.append((tokens, len(tokens)))
        return results

    def _encode_long(self, text: str, max_length: int) -> _Text:
        rest = parts.parts_of(text, self._encode_piece)
        beginning = next(rest)
        own = beginning.own.stop
        unread = self._is_blank(beginning.encoding.ids[:own])
        if own < max_length or unread:  # almost all of it spaces, or it begins in another script
            whole = self._encode_piece(text)
            return whole, len(whole)
        beginning.encoding.truncate(own)
        return beginning.encoding, own + sum(map(len, rest))

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
        kept = [room] if len(texts) == 1 else shares(lengths[0], lengths[1], room)
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
            check_normalizer(json.loads(self._tokenizer.normalizer.__getstate__()))
        items: tuple[Item, ...] = ("", _EXAMPLE, (_EXAMPLE, _EXAMPLE))
        for item in items:
            room = self.special_tokens(pair=isinstance(item, tuple)) + 2
            [encoding] = self.encode_batch([item], room)
            if not 0 < len(encoding.ids) <= room:
                raise ValueError(f"it makes {len(encoding.ids)} tokens of a text, not 1 to {room}")
            most = 2 * len(_EXAMPLE.encode())  # a space before it is another
            [windows] = self.windows([item], room + 2 * most, overlap=1)
            if len(windows) > 1:
                raise ValueError("it makes more tokens of a text than that has bytes")

    def _is_blank(self, ids: Sequence[int]) -> bool:
        return all(token in self._unknown for token in ids)

    def _windows(self, index: int, item: Item, max_length: int, overlap: int) -> list[Window]:
        *whole, text = (item,) if isinstance(item, str) else item
        with explained([item], index):
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
            for part in parts.parts_of(text, self._encode_piece)
            for token, (start, end) in zip(
                part.encoding.ids[part.own], part.encoding.offsets[part.own], strict=True
            )
        ]

    def _frame(self, *whole: str) -> tuple[list[_Token], int, list[_Token]]:
        """What comes before the last text of an item, the type of its tokens, what comes after."""
        encoded = [*map(self._encode_piece, whole), any_encoding(self._tokenizer)]
        example, offsets = self._framed(encoded)
        tokens = [
            _Token(*token) for token in zip(example.ids, example.type_ids, offsets, strict=True)
        ]
        places = [place for place, text in enumerate(example.sequence_ids) if text == len(whole)]
        return tokens[: places[0]], tokens[places[0]].type_id, tokens[places[-1] + 1 :]
