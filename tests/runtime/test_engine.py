"""Packing."""

import numpy as np

from squeezebert.runtime import PackedBatch


def test_sequences_lie_back_to_back() -> None:
    batch = PackedBatch.from_encodings([([5, 6, 7], [0, 0, 1]), ([8], [0])])
    assert batch.input_ids.tolist() == [5, 6, 7, 8]
    assert batch.token_type_ids.tolist() == [0, 0, 1, 0]
    assert batch.cu_seqlens.tolist() == [0, 3, 4]
    assert batch.lengths.tolist() == [3, 1]
    assert {batch.input_ids.dtype, batch.cu_seqlens.dtype} == {np.dtype(np.int32)}
