"""Tiny models made on the spot, for the tests of every room."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from squeezebert.bundle import Architecture, HeadSpec, Quantised, TaskSpec, Tensor, write_bundle
from squeezebert.pipelines.tasks import HEADS

pytest_plugins = ["tests.teachers"]

# On a busy machine an example may take a second, which says nothing of what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "bad", "film", "plot", "and"]
WORDS += ["##s", "very", "not", "un", "##moved", ".", "!", "é"]


@pytest.fixture(scope="session")
def tokenizer_json() -> bytes:
    """A lower-casing WordPiece tokenizer with 19 tokens, as ``tokenizer.json``."""
    vocabulary = {word: index for index, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer.to_str().encode()


@pytest.fixture(scope="session")
def marked_tokenizer_json(tokenizer_json: bytes) -> bytes:
    """The tiny tokenizer, which also reads its special tokens where a text has them."""
    tokenizer = Tokenizer.from_str(tokenizer_json.decode())
    tokenizer.add_special_tokens(WORDS[:5])
    return tokenizer.to_str().encode()


@pytest.fixture(scope="session")
def tiny_architecture() -> Architecture:
    return Architecture(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=24,
        type_vocab_size=2,
        groups={"q": 4, "k": 2, "v": 4, "post_attention": 1, "intermediate": 4, "output": 2},
    )


BundleMaker = Callable[..., Path]
CheckpointMaker = Callable[..., Path]


@pytest.fixture(scope="session")
def make_bundle(tiny_architecture: Architecture, tokenizer_json: bytes) -> BundleMaker:
    """Writes a tiny bundle with random weights; those of the encoder are the same in each.

    Keyword arguments replace `write_bundle`'s and, of its ``spec``, single fields.
    """

    def make(path: Path, **fields: Any) -> Path:
        architecture = fields.get("architecture", tiny_architecture)
        spec: dict[str, Any] = {
            "task": "classification",
            "labels": ("negative", "positive"),
            "problem_type": "single_label_classification",
            "max_length": 12,
        }
        named = {field.name for field in dataclasses.fields(TaskSpec)}
        spec |= {name: fields.pop(name) for name in named & fields.keys()}
        head = HEADS.get(spec["task"], HEADS["classification"])
        shapes = architecture.shapes()
        shapes |= head.shapes(architecture, len(spec["labels"]))
        random = np.random.default_rng(0)
        tensors: dict[str, Tensor] = {}
        for name, shape in shapes.items():
            if len(shape) > 1:
                integers = random.integers(-127, 128, shape, dtype=np.int8)
                scale = random.uniform(0.001, 0.004, shape[:1]).astype(np.float16)
                tensors[name] = Quantised(integers, scale)
            else:
                mean = 1 if "norm.w" in name.lower() else 0
                tensors[name] = random.normal(mean, 0.1, shape).astype(np.float32)
        if "tensors" not in fields:
            encoder = architecture.shapes()
            fields["tensors"] = {name: tensors[name] for name in encoder}
            fields["head_tensors"] = {n: tensors[n] for n in tensors if n not in encoder}
        write_bundle(
            path,
            **{
                "heads": [HeadSpec(name=spec["task"], **spec)],
                "architecture": architecture,
                "tokenizer_json": tokenizer_json,
                "provenance": {"note": "random weights"},
                "evaluation": [],
            }
            | fields,
        )
        return path

    return make


@pytest.fixture
def tiny_bundle(tmp_path: Path, make_bundle: BundleMaker) -> Path:
    return make_bundle(tmp_path / "tiny")


@pytest.fixture
def make_checkpoint(tokenizer_json: bytes) -> CheckpointMaker:
    """Saves a tiny model of a class of torch with random weights, and the tokenizer.

    Keyword arguments go to its configuration; there is no dropout unless they say so.
    """

    def make(path: Path, model_class: Any, **settings: Any) -> Path:
        import torch
        from transformers import PreTrainedTokenizerFast

        shape = {
            "vocab_size": len(WORDS),
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 32,
            "max_position_embeddings": 32,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
            "initializer_range": 0.3,
        }
        torch.manual_seed(0)
        model_class(model_class.config_class(**shape | settings)).save_pretrained(path)
        names = ("cls_token", "sep_token", "pad_token", "mask_token", "unk_token")
        marks = dict(zip(names, ("[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]"), strict=True))
        tokenizer = Tokenizer.from_str(tokenizer_json.decode())
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks).save_pretrained(path)
        return path

    return make


@pytest.fixture
def encoder(tmp_path: Path, make_checkpoint: CheckpointMaker) -> Path:
    """A random SqueezeBERT without a head."""
    from squeezebert.model import SqueezeBertModel

    return make_checkpoint(tmp_path / "encoder", SqueezeBertModel)
