"""From a bundle or a checkpoint to what `evaluate` scores."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification

import squeezebert.model  # noqa: F401
from squeezebert.pipelines import Classifier, load
from squeezebert.runtime import PackedBatch
from squeezebert.tokenizer import Tokenizer


def load_predictor(name_or_path: str | Path) -> Classifier:
    path = Path(name_or_path)
    if not (path / "config.json").is_file():
        return load(name_or_path)
    model: Any = AutoModelForSequenceClassification.from_pretrained(path, dtype=torch.float32)
    model.eval()
    pad = model.config.pad_token_id or 0
    types = getattr(model.config, "type_vocab_size", 1) > 1

    @torch.inference_mode()
    def logits(batch: PackedBatch) -> Any:
        lengths = np.diff(batch.cu_seqlens)
        ids = np.full((len(lengths), lengths.max()), pad, np.int64)
        type_ids = np.zeros_like(ids)
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids[mask], type_ids[mask] = batch.input_ids, batch.token_type_ids
        extra = {"token_type_ids": torch.from_numpy(type_ids)} if types else {}
        return model(
            input_ids=torch.from_numpy(ids),
            attention_mask=torch.from_numpy(mask.astype(np.int64)),
            **extra,
        ).logits.numpy()

    names = [model.config.id2label[index] for index in range(model.config.num_labels)]
    return Classifier(
        Tokenizer.from_file(path / "tokenizer.json"),
        logits,
        names,
        model.config.problem_type or "single_label_classification",
        128,
    )
