"""Every framework's contender runs batches of one shape, and of several."""

from pathlib import Path

import pytest

from squeezebert.bench.contenders.contract import Framework, Spec, open_contender
from squeezebert.bench.contenders.conversion import DYNAMIC_INT8, EXPORTED, FUSED, STATIC_INT8

ONE_SHAPE = [[8, 8]]
SEVERAL = [[3, 5], [9], [4, 2, 7]]


@pytest.mark.parametrize("kind", ["eager", "sdpa"])
def test_torch(kind: str, tiny_peer: Path) -> None:
    contender = open_contender(Spec("tiny", f"torch {kind}", "torch", kind, str(tiny_peer), 1, 50))
    for workload in (ONE_SHAPE, SEVERAL):
        contender.prepare(workload)()


@pytest.mark.parametrize(
    ("framework", "kind", "file"),
    [
        ("onnxruntime", "fp32", FUSED),
        ("onnxruntime", "int8", DYNAMIC_INT8),
        ("openvino", "fp32", EXPORTED),
        ("openvino", "int8", STATIC_INT8),
    ],
)
def test_converted(
    framework: Framework, kind: str, file: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(f"{framework}_peer")
    spec = Spec("tiny", f"{framework} {kind}", framework, kind, str(folder / file), 1, 50)
    contender = open_contender(spec)
    contender.prepare(ONE_SHAPE)()
    assert contender.settings.endswith("static shapes")
    contender.prepare(SEVERAL)()
    assert contender.settings.endswith("dynamic shapes")


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_ours(kind: str, tiny_bundle: Path) -> None:
    contender = open_contender(Spec("tiny", kind, "ours", kind, str(tiny_bundle)))
    for workload in (ONE_SHAPE, SEVERAL):
        contender.prepare(workload)()
    assert contender.settings == "packed"
