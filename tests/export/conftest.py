"""A tiny fine-tuned checkpoint, and data that it classifies well."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from squeezebert.data.tasks.classification import Table, read_classification
from squeezebert.model import (
    SqueezeBertConfig,
    SqueezeBertForSequenceClassification,
    SqueezeBertSeparableConfig,
)

LINES = [
    ("a good film", "positive"),
    ("very good plot!", "positive"),
    ("a bad film", "negative"),
    ("bad, and very bad", "negative"),
] * 10


@pytest.fixture(scope="session", params=["grouped", "separable"])
def trained(
    tmp_path_factory: pytest.TempPathFactory, tokenizer_json: bytes, request: pytest.FixtureRequest
) -> Path:
    """A SqueezeBERT classifier of 2 layers x 16 that tells good from bad; not to be changed."""
    torch.manual_seed(0)
    kind = SqueezeBertConfig if request.param == "grouped" else SqueezeBertSeparableConfig
    config = kind(
        vocab_size=19,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=24,
        q_groups=4,
        k_groups=2,
        v_groups=4,
        intermediate_groups=4,
        output_groups=2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.3,
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
        problem_type="single_label_classification",
    )
    model = SqueezeBertForSequenceClassification(config)
    _learn_good_from_bad(model)
    folder = tmp_path_factory.mktemp("trained") / "checkpoint"
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes(tokenizer_json)
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 20})
    )
    return folder


@pytest.fixture
def checkpoint(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained checkpoint."""
    return shutil.copytree(trained, tmp_path / "checkpoint")


def _learn_good_from_bad(model: SqueezeBertForSequenceClassification) -> None:
    # [CLS] a good film [SEP], [CLS] a bad film [SEP], and two longer ones, by the tiny vocabulary.
    ids = torch.tensor([[2, 5, 6, 8, 3], [2, 5, 7, 8, 3], [2, 12, 6, 9, 3], [2, 7, 10, 7, 3]])
    labels = torch.tensor([1, 0, 1, 0])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """40 labelled lines, half of them positive."""
    file = tmp_path / "films" / "dev.tsv"
    file.parent.mkdir()
    rows = [f"{text}\t{label}" for text, label in LINES]
    file.write_text("\n".join(["sentence\tlabel", *rows]) + "\n")
    return read_classification(file)
