"""Texts, tagged words, questions and running text as the arrays of `rows`."""

import csv
import lzma
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from benchmarks.gpu.store import Array, Arrays

from squeezebert.bundle import Task
from squeezebert.data.corpus import tokenise_corpus
from squeezebert.data.tasks.entities import read_entities
from squeezebert.data.tasks.question_answering import read_questions
from squeezebert.finetune.encoding import encode
from squeezebert.finetune.tasks import TASKS
from squeezebert.model.heads import IGNORED
from squeezebert.tokenizer import Item, Tokenizer

IDS = np.uint16  # no vocabulary here has more pieces
LENGTH = 128
"""Of sequences of running text."""


def rows_of(path: Path, header: bool = True) -> list[list[str]]:
    """The rows of a file of values with tabs between, packed or not, without its header."""
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[int(header) :]


def texts(tokenizer: Tokenizer, items: Sequence[Item], longest: int) -> Arrays:
    """Texts or pairs, the longer ones cut."""
    encodings = list(encode(tokenizer, items, longest))
    return _arrays([e.ids for e in encodings], [e.type_ids for e in encodings])


def tagged(tokenizer: Tokenizer, path: Path, tags: Sequence[str], longest: int) -> Arrays:
    """A file of tagged words, read as `squeezebert train` reads it, long texts in windows.

    Args:
        tags: In the order that they are numbered in here.
    """
    # Given as its own dev data, so that nothing is held out.
    task: Any = TASKS[Task.ENTITIES](read_entities(path), read_entities(path), _HOLD_OUT, None)
    examples = task.encode(tokenizer, longest)
    number = np.array([tags.index(tag) for tag in task.tags])
    own = examples.labels.numpy()
    tag = np.where(own == IGNORED, IGNORED, number[np.maximum(own, 0)]).astype(np.int8)
    return {**_of_examples(examples), "tag": tag}


def questions(tokenizer: Tokenizer, path: Path, longest: int) -> Arrays:
    """A file in SQuAD's format in windows, with the places of the answers."""
    task: Any = TASKS[Task.QUESTION_ANSWERING](
        read_questions(path), read_questions(path), _HOLD_OUT, None
    )
    examples = task.encode(tokenizer, longest)
    ends = [
        [int(examples[row][name]) for row in range(len(examples))]
        for name in ("start_positions", "end_positions")
    ]
    return {**_of_examples(examples), "span": np.array(ends, np.int16).T.copy()}


def sequences(tokenizer: Path, files: Iterable[Path], folder: Path) -> Array:
    """Running text in sequences of `LENGTH` tokens, [sequences, length].

    Args:
        tokenizer: Its tokenizer.json.
        folder: For the tokens on the way.
    """
    loaded = tokenizers.Tokenizer.from_file(str(tokenizer))
    loaded.no_padding()
    loaded.no_truncation()
    corpus = tokenise_corpus(list(files), loaded, LENGTH, folder)
    return np.concatenate([np.asarray(shard) for shard in corpus.shards]).astype(IDS)


def pieces(tokenizer: Path) -> Arrays:
    """What `augment.vocabulary` wants to know of a WordPiece tokenizer."""
    loaded = tokenizers.Tokenizer.from_file(str(tokenizer))
    by_id = {number: piece for piece, number in loaded.get_vocab().items()}
    names = [by_id[number] for number in range(len(by_id))]
    special, closing = (
        np.array([number for number, piece in enumerate(names) if piece in these])
        for these in (("[PAD]", "[CLS]", "[SEP]"), (".", "?"))
    )
    return {
        "word": np.array([piece.isalpha() and len(piece) > 1 for piece in names]),
        "continues": np.array([piece.startswith("##") for piece in names]),
        "special": special,
        "closing": closing,
    }


def _nothing_held_out(*_: object) -> Any:
    raise AssertionError("dev data are given")


_HOLD_OUT: Any = _nothing_held_out


def _of_examples(examples: Any) -> Arrays:
    found = [examples[row] for row in range(len(examples))]
    return _arrays(
        [example["input_ids"] for example in found],
        [example["token_type_ids"] for example in found],
    )


def _arrays(ids: Sequence[Any], types: Sequence[Any]) -> Arrays:
    second = [int(np.argmax(kinds)) if np.any(kinds) else 0 for kinds in types]
    return {
        "ids": np.concatenate([np.asarray(text, IDS) for text in ids]),
        "lengths": np.array([len(text) for text in ids], np.uint16),
        "second": np.array(second, np.uint16),
    }
