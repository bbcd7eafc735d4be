"""Our models compute what transformers' SqueezeBERT computes with the same weights."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

Pair = tuple[nn.Module, nn.Module]
PairMaker = Callable[..., Pair]
InputMaker = Callable[..., dict[str, Tensor]]

TOLERANCE = 1e-5
KINDS = ("q", "k", "v", "post_attention", "intermediate", "output")
PER_KIND = (2, 4, 8, 2, 8, 1)
HEADS = [
    "SqueezeBertModel",
    "SqueezeBertForMaskedLM",
    "SqueezeBertForSequenceClassification",
    "SqueezeBertForTokenClassification",
    "SqueezeBertForQuestionAnswering",
    "SqueezeBertForMultipleChoice",
]


def in_groups(groups: int | Sequence[int]) -> dict[str, int]:
    counts = [groups] * 6 if isinstance(groups, int) else groups
    return {f"{kind}_groups": count for kind, count in zip(KINDS, counts, strict=True)}


@torch.no_grad()
def assert_same(pair: Pair, inputs: dict[str, Any]) -> None:
    """Every output, hidden states included, padding included."""
    found, expected = (model(**inputs, output_hidden_states=True) for model in pair)
    assert found.keys() == expected.keys()
    for name in expected:
        several = name == "hidden_states"
        for ours, theirs in zip(
            found[name] if several else [found[name]],
            expected[name] if several else [expected[name]],
            strict=True,
        ):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE)


def choices(inputs: dict[str, Tensor], alternatives: int) -> dict[str, Tensor]:
    return {name: ids.view(-1, alternatives, ids.shape[-1]) for name, ids in inputs.items()}


@pytest.mark.parametrize("groups", [1, 2, 4, PER_KIND], ids=str)
@pytest.mark.parametrize("name", HEADS)
def test_every_head(
    make_pair: PairMaker, make_inputs: InputMaker, name: str, groups: int | Sequence[int]
) -> None:
    pair = make_pair(name, **in_groups(groups))
    for lengths in ((1,), (7,), (33,), (33, 1, 7, 20)):
        inputs = make_inputs(*lengths)
        if name == "SqueezeBertForMultipleChoice":
            inputs = choices(inputs, min(2, len(lengths)))
        assert_same(pair, inputs)


def test_the_comparison_would_show_any_wrong_weight(
    make_pair: PairMaker, make_inputs: InputMaker
) -> None:
    model, _ = make_pair()
    inputs = make_inputs(7, 12)
    with torch.no_grad():
        before = model(**inputs).pooler_output
        for name, parameter in model.named_parameters():
            if name.endswith("key.bias"):
                continue  # shifts all scores of a query alike, which a softmax does not see
            kept = parameter.clone()
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
            assert (model(**inputs).pooler_output - before).abs().max() > 100 * TOLERANCE, name
            parameter.copy_(kept)


@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_on_either_side(make_pair: PairMaker, make_inputs: InputMaker, side: str) -> None:
    assert_same(make_pair(), make_inputs(33, 1, 7, side=side))


def test_other_ways_to_call(make_pair: PairMaker, make_inputs: InputMaker) -> None:
    pair = make_pair()
    inputs = make_inputs(7, 5)
    assert_same(pair, {"input_ids": inputs["input_ids"]})
    assert_same(pair, {"inputs_embeds": torch.randn(2, 7, 32)})
    assert_same(pair, inputs | {"position_ids": torch.arange(20, 27)[None]})
    assert_same(pair, {"input_ids": torch.randint(1, 60, (14, 40))})  # as many as make one product


@pytest.mark.parametrize("act", ["gelu", "relu", "gelu_new"])
def test_activations(make_pair: PairMaker, make_inputs: InputMaker, act: str) -> None:
    assert_same(make_pair("SqueezeBertForMaskedLM", hidden_act=act), make_inputs(7, 5))


@pytest.mark.parametrize(
    ("labels", "settings"),
    [
        (torch.tensor([0, 2, 1]), {"num_labels": 3}),
        (torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1]]), {"num_labels": 3}),
        (torch.tensor([0.5, -2.0, 1.0]), {"num_labels": 1}),
        (torch.tensor([[0.5, -2.0], [1, 3], [2, 0]]), {"problem_type": "regression"}),
        (torch.tensor([1, 0, 1]), {"problem_type": "single_label_classification"}),
        (
            torch.tensor([[1.0, 0], [0, 0], [1, 1]]),
            {"problem_type": "multi_label_classification"},
        ),
    ],
    ids=["single", "multi", "regression", "named regression", "named single", "named multi"],
)
def test_losses_of_a_sequence_classifier(
    make_pair: PairMaker, make_inputs: InputMaker, labels: Tensor, settings: dict[str, Any]
) -> None:
    pair = make_pair("SqueezeBertForSequenceClassification", **settings)
    assert_same(pair, make_inputs(7, 3, 5) | {"labels": labels})


@pytest.mark.parametrize(
    ("name", "settings"),
    [("SqueezeBertForMaskedLM", {}), ("SqueezeBertForTokenClassification", {"num_labels": 5})],
)
def test_losses_of_tokens(
    make_pair: PairMaker, make_inputs: InputMaker, name: str, settings: dict[str, Any]
) -> None:
    inputs = make_inputs(7, 3)
    labels = inputs["input_ids"] % 5
    labels[inputs["attention_mask"] == 0] = -100
    assert_same(make_pair(name, **settings), inputs | {"labels": labels})


def test_loss_of_an_answer(make_pair: PairMaker, make_inputs: InputMaker) -> None:
    """One answer begins outside, one ends outside."""
    spans = {
        "start_positions": torch.tensor([1, 50, 0]),
        "end_positions": torch.tensor([4, 2, 7]),
    }
    pair = make_pair("SqueezeBertForQuestionAnswering")
    assert_same(pair, make_inputs(7, 3, 5) | spans)


def test_loss_of_a_choice(make_pair: PairMaker, make_inputs: InputMaker) -> None:
    inputs = choices(make_inputs(7, 3, 5, 1, 2, 6), 3)
    assert_same(
        make_pair("SqueezeBertForMultipleChoice"), inputs | {"labels": torch.tensor([2, 0])}
    )


@pytest.mark.parametrize("sequences", [2, 16], ids=["few tokens", "many tokens"])
def test_gradients(make_pair: PairMaker, make_inputs: InputMaker, sequences: int) -> None:
    """Few and many tokens run different products."""
    ours, stock = make_pair("SqueezeBertForMaskedLM", **in_groups(PER_KIND))
    inputs = make_inputs(*[33] * sequences)
    for model in (ours, stock):
        model(**inputs, labels=inputs["input_ids"]).loss.backward()
    expected = {name: parameter.grad for name, parameter in stock.named_parameters()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-3, atol=TOLERANCE)
