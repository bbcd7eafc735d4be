"""What is encoded once is not encoded again, and is the same to the bit."""

import numpy as np
import pytest

from squeezebert.bundle import find_bundle, read_bundle
from squeezebert.bundle.tensors import Floats
from squeezebert.runtime import Engine, PackedBatch, remembering
from squeezebert.runtime.remembering import RememberingEngine
from squeezebert.runtime.sharing import shared_engine


class Counting:
    """An engine that counts the tokens that it encodes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.hidden_size = engine.hidden_size
        self.tokens = 0

    def encode(self, batch: PackedBatch) -> Floats:
        self.tokens += len(batch.input_ids)
        return self.engine.encode(batch)


@pytest.fixture(scope="module")
def real() -> Engine:
    return shared_engine(read_bundle(find_bundle("sentiment")), 1)


def batch(*sequences: list[int]) -> PackedBatch:
    return PackedBatch.from_encodings((ids, [0] * len(ids)) for ids in sequences)


ONE, TWO, THREE = [101, 2023, 102], [101, 3185, 2003, 102], [101, 2204, 102]


def test_a_sequence_is_encoded_once_and_the_rest_of_its_batch_with_it(real: Engine) -> None:
    counting = Counting(real)
    engine = RememberingEngine(counting)
    with engine.remember():
        np.testing.assert_array_equal(engine.encode(batch(ONE, TWO)), real.encode(batch(ONE, TWO)))
        assert counting.tokens == 7
        mixed = batch(TWO, THREE, ONE)
        np.testing.assert_array_equal(engine.encode(mixed), real.encode(mixed))
        assert counting.tokens == 10, "THREE alone is new"
        np.testing.assert_array_equal(engine.encode(mixed), real.encode(mixed))
        assert counting.tokens == 10


def test_the_same_words_as_a_second_text_are_another_sequence(real: Engine) -> None:
    counting = Counting(real)
    engine = RememberingEngine(counting)
    second = PackedBatch.from_encodings([(TWO, [0, 1, 1, 1])])
    with engine.remember():
        engine.encode(batch(TWO))
        np.testing.assert_array_equal(engine.encode(second), real.encode(second))
    assert counting.tokens == 8


def test_nothing_is_remembered_outside_the_block_or_after_it(real: Engine) -> None:
    counting = Counting(real)
    engine = RememberingEngine(counting)
    for _ in range(2):
        engine.encode(batch(ONE))
        with engine.remember():
            engine.encode(batch(ONE))
    assert counting.tokens == 4 * len(ONE)


def test_what_exceeds_the_memory_is_encoded_again(
    real: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembering, "_TOKENS", 5)
    counting = Counting(real)
    engine = RememberingEngine(counting)
    with engine.remember():
        engine.encode(batch(ONE, TWO))
        np.testing.assert_array_equal(engine.encode(batch(TWO, ONE)), real.encode(batch(TWO, ONE)))
    assert counting.tokens == 7 + 4


def test_threads_do_not_see_each_others_memory(real: Engine) -> None:
    from threading import Thread

    counting = Counting(real)
    engine = RememberingEngine(counting)
    with engine.remember():
        engine.encode(batch(ONE))
        other = Thread(target=engine.encode, args=(batch(ONE),))
        other.start()
        other.join()
    assert counting.tokens == 2 * len(ONE)


def test_greenlets_do_not_see_each_others_memory(real: Engine) -> None:
    """As the server runs requests: one begins to remember while another does."""
    from greenlet import getcurrent, greenlet

    counting = Counting(real)
    engine = RememberingEngine(counting)

    def work() -> None:
        with engine.remember():
            for _ in range(2):
                np.testing.assert_array_equal(engine.encode(batch(ONE)), real.encode(batch(ONE)))
                getcurrent().parent.switch()

    both = [greenlet(work), greenlet(work)]
    for each in both * 3:
        each.switch()
    assert counting.tokens == 2 * len(ONE)
