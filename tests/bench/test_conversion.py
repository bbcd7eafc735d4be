"""What peers are converted to computes what transformers' model does."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from squeezebert.bench.contenders.contract import DESCRIPTION
from squeezebert.bench.contenders.conversion import (
    DYNAMIC_INT8,
    EXPORTED,
    FUSED,
    STATIC_INT8,
    convert,
)
from squeezebert.bench.contenders.stock import build
from squeezebert.bench.workload import padded

[(IDS, MASK)] = padded([[9, 4, 7]], vocab_size=50)


@pytest.fixture
def expected(tiny_peer: Path) -> npt.NDArray[np.float32]:
    with torch.inference_mode():
        output = build(tiny_peer, "sdpa")(
            input_ids=torch.from_numpy(IDS), attention_mask=torch.from_numpy(MASK)
        )
    hidden: npt.NDArray[np.float32] = output.last_hidden_state[MASK.astype(bool)].numpy()
    return hidden


@pytest.mark.parametrize(
    ("file", "tolerance"), [(EXPORTED, 1e-4), (FUSED, 1e-4), (DYNAMIC_INT8, 0.1)]
)
def test_onnx_files(
    file: str, tolerance: float, onnxruntime_peer: Path, expected: npt.NDArray[np.float32]
) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        onnxruntime_peer / file, providers=["CPUExecutionProvider"]
    )
    dtypes = {taken.name: taken.type for taken in session.get_inputs()}
    feed = {
        name: array.astype(np.int32 if "int32" in dtypes[name] else np.int64)
        for name, array in {"input_ids": IDS, "attention_mask": MASK}.items()
    }
    hidden = session.run(None, feed)[0][MASK.astype(bool)]
    assert np.abs(hidden - expected).max() < tolerance


def test_onnx_runtime_gets_fused_attention(onnxruntime_peer: Path) -> None:
    import onnx

    fused = {node.op_type for node in onnx.load(onnxruntime_peer / FUSED).graph.node}
    assert {"Attention", "SkipLayerNormalization", "BiasGelu"} <= fused
    quantised = {node.op_type for node in onnx.load(onnxruntime_peer / DYNAMIC_INT8).graph.node}
    assert {"QAttention", "MatMulInteger"} <= quantised


def test_openvino_file(openvino_peer: Path, expected: npt.NDArray[np.float32]) -> None:
    import openvino

    model = openvino.Core().read_model(openvino_peer / STATIC_INT8)
    assert any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())
    compiled = openvino.compile_model(model, "CPU")
    hidden = compiled({"input_ids": IDS, "attention_mask": MASK})[0][MASK.astype(bool)]
    assert np.abs(hidden - expected).max() < 0.5


def test_a_step_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / DESCRIPTION).write_text(
        json.dumps({"name": "odd", "model_type": "berd", "settings": {}})
    )
    [problem] = convert(tmp_path, ["onnxruntime"], threads=1)
    assert problem.startswith("onnxruntime: export failed: ")
    assert "berd" in problem
