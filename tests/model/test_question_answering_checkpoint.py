"""A fine-tuned question answerer of any architecture, as a pipeline runs it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from squeezebert import model as ours
from squeezebert.errors import CheckpointError
from squeezebert.model.checkpoint import load_checkpoint
from squeezebert.runtime import PackedBatch

FAMILIES = {"squeezebert": ours.SqueezeBertConfig, "bert": transformers.BertConfig}


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_are_the_start_and_end_logits_of_each_token(
    tmp_path: Path, tokenizer_json: bytes, family: str
) -> None:
    torch.manual_seed(0)
    config = FAMILIES[family](
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=24,
        initializer_range=0.3,
    )
    transformers.AutoModelForQuestionAnswering.from_config(config).save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(tokenizer_json)
    reader = load_checkpoint(tmp_path)
    assert (reader.spec.task, reader.spec.labels, reader.spec.max_length) == (
        *("question-answering", (), 24),
    )
    texts = [([2, 5, 3, 8, 9, 3], [0, 0, 0, 1, 1, 1]), ([2, 7, 3, 8, 3], [0, 0, 0, 1, 1])]
    found = reader.head(PackedBatch.from_encodings(texts))
    assert found.shape == (11, 2)
    for (ids, types), rows in zip(texts, np.split(found, [6]), strict=True):
        with torch.no_grad():
            expected = reader.model(torch.tensor([ids]), token_type_ids=torch.tensor([types]))
        np.testing.assert_allclose(rows[:, 0], expected.start_logits[0], rtol=0, atol=1e-5)
        np.testing.assert_allclose(rows[:, 1], expected.end_logits[0], rtol=0, atol=1e-5)


def test_an_encoder_renamed_to_a_question_answerer_is_refused(
    encoder: Path,
) -> None:
    file = encoder / "config.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps(values | {"architectures": ["SqueezeBertForQuestionAnswering"]}))
    with pytest.raises(CheckpointError, match=r"missing: .*qa_outputs.*Fine-tune it first"):
        load_checkpoint(encoder)
