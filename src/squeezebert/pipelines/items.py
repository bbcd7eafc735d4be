"""What all pipelines do with items: refuse bad ones, and pack their tokens into batches."""

from collections.abc import Iterator, Sequence

from squeezebert.errors import InputError
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Encoding, Item, refuse_surrogates

# Measured: beyond this the products gain nothing and their results outgrow the cache.
_TOKENS_PER_BATCH = 1024


def check_items(items: Sequence[object]) -> None:
    """Raises InputError unless every item is a text or a pair of texts; names the index."""
    if isinstance(items, str):
        raise InputError("Pass a list of texts, such as [text], not a single text.")
    for index, item in enumerate(items):
        _check(index, item)


def check_sides(items: Sequence[Item]) -> None:
    """Raises InputError if a side of a pair is missing; names the index."""
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


def _check(index: int, item: object) -> None:
    texts = item if isinstance(item, tuple) and len(item) == 2 else (item,)
    for text in texts:
        if not isinstance(text, str):
            raise InputError(
                f"it is a {type(text).__name__}; each item must be a text or a pair (text, text).",
                index=index,
            )
        refuse_surrogates(text, index)
