"""Texts and pairs, as they are given to a tokenizer, and what can be wrong with them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from squeezebert.errors import BundleError, InputError

Item = str | tuple[str, str]

HIDDEN = "[MASK]"
"""How a text hides a word from a model that is to guess it, whatever its tokenizer has for that."""

HIDDEN_MARKS = (HIDDEN, "<mask>")
"""All ways in which a text may hide a word, beside the tokenizer's own."""

CHARACTERS = 1 << 19
"""Of texts that are encoded together."""

ENDINGS = KeyboardInterrupt, SystemExit, GeneratorExit
"""Exceptions that are not the library's; its panics are no narrower than ``BaseException``."""


def texts_of(item: Item) -> tuple[str, ...]:
    """The text of an item, or both texts of a pair."""
    return (item,) if isinstance(item, str) else item


def chunks(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Items of so many characters that a call of the library, which can't be stopped, is short."""
    chunk: list[Item] = []
    characters = 0
    for item in items:
        chunk.append(item)
        characters += sum(map(len, texts_of(item)))
        if characters >= CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def refuse_surrogates(item: Item, index: int) -> None:
    """Raises InputError if an item holds lone surrogates, which are no characters."""
    for text in texts_of(item):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                "it holds a lone surrogate (half of a character), most often from bytes that are "
                "not UTF-8. Decode it with its real encoding.",
                index=index,
            ) from error


@contextmanager
def explained(items: Sequence[Item], first: int = 0) -> Iterator[None]:
    """Says what the library's errors about texts mean; ``first`` is the index of the first item."""
    try:
        yield
    except (InputError, BundleError):
        raise
    except BaseException as error:  # a panic is no narrower
        if isinstance(error, ENDINGS):
            raise
        for index, item in enumerate(items, first):
            refuse_surrogates(item, index)
        if isinstance(error, TypeError):  # no text at all
            raise
        raise BundleError(
            f"The model's tokenizer.json fails on a text: {error}. Export the model again with a "
            "sound one."
        ) from error
