"""Tables in 4 bits."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squeezebert.bundle import BlockQuantised, Quantised, read_bundle
from squeezebert.bundle.checks import ManifestError
from squeezebert.bundle.quantise import quantise_blocks, quantise_rows, quantise_table
from squeezebert.bundle.tensors import Floats, as_floats
from squeezebert.errors import BundleError
from squeezebert.pipelines import load

WORD_TABLE = "embeddings.word_embeddings.weight"


def random_table(
    rows: int = 7, columns: int = 64
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(0, 0.05, (rows, columns)).astype(np.float32)


def test_a_block_is_its_nibbles_times_its_scale() -> None:
    nibbles = np.array([[0x10, 0x32], [0xFE, 0xDC]], np.uint8)  # low halves first
    table = BlockQuantised(nibbles, np.array([[0.5], [-1]], np.float16))
    assert table.shape == (2, 4)
    expected = [[-4.0, -3.0, -3.5, -2.5], [-6.0, -4.0, -7.0, -5.0]]
    np.testing.assert_array_equal(table.dequantise(), expected)
    np.testing.assert_array_equal(table.rows(np.array([1, 1])), [expected[1]] * 2)


def test_the_error_is_a_fraction_of_that_of_3_bits_and_more_than_that_of_8() -> None:
    table = random_table(100)
    error = np.square(quantise_blocks(table).dequantise() - table).sum() / np.square(table).sum()
    eight = np.square(quantise_rows(table).dequantise() - table).sum() / np.square(table).sum()
    assert eight < error < 0.008


@given(
    st.integers(1, 4), st.sampled_from([2, 8, 32]), st.sampled_from([1e-7, 1e-3, 1.0, 900.0]),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_no_value_is_off_by_more_than_a_step(
    blocks: int, block_size: int, spread: float, seed: int
) -> None:
    random = np.random.default_rng(seed).normal(0, spread, (3, blocks * block_size))
    table = random.astype(np.float32)
    table[0, :block_size] = 0
    quantised = quantise_blocks(table, block_size)
    steps = np.repeat(np.abs(quantised.scale.astype(np.float32)), block_size, axis=1)
    slack = float(np.finfo(np.float16).smallest_subnormal) * 8
    assert (np.abs(quantised.dequantise() - table) <= 2.5 * steps + slack).all()
    assert (quantised.dequantise()[0, :block_size] == 0).all()


@given(st.sampled_from([2, 8, 32]), st.sampled_from([1e-3, 1.0, 900.0]), st.integers(0, 2**32 - 1))
def test_what_was_in_4_bits_before_comes_out_as_it_was(
    block_size: int, spread: float, seed: int
) -> None:
    table = np.random.default_rng(seed).normal(0, spread, (20, 64)).astype(np.float32)
    once = quantise_blocks(table, block_size).dequantise()
    np.testing.assert_array_equal(quantise_blocks(once, block_size).dequantise(), once)


@pytest.mark.parametrize("columns", [64, 48, 10])
def test_a_table_stays_in_4_bits_and_gets_them_on_demand(columns: int) -> None:
    table = random_table(100, columns)
    eight, four = quantise_table(table), quantise_table(table, 4)
    assert isinstance(eight, Quantised)
    assert isinstance(four, BlockQuantised)
    again = quantise_table(four.dequantise())
    assert isinstance(again, BlockQuantised)
    np.testing.assert_array_equal(again.dequantise(), four.dequantise())
    assert isinstance(quantise_table(four.dequantise(), 8), Quantised)
    changed = four.dequantise()
    changed[-1, -1] += 0.001  # beyond the rows that are looked at first
    assert isinstance(quantise_table(changed), Quantised)


def test_a_table_of_an_odd_width_has_8_bits() -> None:
    assert isinstance(quantise_table(random_table(columns=7)), Quantised)
    with pytest.raises(ValueError, match="blocks of 1"):
        quantise_table(random_table(columns=7), 4)


@pytest.mark.parametrize(
    ("table", "block_size", "message"),
    [
        (random_table(columns=40), 32, "blocks of 32"),
        (random_table(columns=30), 15, "blocks of 15"),
        (np.full((1, 32), np.nan, np.float32), 32, "not finite"),
        (np.full((1, 32), 8001, np.float32), 32, "beyond 8,000"),
    ],
)
def test_what_can_not_be_quantised_is_refused(table: Floats, block_size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quantise_blocks(table, block_size)


@pytest.fixture
def small_table(tmp_path: Path, make_bundle: Callable[..., Path]) -> Path:
    """The tiny bundle with its word table in 4 bits, in blocks of 8."""
    tensors = dict(read_bundle(make_bundle(tmp_path / "eight")).tensors)
    tensors[WORD_TABLE] = quantise_blocks(as_floats(tensors[WORD_TABLE]), block_size=8)
    return make_bundle(tmp_path / "four", tensors=tensors)


def test_a_bundle_keeps_a_table_in_4_bits_and_answers_with_it(
    small_table: Path, tmp_path: Path, make_bundle: Callable[..., Path]
) -> None:
    bundle = read_bundle(small_table)
    scheme = bundle.manifest.tensors[WORD_TABLE]
    assert (scheme.scheme, scheme.block_size, scheme.shape) == ("int4_per_block", 8, (19, 16))
    table = bundle.tensors[WORD_TABLE]
    assert isinstance(table, BlockQuantised)
    floats = dict(bundle.tensors) | {WORD_TABLE: table.dequantise()}
    same = make_bundle(tmp_path / "float", tensors=floats)
    texts = ["a good film", "not a very bad plot"]
    for four, exact in zip(load(small_table)(texts), load(same)(texts), strict=True):
        assert four.scores == pytest.approx(exact.scores, abs=1e-6)


@pytest.mark.parametrize(
    ("nibbles", "scale", "message"),
    [
        (np.zeros((19, 8), np.int8), np.ones((19, 2), np.float16), "uint8"),
        (np.zeros((19, 8), np.uint8), np.full((19, 2), np.nan, np.float16), "scales"),
        (np.zeros((19, 8), np.uint8), np.full((19, 2), -2e3, np.float16), "scales"),
    ],
)
def test_a_damaged_table_is_refused(
    small_table: Path,
    tmp_path: Path,
    make_bundle: Callable[..., Path],
    nibbles: np.ndarray[tuple[int, int], np.dtype[np.uint8]],
    scale: np.ndarray[tuple[int, ...], np.dtype[np.float16]],
    message: str,
) -> None:
    tensors = dict(read_bundle(small_table).tensors)
    tensors[WORD_TABLE] = BlockQuantised(nibbles, scale)
    with pytest.raises(BundleError, match=message):
        make_bundle(tmp_path / "bad", tensors=tensors)


@pytest.mark.parametrize("block_size", [None, 7, 32])
def test_blocks_that_do_not_fit_are_refused(small_table: Path, block_size: int | None) -> None:
    scheme = read_bundle(small_table).manifest.tensors[WORD_TABLE]
    with pytest.raises(ManifestError, match="block_size"):
        replace(scheme, block_size=block_size)
