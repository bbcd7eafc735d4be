"""A peer as transformers builds it, with random weights."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel

from squeezebert.bench.contenders.contract import DESCRIPTION


def config_of(folder: Path) -> Any:
    """The configuration of the peer that a folder is for."""
    described = json.loads((folder / DESCRIPTION).read_text())
    return AutoConfig.for_model(described["model_type"], **described["settings"])


def build(folder: Path, attention: str) -> Any:
    """The encoder without its pooler, which an engine of ours does not run either."""
    torch.manual_seed(0)
    model = AutoModel.from_config(config_of(folder), attn_implementation=attention).eval()
    if getattr(model, "pooler", None) is not None:
        model.pooler = torch.nn.Identity()
    return model
