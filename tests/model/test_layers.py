"""The layers against what they abbreviate."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from squeezebert.model import SqueezeBertConfig, SqueezeBertSeparableConfig, layers
from squeezebert.runtime.depthwise import convolves

Product = Callable[[Tensor, Tensor, Tensor], Tensor]
Shifts = Callable[[Tensor, Tensor], Tensor]
SHIFTED = [layers.shifted_products, layers.InPlaceShiftedProducts.apply]


@pytest.mark.parametrize("tokens", [5, layers.MANY_TOKENS])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_grouped_pointwise_is_the_convolution(tokens: int, groups: int) -> None:
    torch.manual_seed(0)
    layer = layers.GroupedPointwise(8, 16, groups=groups).double()
    convolution = nn.Conv1d(8, 16, 1, groups=groups).double()
    convolution.load_state_dict(layer.state_dict())
    x = torch.randn(1, tokens, 8, dtype=torch.double, requires_grad=True)
    weights = torch.randn(1, tokens, 16, dtype=torch.double)
    found, expected = layer(x), convolution(x.mT).mT
    assert torch.allclose(found, expected)
    (by_layer,) = torch.autograd.grad((found * weights).sum(), x, retain_graph=True)
    (by_convolution,) = torch.autograd.grad((expected * weights).sum(), x, retain_graph=True)
    assert torch.allclose(by_layer, by_convolution)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    for mine, theirs in zip(layer.parameters(), convolution.parameters(), strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert torch.allclose(mine.grad, theirs.grad)


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_only_what_needs_a_gradient_gets_one(frozen: int) -> None:
    given = [torch.randn(6, 2, 3), torch.randn(2, 4, 3), torch.randn(2, 4)]
    for index, tensor in enumerate(given):
        tensor.requires_grad_(index != frozen)
    layers.InPlaceGroupedProduct.apply(*given).sum().backward()  # type: ignore[no-untyped-call]  # torch's
    assert [tensor.grad is None for tensor in given] == [index == frozen for index in range(3)]


@pytest.mark.parametrize("product", [layers.grouped_product, layers.InPlaceGroupedProduct.apply])
def test_gradients_by_finite_differences(product: Product) -> None:
    torch.manual_seed(0)
    shapes = ((5, 2, 3), (2, 4, 3), (2, 4))
    given = tuple(torch.randn(s, dtype=torch.double, requires_grad=True) for s in shapes)
    assert torch.autograd.gradcheck(product, given)


@pytest.mark.parametrize("product", SHIFTED)
@pytest.mark.parametrize("frozen", [None, 0, 1])
def test_gradients_of_shifts_by_finite_differences(product: Shifts, frozen: int | None) -> None:
    torch.manual_seed(0)
    given = tuple(torch.randn(s, dtype=torch.double) for s in ((2, 8, 3), (5, 3)))
    for index, tensor in enumerate(given):
        tensor.requires_grad_(index != frozen)
    assert torch.autograd.gradcheck(product, given)
    product(*given).sum().backward()
    assert [tensor.grad is None for tensor in given] == [index == frozen for index in range(2)]


@pytest.mark.parametrize("product", SHIFTED)
def test_shifts_of_bfloat16_have_gradients_of_bfloat16(product: Shifts) -> None:
    padded = torch.randn(2, 8, 3, dtype=torch.bfloat16, requires_grad=True)
    taps = torch.randn(5, 3, requires_grad=True)
    product(padded, taps).sum().backward()
    assert padded.grad is not None
    assert taps.grad is not None
    assert (padded.grad.dtype, taps.grad.dtype) == (torch.bfloat16, torch.float32)


def test_autocast_reaches_the_products() -> None:
    layer = layers.GroupedPointwise(8, 16, groups=4)
    with torch.autocast("cpu", torch.bfloat16):
        for tokens in (3, layers.MANY_TOKENS):
            assert layer(torch.randn(1, tokens, 8)).dtype == torch.bfloat16


@pytest.mark.parametrize("channels", [8, 48])  # by PyTorch, and by the engine's kernels
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("length", [1, 2, 9])
def test_depthwise_separable_is_two_convolutions(
    channels: int, kernel_size: int, length: int
) -> None:
    torch.manual_seed(0)
    layer = layers.DepthwiseSeparable(channels, 16, 4, kernel_size)
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {
        "depthwise.weight": (channels, 1, kernel_size),
        "pointwise.weight": (16, channels // 4, 1),
        "pointwise.bias": (16,),
    }
    pointwise = nn.Conv1d(channels, 16, 1, groups=4)
    pointwise.load_state_dict(layer.pointwise.state_dict())
    depthwise = nn.Conv1d(
        channels, channels, kernel_size, padding="same", groups=channels, bias=False
    )
    depthwise.load_state_dict(layer.depthwise.state_dict())
    x = torch.randn(2, length, channels)
    found, expected = layer(x), pointwise(depthwise(x.mT)).mT
    assert torch.allclose(found, expected, atol=1e-6)
    found.square().sum().backward()
    expected.square().sum().backward()
    for mine, theirs in ((layer.depthwise, depthwise), (layer.pointwise, pointwise)):
        assert mine.weight.grad is not None
        assert theirs.weight.grad is not None
        assert torch.allclose(mine.weight.grad, theirs.weight.grad, atol=1e-5)


class TestDepthwise:
    """The engine's kernels, which take float32 alone, against PyTorch in float64."""

    @pytest.fixture(params=[None, "each text", "all alike"])
    def is_token(self, request: pytest.FixtureRequest) -> Tensor | None:
        if request.param is None:
            return None
        mask = torch.tensor([[1, 1, 1, 1, 1, 1], [0, 1, 1, 1, 0, 0], [1, 0, 0, 1, 1, 0]])
        return mask[1 if request.param == "all alike" else slice(None)].view(-1, 6, 1).float()

    @pytest.mark.parametrize("frozen", [None, 0, 1])
    def test_results_and_gradients(self, is_token: Tensor | None, frozen: int | None) -> None:
        torch.manual_seed(0)
        layer, exact = layers.Depthwise(32, 5), layers.Depthwise(32, 5).double()
        exact.load_state_dict(layer.state_dict())
        x = torch.randn(6, 3, 32).transpose(0, 1)  # as no kernel could read it
        gradients = []
        for each, given in ((layer, x), (exact, x.double())):
            given = given.detach().requires_grad_(frozen != 0)
            each.weight.requires_grad_(frozen != 1)
            y = each(given, is_token)
            y.square().sum().backward()
            gradients.append((y, given.grad, each.weight.grad))
        for found, wanted in zip(*gradients, strict=True):
            assert (found is None) == (wanted is None)
            if found is not None:
                assert torch.allclose(found.double(), wanted, atol=1e-4)

    @pytest.mark.skipif(not convolves(32), reason="the native engine was not built")
    def test_is_what_a_model_computes_with(self) -> None:
        x = torch.randn(2, 4, 32, requires_grad=True)
        assert "NativeConvolution" in type(layers.Depthwise(32, 3)(x).grad_fn).__name__

    @pytest.mark.filterwarnings("ignore")  # traces are deprecated, and warn of sizes
    def test_a_trace_keeps_the_convolution(self) -> None:
        torch.manual_seed(0)
        layer = layers.Depthwise(32, 3)
        first, second = torch.randn(2, 3, 4, 32)
        traced = torch.jit.trace(layer, first)
        assert torch.allclose(traced(second), layer(second), atol=1e-6)

    def test_takes_what_autocast_gives(self) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            layer = layers.DepthwiseSeparable(32, 32, 1, 3)
            x = layer(torch.randn(2, 4, 32), torch.ones(2, 4, 1))
            assert layer(x).dtype == torch.bfloat16


