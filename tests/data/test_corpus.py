import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard
from tests.teachers import byte_level_tokenizer, unigram_tokenizer
from tokenizers import Tokenizer, processors

from squeezebert.data.corpus import SEQUENCES_PER_SHARD, Corpus, tokenise_corpus
from squeezebert.errors import DataError

TEXT = "a good film .\nthe plot was very bad !\n\n" * 20
CLS, SEP = 2, 3


@pytest.fixture
def tokenizer(tokenizer_json: bytes) -> Tokenizer:
    return Tokenizer.from_str(tokenizer_json.decode())


def write(path: Path, data: bytes) -> Path:
    packers: dict[str, Callable[[bytes], bytes]] = {
        ".xz": lzma.compress,
        ".gz": gzip.compress,
        ".zst": zstandard.compress,
    }
    path.write_bytes(packers.get(path.suffix, bytes)(data))
    return path


def test_sequences_are_full_and_hold_the_text_in_order(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    text = write(tmp_path / "text.txt", TEXT.encode())
    corpus = tokenise_corpus([text], tokenizer, 8, tmp_path / "corpus")
    expected = []
    for article in TEXT.strip().split("\n\n"):
        for line in article.splitlines():
            expected += tokenizer.encode(line, add_special_tokens=False).ids
        expected.append(SEP)
    rows = np.stack([corpus[i] for i in range(len(corpus))])
    assert (rows[:, 0] == CLS).all()
    assert (rows[:, -1] == SEP).all()
    assert rows[:, 1:-1].ravel().tolist() == expected[: len(rows) * 6]
    assert len(expected) - len(rows) * 6 < 6
    assert corpus.tokens == rows.size


def test_sequences_have_the_frame_of_any_tokenizer(tmp_path: Path) -> None:
    text = write(tmp_path / "text.txt", TEXT.encode())
    unigram, byte_level = unigram_tokenizer(), byte_level_tokenizer()
    corpus = tokenise_corpus([text], unigram, 8, tmp_path / "unigram")
    rows = np.stack([corpus[i] for i in range(len(corpus))])
    assert (rows[:, 0] == 0).all()
    assert (rows[:, -1] == 2).all()
    assert (rows[:, 1:-1] == 2).sum() == 20  # after each article

    byte_level.post_processor = processors.ByteLevel()  # no special tokens, as in GPT-2
    corpus = tokenise_corpus([text], byte_level, 8, tmp_path / "byte-level")
    rows = np.stack([corpus[i] for i in range(len(corpus))])
    whole = TEXT.replace("\n", "")
    assert whole.startswith(byte_level.decode(rows.ravel().tolist()))
    assert rows.size > len(whole) / 10


@pytest.mark.parametrize("suffix", [".txt", ".xz", ".gz", ".zst"])
def test_compressed_text_reads_like_plain(
    tmp_path: Path, tokenizer: Tokenizer, suffix: str
) -> None:
    plain = tokenise_corpus(
        [write(tmp_path / "plain.txt", TEXT.encode())], tokenizer, 8, tmp_path / "a"
    )
    packed = tokenise_corpus(
        [write(tmp_path / f"packed{suffix}", TEXT.encode())], tokenizer, 8, tmp_path / "b"
    )
    assert [row.tolist() for row in map(plain.__getitem__, range(len(plain)))] == [
        row.tolist() for row in map(packed.__getitem__, range(len(packed)))
    ]


def test_a_corpus_is_reused_only_for_the_same_text(tmp_path: Path, tokenizer: Tokenizer) -> None:
    text = write(tmp_path / "text.txt", TEXT.encode())
    tokenise_corpus([text], tokenizer, 8, tmp_path / "corpus")
    shard = tmp_path / "corpus" / "shard-00000.npy"
    before = shard.stat().st_ino
    tokenise_corpus([text], tokenizer, 8, tmp_path / "corpus")
    assert shard.stat().st_ino == before
    write(text, TEXT.encode() * 2)
    longer = tokenise_corpus([text], tokenizer, 8, tmp_path / "corpus")
    assert shard.stat().st_ino != before
    assert len(longer) > 20


def test_sequences_run_on_over_shards(
    tmp_path: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = write(tmp_path / "text.txt", TEXT.encode())
    whole = tokenise_corpus([text], tokenizer, 8, tmp_path / "whole")
    assert len(whole) < SEQUENCES_PER_SHARD
    monkeypatch.setattr("squeezebert.data.corpus.SEQUENCES_PER_SHARD", 7)
    sharded = tokenise_corpus([text], tokenizer, 8, tmp_path / "sharded")
    assert len(sharded.shards) > 1
    assert len(sharded) == len(whole)
    assert all((sharded[i] == whole[i]).all() for i in range(len(whole)))
    with pytest.raises(IndexError):
        sharded[len(sharded)]


def test_bad_text_is_named(tmp_path: Path, tokenizer: Tokenizer) -> None:
    corpus = tmp_path / "corpus"
    with pytest.raises(DataError, match="no such text file"):
        tokenise_corpus([tmp_path / "absent.txt"], tokenizer, 8, corpus)
    russian = write(tmp_path / "russian.txt", b"a film\n" + bytes(range(0xE0, 0xE8)))
    with pytest.raises(DataError, match=r"russian\.txt, line 2: byte 0xe0 is not UTF-8"):
        tokenise_corpus([russian], tokenizer, 8, corpus)
    with pytest.raises(DataError, match="too little text"):
        tokenise_corpus([write(tmp_path / "short.txt", b"a film")], tokenizer, 8, corpus)
    cut = write(tmp_path / "cut.xz", TEXT.encode())
    cut.write_bytes(cut.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"cut\.xz: damaged"):
        tokenise_corpus([cut], tokenizer, 8, corpus)
    assert not corpus.exists()


def test_how_the_text_was_read_is_kept_with_it(tmp_path: Path, tokenizer: Tokenizer) -> None:
    text = write(tmp_path / "text.txt", (TEXT + "caf\u00e9\n").encode("cp1252"))
    for _ in ("made", "reused"):
        corpus = tokenise_corpus([text], tokenizer, 8, tmp_path / "corpus")
        assert len(corpus.notes) == 1
        assert "read as Windows-1252" in corpus.notes[0]


def test_a_damaged_corpus_is_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    text = write(tmp_path / "text.txt", TEXT.encode())
    tokenise_corpus([text], tokenizer, 8, tmp_path / "corpus")
    (tmp_path / "corpus" / "shard-00000.npy").unlink()
    with pytest.raises(DataError, match="no usable corpus"):
        Corpus(tmp_path / "corpus")
