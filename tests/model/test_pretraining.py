"""Masked words and the order of sentences: shapes, and what the loss is made of."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

ModelMaker = Callable[..., nn.Module]
InputMaker = Callable[..., dict[str, Tensor]]


@pytest.mark.parametrize("settings", [{}, {"kernel_size": 3}], ids=["grouped", "separable"])
def test_logits_and_the_sum_of_the_losses(
    make_model: ModelMaker, make_inputs: InputMaker, settings: dict[str, int]
) -> None:
    model = make_model("SqueezeBertForPreTraining", **settings)
    inputs = make_inputs(7, 3)
    labels = torch.full_like(inputs["input_ids"], -100)
    labels[0, 2], labels[1, 1] = 5, 9
    order = torch.tensor([1, 0])

    output = model(**inputs, labels=labels, sentence_order_label=order)
    assert output.prediction_logits.shape == (2, 7, 60)
    assert output.sop_logits.shape == (2, 2)
    words = F.cross_entropy(output.prediction_logits[[0, 1], [2, 1]], torch.tensor([5, 9]))
    sentences = F.cross_entropy(output.sop_logits, order)
    assert words > 0.1
    assert sentences > 0.1
    torch.testing.assert_close(output.loss, words + sentences)
    torch.testing.assert_close(model(**inputs, labels=labels).loss, words)
    torch.testing.assert_close(model(**inputs, sentence_order_label=order).loss, sentences)
    assert model(**inputs).loss is None


def test_both_tasks_reach_the_encoder(make_model: ModelMaker, make_inputs: InputMaker) -> None:
    inputs = make_inputs(7, 3)
    for task in (
        {"labels": inputs["input_ids"]},
        {"sentence_order_label": torch.tensor([1, 0])},
    ):
        model = make_model("SqueezeBertForPreTraining")
        model(**inputs, **task).loss.backward()
        query = model.get_submodule("transformer.encoder.layers.0.attention.query")
        assert all(p.grad is not None and p.grad.abs().max() > 0 for p in query.parameters())


def test_its_words_are_those_of_the_masked_language_model(
    make_model: ModelMaker, make_inputs: InputMaker
) -> None:
    both, words = make_model("SqueezeBertForPreTraining"), make_model("SqueezeBertForMaskedLM")
    missing, unexpected = words.load_state_dict(both.state_dict(), strict=False)
    assert not missing
    assert unexpected == ["cls.seq_relationship.weight", "cls.seq_relationship.bias"]
    inputs = make_inputs(7, 3)
    assert torch.equal(both(**inputs).prediction_logits, words(**inputs).logits)


@pytest.mark.parametrize("name", ["SqueezeBertForMaskedLM", "SqueezeBertForPreTraining"])
def test_the_decoder_learns_with_the_embeddings(
    make_model: ModelMaker, make_inputs: InputMaker, name: str
) -> None:
    """Words that are not in the text learn from being decoded only."""
    model = make_model(name)
    model(
        input_ids=torch.tensor([[1, 2, 3]]), labels=torch.tensor([[4, -100, -100]])
    ).loss.backward()
    embeddings = model.get_submodule("transformer.embeddings.word_embeddings").weight
    assert isinstance(embeddings, nn.Parameter)
    assert embeddings.grad is not None
    assert embeddings.grad[40:].abs().max() > 0
