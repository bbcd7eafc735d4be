"""Unlabelled text, tokenised once into memory-mapped shards of full, equally long sequences.

A sequence is the tokens of a text between the tokenizer's special ones (``[CLS]`` and ``[SEP]``,
``<s>`` and ``</s>``, or none), ``length`` ids without padding: one shape keeps a processor busy.
Text runs on from one line to the next; a blank line, which ends an article, puts the special token
that ends a text between what it parts.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from squeezebert.data.formats.decoding import Text
from squeezebert.errors import DataError
from squeezebert.files import replacing_folder
from squeezebert.vocabulary import frame

MANIFEST = "corpus.json"
SEQUENCES_PER_SHARD = 1 << 16
_LINES_AT_ONCE = 512

Progress = Callable[[int, int], None]
"""Called with bytes of the source files read so far and in all."""


@dataclass(frozen=True)
class CorpusInfo:
    """What a corpus was made from; equal infos mean equal shards."""

    tokenizer_sha256: str
    sources: tuple[tuple[str, int], ...]
    """Name and size in bytes of each text file, in order."""
    length: int


class Corpus:
    """Token sequences in memory-mapped shards.

    Args:
        folder: A folder that :func:`tokenise_corpus` wrote.

    Attributes:
        tokens: How many there are.
        notes: What to tell the user about how the text was read.

    Raises:
        DataError: The folder holds no complete corpus.
    """

    def __init__(self, folder: Path) -> None:
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
            self.notes: list[str] = manifest.get("notes", [])
            self.shards = [np.load(folder / name, mmap_mode="r") for name in manifest["shards"]]
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{folder} holds no usable corpus ({error}). Remove it and tokenise again."
            ) from error
        self.tokens = sum(shard.size for shard in self.shards)
        self._starts = np.cumsum([0] + [len(shard) for shard in self.shards])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> np.ndarray:
        """Ids of one sequence, uint16 or uint32 [length]."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        return np.asarray(self.shards[shard][index - self._starts[shard]])


def tokenise_corpus(
    files: Sequence[Path],
    tokenizer: Tokenizer,
    length: int,
    folder: Path,
    progress: Progress | None = None,
) -> Corpus:
    """Tokenises text files into ``folder``, or reuses it when it was made from the same things.

    Args:
        files: Plain text, one paragraph a line, blank lines between articles; packed or not, see
            `Text`.
        tokenizer: Of any kind.
        length: Tokens in a sequence, special ones included.
        folder: Written whole or not at all.
        progress: Told how far the reading is.

    Raises:
        DataError: A file is missing, damaged or no text, or all together fill no sequence.
    """
    for file in files:
        if not file.is_file():
            raise DataError(f"{file}: no such text file.")
    info = CorpusInfo(
        tokenizer_sha256=hashlib.sha256(tokenizer.to_str().encode()).hexdigest(),
        sources=tuple((file.name, file.stat().st_size) for file in files),
        length=length,
    )
    if not _is_made_from(folder, info):
        with replacing_folder(folder, marker=MANIFEST) as aside:
            _write(aside, files, tokenizer, info, progress)
    return Corpus(folder)


def _is_made_from(folder: Path, info: CorpusInfo) -> bool:
    try:
        made_from = json.loads((folder / MANIFEST).read_text())["made_from"]
    except (OSError, ValueError, KeyError):
        return False
    return bool(made_from == json.loads(json.dumps(asdict(info))))


def _write(
    folder: Path,
    files: Sequence[Path],
    tokenizer: Tokenizer,
    info: CorpusInfo,
    progress: Progress | None,
) -> None:
    dtype = np.uint16 if tokenizer.get_vocab_size() <= 1 << 16 else np.uint32
    texts = [Text.of_file(file) for file in files]
    sizes = [size for _, size in info.sources]
    sequences = _sequences(_lines(texts, sizes, progress), tokenizer, info.length)
    names: list[str] = []
    while shard := list(islice(sequences, SEQUENCES_PER_SHARD)):
        names.append(f"shard-{len(names):05d}.npy")
        np.save(folder / names[-1], np.asarray(shard, dtype=dtype))
    if not names:
        raise DataError(
            f"{', '.join(map(str, files))}: too little text to fill one sequence of {info.length} "
            "tokens. Give more text or a smaller sequence length."
        )
    notes = [note for text in texts for note in text.notes]
    (folder / MANIFEST).write_text(
        json.dumps({"made_from": asdict(info), "shards": names, "notes": notes}, indent=2) + "\n"
    )


def _sequences(lines: Iterator[str], tokenizer: Tokenizer, length: int) -> Iterator[list[int]]:
    """Fills sequences of ``length``; the last, unfilled one (under ``length`` tokens) is left."""
    before, after = frame(tokenizer)
    between = after[:1]
    body = length - len(before) - len(after)
    waiting: list[int] = []
    while batch := list(islice(lines, _LINES_AT_ONCE)):
        for line, encoding in zip(
            batch, tokenizer.encode_batch_fast(batch, add_special_tokens=False), strict=True
        ):
            waiting.extend(encoding.ids)
            if not line and waiting and waiting[-1:] != between:
                waiting += between
        filled = len(waiting) // body * body
        for first in range(0, filled, body):
            yield [*before, *waiting[first : first + body], *after]
        del waiting[:filled]


def _lines(texts: Sequence[Text], sizes: Sequence[int], progress: Progress | None) -> Iterator[str]:
    """The lines of all texts, a blank one after each."""
    done, total = 0, sum(sizes)

    def advance(read: int) -> None:
        if progress:
            progress(done + read, total)

    for text, size in zip(texts, sizes, strict=True):
        for _, line in text.lines(advance):
            yield line.strip()
        yield ""
        done += size
    advance(0)
