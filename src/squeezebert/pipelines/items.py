"""What all pipelines do with items: refuse bad ones, and pack their tokens into batches."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import cast

from squeezebert.errors import InputError
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Encoding, Item, refuse_surrogates

# Measured: beyond this the products gain nothing and their results outgrow the cache.
_TOKENS_PER_BATCH = 1024


def as_items(items: Iterable[object]) -> list[Item]:
    """The items as a list; a generator or an open file is read to its end.

    Raises:
        InputError: they are no list of items, or one is neither a text nor a pair of texts or
            holds lone surrogates; the error has its index.
    """
    if isinstance(items, str):
        raise InputError("Pass a list of texts, such as [text], not a single text.")
    # A table iterates over the names of its columns, as a mapping does over its keys.
    if isinstance(items, Mapping | Set | bytes | bytearray) or hasattr(items, "columns"):
        raise InputError(
            f"Pass a list of texts; what was passed is of type {type(items).__name__}."
        )
    try:
        listed = list(items)
    except TypeError as error:
        raise InputError(
            f"Pass a list of texts; what was passed is of type {type(items).__name__}."
        ) from error
    return [_checked(index, item) for index, item in enumerate(listed)]


def as_texts(items: Iterable[object], why: str) -> list[str]:
    """The items as a list of single texts.

    Args:
        why: pairs are not taken, as a message says it.

    Raises:
        InputError: as of `as_items`, or an item is a pair.
    """
    texts = []
    for index, item in enumerate(as_items(items)):
        if not isinstance(item, str):
            raise InputError(f"it is a pair; {why}.", index=index)
        texts.append(item)
    return texts


def check_sides(items: Sequence[Item]) -> None:
    """Raises InputError if a side of a pair is missing; it has the index."""
    for index, item in enumerate(items):
        if isinstance(item, tuple):
            for name, text in zip(("first", "second"), item, strict=True):
                if not text.strip():
                    raise InputError(f"the {name} text of the pair is empty.", index=index)


def at_place(error: InputError, places: Sequence[str]) -> InputError:
    """The error, with the place of the item that it is about, if it is about one."""
    return error if error.index is None else error.at(places[error.index])


def packed_batches(encodings: Sequence[Encoding]) -> Iterator[tuple[list[int], PackedBatch]]:
    """Indices and tokens of encodings of about equal lengths, a bounded number of tokens each."""
    batch: list[int] = []
    tokens = 0
    for index in sorted(range(len(encodings)), key=lambda index: len(encodings[index].ids)):
        length = len(encodings[index].ids)
        if batch and tokens + length > _TOKENS_PER_BATCH:
            yield batch, _packed(encodings, batch)
            batch, tokens = [], 0
        batch.append(index)
        tokens += length
    if batch:
        yield batch, _packed(encodings, batch)


def _packed(encodings: Sequence[Encoding], indices: Sequence[int]) -> PackedBatch:
    return PackedBatch.from_encodings(
        (encodings[index].ids, encodings[index].type_ids) for index in indices
    )


def _checked(index: int, item: object) -> Item:
    texts = item if isinstance(item, tuple) and len(item) == 2 else (item,)
    for text in texts:
        if not isinstance(text, str):
            raise InputError(
                f"it is of type {type(text).__name__}; each item must be a text or a pair "
                "(text, text).",
                index=index,
            )
    checked = cast(Item, item)
    refuse_surrogates(checked, index)
    return checked
