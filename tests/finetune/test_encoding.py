"""Batches of about equal lengths, padded no further than they need."""

import numpy as np
import pytest
import torch

from squeezebert.finetune.encoding import Collator, EncodedExamples, LengthGroupedSampler, encode
from squeezebert.tokenizer import Item, Tokenizer


@pytest.fixture
def examples(tokenizer_json: bytes) -> EncodedExamples:
    items: list[Item] = ["good film", ("a good plot", "bad"), "a very very very good film"]
    encodings = encode(Tokenizer.from_json(tokenizer_json), items, 7)
    return EncodedExamples(encodings, labels=torch.tensor([1, 0, 1]))


def test_examples_are_cut_and_counted(examples: EncodedExamples) -> None:
    assert examples.lengths.tolist() == [4, 7, 7]
    assert examples.truncated == 1


def test_a_batch_is_padded_to_its_longest(examples: EncodedExamples) -> None:
    examples.add("teacher", torch.arange(6.0).view(3, 2))
    batch = Collator(pad_id=9, with_types=True)([examples[0], examples[1]])
    assert batch["input_ids"].tolist() == [[2, 6, 8, 3, 9, 9, 9], [2, 5, 6, 9, 3, 7, 3]]
    assert batch["attention_mask"].tolist() == [[1] * 4 + [0] * 3, [1] * 7]
    assert batch["token_type_ids"].tolist() == [[0] * 7, [0] * 5 + [1] * 2]
    assert batch["labels"].tolist() == [1, 0]
    assert batch["teacher"].tolist() == [[0, 1], [2, 3]]
    assert "token_type_ids" not in Collator(pad_id=0, with_types=False)([examples[0]])


def test_targets_by_token_are_padded_with_what_a_loss_ignores(examples: EncodedExamples) -> None:
    examples.add("labels", torch.arange(18))
    batch = Collator(pad_id=9, with_types=True)([examples[0], examples[1]])
    assert batch["labels"].tolist() == [[0, 1, 2, 3, -100, -100, -100], [4, 5, 6, 7, 8, 9, 10]]


def test_an_epoch_visits_every_example_once_in_an_order_of_its_own() -> None:
    lengths = np.random.default_rng(0).integers(3, 60, 1003)
    sampler = LengthGroupedSampler(lengths, 8, seed=1)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(first) == sorted(second) == list(range(1003))
    assert first != second
    again = LengthGroupedSampler(lengths, 8, seed=1)
    again.set_epoch(1)
    assert list(again) == second
    assert list(LengthGroupedSampler(lengths, 8, seed=2)) != first


def test_batches_hold_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(3, 60, 1003)

    def padded(order: list[int]) -> int:
        batches = [lengths[order[i : i + 8]] for i in range(0, len(order), 8)]
        return int(sum(len(batch) * batch.max() for batch in batches))

    assert padded(list(LengthGroupedSampler(lengths, 8, seed=0))) < 1.1 * lengths.sum()
    assert padded(list(range(1003))) > 1.5 * lengths.sum()
