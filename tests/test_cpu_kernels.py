"""The recipe's kernels for processors with bfloat16 products, beside PyTorch's operations."""

from pathlib import Path

import pytest
import torch
from benchmarks.gpu import cpu, device, flat
from benchmarks.gpu.encoder import Parameters, Shape, states
from benchmarks.gpu.flat import Adam, Flat
from benchmarks.gpu.taps import convolve
from benchmarks.gpu.weights import of_student
from tests.shapes import student_config
from torch import Tensor
from torch.nn import functional as F

from squeezebert.model import SqueezeBertModel, SqueezeBertSeparableConfig

pytestmark = pytest.mark.skipif(
    not device.CPU_KERNELS, reason="needs AVX-512 with bfloat16 products and a C++ compiler"
)
LENGTHS = torch.tensor([19, 3, 1, 10], dtype=torch.int32)
INSIDE = (torch.arange(19)[None] < LENGTHS[:, None])[..., None]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def learnt(*shape: int, kind: torch.dtype, scale: float = 1.0) -> Tensor:
    """Random numbers that bfloat16 holds."""
    return (torch.randn(shape) * scale).bfloat16().to(kind).requires_grad_()


def assert_near(low: Tensor | None, high: Tensor | None) -> None:
    assert low is not None
    assert high is not None
    difference = (low.float() - high).norm()
    assert difference < 0.02 * high.norm(), (float(difference), float(high.norm()))


@pytest.mark.parametrize("taps", [3, 5])
@pytest.mark.parametrize("channels", [16, 96, 128])
def test_a_convolution_and_its_gradients_are_pytorchs(taps: int, channels: int) -> None:
    found = []
    for kind in (torch.bfloat16, torch.float32):
        torch.manual_seed(1)
        x, filters = (
            learnt(4, 19, channels, kind=kind),
            learnt(taps, channels, kind=kind, scale=0.3),
        )
        gradient = learnt(4, 19, channels, kind=kind).detach() * INSIDE
        y = convolve(x, filters, LENGTHS)
        y.backward(gradient)
        found.append((y * INSIDE, x.grad, filters.grad))
    for low, high in zip(*found, strict=True):
        assert_near(low, high)


def test_sets_of_filters_lay_their_groups_apart() -> None:
    x, taps = learnt(4, 19, 64, kind=torch.bfloat16), learnt(3, 5, 64, kind=torch.bfloat16)
    found = cpu.Convolution.apply(x, taps, LENGTHS, 2)  # type: ignore[no-untyped-call]
    assert found.shape == (3, 2, 4 * 19, 32)
    for own, filters in zip(found, taps, strict=True):
        one = convolve(x, filters, LENGTHS)
        torch.testing.assert_close(own.view(2, 4, 19, 32), torch.stack(one.chunk(2, -1)))


def test_the_norm_of_a_sum_and_its_gradients_are_pytorchs() -> None:
    found = []
    for kind in (torch.bfloat16, torch.float32):
        torch.manual_seed(1)
        a, b = (learnt(4, 19, 64, kind=kind) for _ in range(2))
        weight, bias = (learnt(64, kind=kind) for _ in range(2))
        if kind == torch.bfloat16:
            y = cpu.ResidualNorm.apply(a, b, weight, bias, 1e-5)  # type: ignore[no-untyped-call]
        else:
            y = F.layer_norm(a + b, (64,), weight, bias, 1e-5)
        y.backward(learnt(4, 19, 64, kind=kind).detach())
        found.append((y, *(one.grad for one in (a, b, weight, bias))))
    for low, high in zip(*found, strict=True):
        assert_near(low, high)


@pytest.fixture
def student() -> tuple[Parameters, Shape]:
    sizes = student_config(vocab_size=30, hidden_size=64, intermediate_size=48)
    config = SqueezeBertSeparableConfig(**sizes, kernel_size=5)
    return of_student(SqueezeBertModel(config))


def test_a_student_has_the_states_and_gradients_of_float32(
    student: tuple[Parameters, Shape],
) -> None:
    parameters, shape = student
    ids, wanted = torch.randint(0, 30, (4, 19)), torch.randn(4, 19, 64)
    found, gradients = [], []
    for kind in (torch.bfloat16, torch.float32):
        own = {name: value.to(kind).clone().requires_grad_() for name, value in parameters.items()}
        last = states(own, shape, ids, LENGTHS)[-1].float()
        ((last - wanted) * INSIDE).square().sum().backward()
        found.append((last * INSIDE).detach())
        gradients.append(own)
    assert_near(*found)
    for part in ("query.taps", "value.bias", "post_attention.weight", "output_norm.weight"):
        low, high = (own[f"layer0.{part}"].grad for own in gradients)
        assert low is not None
        assert high is not None
        assert F.cosine_similarity(low.float().flatten(), high.flatten(), dim=0) > 0.99, part


def test_a_step_in_one_pass_is_that_of_many(
    student: tuple[Parameters, Shape], monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters, shape = student
    names = [name for name in parameters if name.startswith("layer")]
    learning = [name for name in names if "value.bias" not in name]  # which rests
    gradients = {name: torch.randn_like(parameters[name]).bfloat16() for name in learning}
    found = []
    for in_one_pass in (True, False):
        monkeypatch.setattr(flat, "CPU_KERNELS", in_one_pass)
        vector = Flat(parameters, names, shape.matrices())
        adam = Adam(vector)
        adam.rate.fill_(0.1)
        for _ in range(3):
            for name, gradient in gradients.items():
                leaf = vector.parameters[name]
                if in_one_pass:
                    leaf.grad = gradient.clone()
                else:
                    vector.view(vector.gradient, name).copy_(gradient)
            adam.step()
        found.append((vector.master, adam.mean, vector.low))
    for one, many in zip(*found, strict=True):
        torch.testing.assert_close(one, many, atol=1e-5, rtol=1e-2)


def test_without_a_compiler_that_works_there_are_no_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\necho 'no such flag' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    cpu.kernels.cache_clear()
    try:
        assert cpu.kernels() is None
    finally:
        cpu.kernels.cache_clear()
    told = capfd.readouterr().err
    assert "no such flag" in told
    assert "so float32" in told
