"""Packing."""

import numpy as np
import pytest

from squeezebert.bundle import Architecture
from squeezebert.errors import InputError
from squeezebert.runtime import PackedBatch
from squeezebert.runtime.engine import check_batch


def test_sequences_lie_back_to_back() -> None:
    batch = PackedBatch.from_encodings([([5, 6, 7], [0, 0, 1]), ([8], [0])])
    assert batch.input_ids.tolist() == [5, 6, 7, 8]
    assert batch.token_type_ids.tolist() == [0, 0, 1, 0]
    assert batch.cu_seqlens.tolist() == [0, 3, 4]
    assert batch.lengths.tolist() == [3, 1]
    assert {batch.input_ids.dtype, batch.cu_seqlens.dtype} == {np.dtype(np.int32)}


@pytest.mark.parametrize(
    ("type_ids", "cu_seqlens"),
    [
        ([0, 0, 0], []),
        ([0, 0, 0], [0, 4]),
        ([0, 0, 0], [0, 2]),
        ([0, 0, 0], [-1, 3]),
        ([0, 0], [0, 3]),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(
    tiny_architecture: Architecture, type_ids: list[int], cu_seqlens: list[int]
) -> None:
    batch = PackedBatch(
        *(np.array(numbers, np.int32) for numbers in ([1, 2, 3], type_ids, cu_seqlens))
    )
    with pytest.raises(InputError, match="0 to the number of tokens"):
        check_batch(batch, tiny_architecture)
