from pathlib import Path

import numpy as np
import pytest

from squeezebert.bench.texts import known_texts, texts_in
from squeezebert.bench.workload import Shape, as_they_come, packed, padded, sorted_by_length
from squeezebert.errors import DataError, InputError


def test_shapes_are_read_and_written() -> None:
    shape = Shape.parse("8x128")
    assert (shape.batch, shape.length, str(shape)) == (8, 128, "8x128")
    assert Shape.parse("2x3").workload == [[3, 3]]


@pytest.mark.parametrize("text", ["8", "0x8", "8x0", "8x513", "8 x 8", "-1x8", ""])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no shape of a batch"):
        Shape.parse(text)


def test_batches_as_they_come_and_sorted() -> None:
    assert as_they_come([5, 1, 4, 2, 3], 2) == [[5, 1], [4, 2], [3]]
    assert sorted_by_length([5, 1, 4, 2, 3], 2) == [[1, 2], [3, 4], [5]]


def test_packed_and_padded_inputs_have_the_lengths_asked_for() -> None:
    workload = [[3, 1], [4]]
    assert [batch.lengths.tolist() for batch in packed(workload, 9)] == workload
    for (ids, mask), lengths in zip(padded(workload, 9), workload, strict=True):
        assert ids.shape == mask.shape == (len(lengths), max(lengths))
        assert mask.sum(axis=1).tolist() == lengths
        assert not ids[mask == 0].any()
        assert ids.max() < 9


def test_known_texts_have_the_lengths_of_their_data_set() -> None:
    whole = known_texts(10_000).lengths
    assert {name: len(lengths) for name, lengths in whole.items()} == {
        "sst2": 872,
        "clinc150": 3000,
    }
    assert np.mean(whole["sst2"]) == pytest.approx(25.16, abs=0.01)
    assert np.mean(whole["clinc150"]) == pytest.approx(10.97, abs=0.01)
    few = known_texts(40).lengths["sst2"]
    assert few == whole["sst2"][:40]
    assert few != sorted(few)


def test_lengths_of_a_file_count_tokens(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("a good film\nunbelievably\n")
    texts = texts_in([file])
    assert list(texts.lengths) == ["texts"]
    assert texts.lengths["texts"][0] == 5
    assert len(texts.lengths["texts"]) == 2
    assert texts.left_out == ()


def test_what_is_cut_of_a_file_is_said(tmp_path: Path) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("a film\n" * 1000)
    assert len(texts_in([file]).lengths["texts"]) == 1000
    cut = texts_in([file], 32)
    assert len(cut.lengths["texts"]) == 32
    assert cut.left_out == (f"{file}: all but the first 32 of 1,000 texts",)


def test_files_of_one_name_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / "one.txt", tmp_path / "one.csv"]
    for file in files:
        file.write_text("a film\n")
    with pytest.raises(InputError, match=r"one\.txt and .*one\.csv would both be called 'one'"):
        texts_in(files)


def test_a_file_without_texts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    with pytest.raises(DataError, match="holds no text"):
        texts_in([tmp_path / "empty.txt"])
    with pytest.raises(DataError, match="can't be read"):
        texts_in([tmp_path / "gone.txt"])
