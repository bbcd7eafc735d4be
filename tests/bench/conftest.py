import json
from dataclasses import asdict
from pathlib import Path

import pytest

from squeezebert.bench.contenders.contract import DESCRIPTION
from squeezebert.bench.contenders.conversion import convert
from squeezebert.bench.peers import PeerModel

TINY = PeerModel(
    "tiny",
    "bert",
    {
        "vocab_size": 50,
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 12,
        "intermediate_size": 96,
        "max_position_embeddings": 64,
    },
)


@pytest.fixture(scope="session")
def tiny_peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that describes a tiny BERT."""
    folder = tmp_path_factory.mktemp("peer")
    (folder / DESCRIPTION).write_text(json.dumps(asdict(TINY)))
    return folder


@pytest.fixture(scope="session")
def onnxruntime_peer(tiny_peer: Path) -> Path:
    """That folder with what ONNX Runtime reads."""
    pytest.importorskip("onnxruntime")
    assert convert(tiny_peer, ["onnxruntime"], threads=1) == []
    return tiny_peer


@pytest.fixture(scope="session")
def openvino_peer(tiny_peer: Path) -> Path:
    """That folder with what OpenVINO reads."""
    pytest.importorskip("nncf")
    assert convert(tiny_peer, ["openvino"], threads=1) == []
    return tiny_peer
