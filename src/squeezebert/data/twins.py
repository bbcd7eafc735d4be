"""Texts that are the same but for case, spaces, punctuation and digits."""

import re
from array import array
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from squeezebert.tokenizer import Item
from squeezebert.tokens.items import texts_of

Places = npt.NDArray[np.int64]

_NO_LETTERS = re.compile(r"[\W\d_]+")


def first_twins(items: Iterable[Item]) -> Places:
    """Of each item, the place of the first like it, from 0: its own, where none came before.

    A model that learnt from one of two such texts knows the other. Texts without a letter are alike
    only where they are the same. Of each item 8 bytes are in memory.

    Args:
        items: texts or pairs.
    """
    keys = np.array(array("q", map(_key, items)), np.int64)
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return np.asarray(first[group], np.int64)


def among(twins: Places, some: Places) -> Places:
    """The same for some of the items, counted anew.

    Args:
        twins: of each item, the place of the first like it.
        some: places of items, sorted.
    """
    _, first, group = np.unique(twins[some], return_index=True, return_inverse=True)
    return np.asarray(first[group], np.int64)


def _key(item: Item) -> int:
    texts = texts_of(item)
    return hash(tuple(_NO_LETTERS.sub(" ", text.casefold()).strip() or text for text in texts))