def test_position_wise_follows_the_configuration() -> None:
    assert isinstance(layers.position_wise(SqueezeBertConfig(), 8, 8, 4), layers.GroupedPointwise)
    separable = layers.position_wise(SqueezeBertSeparableConfig(kernel_size=5), 8, 8, 4)
    assert isinstance(separable, layers.DepthwiseSeparable)
    assert separable.depthwise.kernel_size == (5,)


class TestDropout:
    @pytest.mark.parametrize("probability", [0.1, 0.5, 0.999])
    def test_drops_as_many_as_asked_and_keeps_the_mean(self, probability: float) -> None:
        torch.manual_seed(0)
        x = torch.ones(1001, 999, requires_grad=True)
        dropped = layers.drop(x, probability, training=True)
        kept = dropped != 0
        assert abs(1 - kept.float().mean() - probability) < 2e-3
        assert abs(dropped[kept].mean() * (1 - probability) - 1) < 0.01
        dropped.sum().backward()
        assert x.grad is not None
        assert torch.equal(x.grad, dropped)

    def test_values_that_share_a_draw_fall_independently(self) -> None:
        torch.manual_seed(0)
        kept = (layers.drop(torch.ones(400_000), 0.5, training=True) != 0).float().view(-1, 4)
        assert (torch.corrcoef(kept.T) - torch.eye(4)).abs().max() < 0.01

    @pytest.mark.parametrize("probability", [0.0, 1.0])
    def test_of_nothing_and_of_everything(self, probability: float) -> None:
        x = torch.randn(7)
        assert torch.equal(layers.drop(x, probability, training=True), x * (1 - probability))

    def test_only_in_training(self) -> None:
        x = torch.randn(7)
        assert torch.equal(layers.Dropout(0.5).eval()(x), x)
        assert not torch.equal(layers.Dropout(0.9)(torch.ones(99)), torch.ones(99))
