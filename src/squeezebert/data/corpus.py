"""Unlabelled text, tokenised once into memory-mapped shards of full, equally long sequences.

A sequence is ``[CLS] tokens [SEP]`` and holds ``length`` ids without padding: one shape keeps a
processor busy. Text runs on from one line to the next; a blank line, which ends an article, puts
a ``[SEP]`` between what it parts.
"""

import gzip
import hashlib
import io
import json
import lzma
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
from tokenizers import Tokenizer

from squeezebert.errors import DataError, MissingExtraError
from squeezebert.files import replacing_folder

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


class Corpus(Sequence[np.ndarray]):
    """Token sequences in memory-mapped shards.

    Args:
        folder: A folder that :func:`tokenise_corpus` wrote.

    Raises:
        DataError: The folder holds no complete corpus.
    """

    def __init__(self, folder: Path) -> None:
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
            self.shards = [np.load(folder / name, mmap_mode="r") for name in manifest["shards"]]
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{folder} holds no usable corpus ({error}). Remove it and tokenise again."
            ) from error
        self.tokens = sum(shard.size for shard in self.shards)
        self._starts = np.cumsum([0] + [len(shard) for shard in self.shards])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[override]  # no slices
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
        files: Plain text, one paragraph a line, blank lines between articles; also .xz, .gz, .zst.
        tokenizer: Has ``[CLS]`` and ``[SEP]``.
        length: Tokens in a sequence, both marks included.
        folder: Written whole or not at all.
        progress: Told how far the reading is.

    Raises:
        DataError: A file is missing, damaged, not UTF-8, or all together fill no sequence.
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
    sequences = _sequences(_lines(files, progress), tokenizer, info.length)
    names: list[str] = []
    while shard := list(islice(sequences, SEQUENCES_PER_SHARD)):
        names.append(f"shard-{len(names):05d}.npy")
        np.save(folder / names[-1], np.asarray(shard, dtype=dtype))
    if not names:
        raise DataError(
            f"{', '.join(map(str, files))}: too little text to fill one sequence of {info.length} "
            "tokens. Give more text or a smaller sequence length."
        )
    (folder / MANIFEST).write_text(
        json.dumps({"made_from": asdict(info), "shards": names}, indent=2) + "\n"
    )


def _sequences(lines: Iterator[str], tokenizer: Tokenizer, length: int) -> Iterator[list[int]]:
    """Fills sequences of ``length``; the last, unfilled one (under ``length`` tokens) is left."""
    start, end = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    if start is None or end is None:
        raise DataError("The tokenizer has no [CLS] or [SEP]; give a BERT tokenizer.")
    body = length - 2
    waiting: list[int] = []
    while batch := list(islice(lines, _LINES_AT_ONCE)):
        for line, encoding in zip(
            batch, tokenizer.encode_batch_fast(batch, add_special_tokens=False), strict=True
        ):
            waiting.extend(encoding.ids)
            if not line and waiting and waiting[-1] != end:
                waiting.append(end)
        filled = len(waiting) // body * body
        for first in range(0, filled, body):
            yield [start, *waiting[first : first + body], end]
        del waiting[:filled]


def _lines(files: Sequence[Path], progress: Progress | None) -> Iterator[str]:
    total = sum(file.stat().st_size for file in files)
    done = 0
    for file in files:
        with file.open("rb") as raw, _decompressed(raw, file.suffix) as text:
            number = 0
            try:
                for number, line in enumerate(text, start=1):
                    yield line.decode("utf-8").strip()
                    if progress and number % 1000 == 0:
                        progress(done + raw.tell(), total)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{file}, line {number}: not UTF-8 ({error.reason}). Convert the file to UTF-8."
                ) from error
            except (OSError, EOFError, lzma.LZMAError) as error:
                raise DataError(f"{file}: damaged after line {number} ({error}).") from error
        yield ""
        done += file.stat().st_size
    if progress:
        progress(total, total)


def _decompressed(raw: IO[bytes], suffix: str) -> IO[bytes]:
    if suffix == ".xz":
        return lzma.open(raw)
    if suffix == ".gz":
        return gzip.open(raw)  # type: ignore[return-value]  # a GzipFile reads like IO[bytes]
    if suffix == ".zst":
        try:
            import zstandard
        except ModuleNotFoundError as error:
            raise MissingExtraError("Reading .zst text", "train", "zstandard") from error
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw))
    return raw
