import math
from dataclasses import replace

import pytest

from squeezebert.bundle import find_bundle
from squeezebert.bundle.architecture import Mixer
from squeezebert.bundle.costs import as_bert, costs, shape_named, total
from squeezebert.bundle.reading import read_manifest
from squeezebert.errors import InputError
from squeezebert.export.convert import architecture_of
from squeezebert.model import SqueezeBertConfig, SqueezeBertModel, SqueezeBertSeparableConfig


def test_the_papers_shape_costs_what_is_known_of_it() -> None:
    base = shape_named("base")
    assert base is not None
    ours, bert = total(costs(base, 128)), total(costs(as_bert(base), 128))
    assert round(ours.parameters / 1e6, 1) == 51.1
    assert round(ours.flops / 1e9, 2) == 7.40
    assert round(bert.parameters / 1e6, 1) == 109.5
    assert round(bert.flops / 1e9, 2) == 22.35
    assert ours.bytes("fp32") == 4 * ours.parameters == 2 * ours.bytes("fp16")
    assert 1 < ours.bytes("int8") / ours.parameters < 1.02


def test_mini_with_five_taps_is_the_built_in_models_shape() -> None:
    mini = replace(shape_named("mini"), mixer=Mixer.SEPARABLE, kernel_size=5)
    assert mini == read_manifest(find_bundle("sentiment")).architecture


@pytest.mark.parametrize(
    ("shape", "heads"),
    [("mini", 12), ("base", 12), ("4x512", 8), ("4x256", 8), ("2x128", 4), ("2x36", 1)],
)
def test_attention_has_heads_that_are_neither_one_nor_tiny(shape: str, heads: int) -> None:
    assert shape_named(shape).num_attention_heads == heads


def test_mini_is_held_against_bert_and_not_against_its_own_feed_forward() -> None:
    mini, of_four_groups = shape_named("mini"), shape_named("6x384")
    assert mini is not None
    assert of_four_groups is not None
    assert as_bert(mini) == as_bert(of_four_groups)
    assert total(costs(mini, 128)).flops == total(costs(of_four_groups, 128)).flops
    assert shape_named("mini", groups=4) == of_four_groups


@pytest.mark.parametrize(
    "config",
    [
        SqueezeBertConfig(hidden_size=24, num_hidden_layers=3, num_attention_heads=2,
                          intermediate_size=48, vocab_size=50, q_groups=2),
        SqueezeBertSeparableConfig(hidden_size=24, num_hidden_layers=1, num_attention_heads=2,
                                   intermediate_size=48, vocab_size=50, kernel_size=5),
    ],
)  # fmt: skip
def test_parameters_are_those_of_the_real_model(config: SqueezeBertConfig) -> None:
    counted = total(costs(architecture_of(config), 16)).parameters
    assert counted == SqueezeBertModel(config).num_parameters()


def test_only_attention_grows_faster_than_the_length() -> None:
    mini = shape_named("mini")
    assert mini is not None
    short, long = ({c.kind: c.flops for c in costs(mini, length)} for length in (32, 128))
    for kind, flops in short.items():
        growth = {"attention scores and context": 16, "pooler": 1}.get(kind, 4)
        assert long[kind] == growth * flops


def test_shapes_by_size() -> None:
    small = shape_named("2x64", groups=2, mixer=Mixer.SEPARABLE, kernel_size=3)
    assert (small.num_hidden_layers, small.hidden_size, small.groups["q"]) == (2, 64, 2)
    assert small.groups["post_attention"] == 1
    assert math.prod(small.shapes()["encoder.layers.0.attention.query.depthwise.weight"]) == 64 * 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("huge", r"no shape 'huge'\. Give mini, base or LAYERSxHIDDEN"),
        ("2x", r"no shape '2x'\. Give mini"),
        ("2x64x2", r"no shape '2x64x2'\. Give mini"),
        ("99999999x64", r"no shape '99999999x64'\. Give mini"),
        ("2x33", r"groups\.q is 4, which does not divide 33\. Give one such as 2x32\.$"),
        ("2x3", r"does not divide 3\. Give one such as 2x4\.$"),
        ("0x64", r"num_hidden_layers is 0.* Give one such as 1x64\.$"),
        ("2x0", r"hidden_size is 0.* Give one such as 2x4\.$"),
    ],
)
def test_a_shape_that_cannot_be_is_told_with_one_that_can(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        shape_named(name)


def test_options_that_do_not_fit_a_shape_are_told_with_what_would() -> None:
    with pytest.raises(InputError, match=r"Give one such as 6x380, or other groups\.$"):
        shape_named("mini", groups=5)
    with pytest.raises(InputError, match="Give an odd number"):
        shape_named("mini", mixer=Mixer.SEPARABLE, kernel_size=4)
