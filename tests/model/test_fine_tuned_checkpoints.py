"""Fine-tuned checkpoints of several architectures: what is read, and what is refused and why."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from squeezebert import model as ours
from squeezebert.errors import CheckpointError, InputError
from squeezebert.model.checkpoint import load_checkpoint
from squeezebert.runtime import PackedBatch

SHAPE: dict[str, Any] = {
    "vocab_size": 30,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "max_position_embeddings": 24,
    "initializer_range": 0.3,
}
FAMILIES: dict[str, Callable[..., Any]] = {
    "squeezebert": ours.SqueezeBertConfig,
    "squeezebert-separable": ours.SqueezeBertSeparableConfig,
    "bert": transformers.BertConfig,
    "mpnet": transformers.MPNetConfig,
}
LABELS = {"id2label": {0: "bad", 1: "so so", 2: "good"}}

CheckpointMaker = Callable[..., Path]


@pytest.fixture
def checkpoint(tmp_path: Path, tokenizer_json: bytes) -> CheckpointMaker:
    """Saves a random classifier of a family, with a tokenizer."""

    def make(family: str = "squeezebert", **settings: Any) -> Path:
        torch.manual_seed(0)
        config = FAMILIES[family](**SHAPE | settings)
        folder = tmp_path / family
        transformers.AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
        (folder / "tokenizer.json").write_bytes(tokenizer_json)
        return folder

    return make


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_of_a_packed_batch_are_those_of_each_text(
    checkpoint: CheckpointMaker, family: str
) -> None:
    folder = checkpoint(family, **LABELS)
    classifier = load_checkpoint(folder)
    assert classifier.spec.task == "classification"
    assert classifier.spec.labels == ("bad", "so so", "good")
    assert classifier.spec.problem_type == "single_label_classification"
    assert classifier.tokenizer_json == folder / "tokenizer.json"
    texts = [([2, 5, 6, 3], [0, 0, 0, 0]), ([2, 7, 3, 8, 9, 10, 3], [0, 0, 0, 1, 1, 1, 1])]
    texts.append(([2], [0]))
    found = classifier.head(PackedBatch.from_encodings(texts))
    assert found.dtype == np.float32
    assert found.shape == (3, 3)

    model = classifier.model
    assert not model.training
    for (ids, types), row in zip(texts, found, strict=True):
        named = {} if family == "mpnet" else {"token_type_ids": torch.tensor([types])}
        with torch.no_grad():
            expected = model(torch.tensor([ids]), **named).logits[0]
        np.testing.assert_allclose(row, expected.numpy(), rtol=0, atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("settings", "problem_type"),
    [
        ({"num_labels": 1}, "regression"),
        ({"num_labels": 3}, "single_label_classification"),
        ({"problem_type": "multi_label_classification"}, "multi_label_classification"),
    ],
)
def test_what_the_logits_mean(
    checkpoint: CheckpointMaker, settings: dict[str, Any], problem_type: str
) -> None:
    assert load_checkpoint(checkpoint(**settings)).spec.problem_type == problem_type


@pytest.mark.parametrize(
    ("family", "tokenizer_limit", "limit"),
    [
        ("squeezebert", None, 24),
        ("bert", 16, 16),
        ("bert", 10**30, 24),
        ("mpnet", None, 22),  # its positions begin after the padding's
        ("mpnet", 512, 22),
    ],
)
def test_how_much_fits(
    checkpoint: CheckpointMaker, family: str, tokenizer_limit: int | None, limit: int
) -> None:
    folder = checkpoint(family)
    if tokenizer_limit is not None:
        settings = json.dumps({"model_max_length": tokenizer_limit})
        (folder / "tokenizer_config.json").write_text(settings)
    assert load_checkpoint(folder).spec.max_length == limit


@pytest.mark.parametrize(("family", "limit"), [("squeezebert", 24), ("mpnet", 22)])
def test_what_does_not_fit_is_refused(checkpoint: CheckpointMaker, family: str, limit: int) -> None:
    head = load_checkpoint(checkpoint(family)).head
    full = PackedBatch.from_encodings([([5] * limit, [0] * limit)])
    assert np.isfinite(head(full)).all()
    with pytest.raises(InputError, match=f"{limit + 1} tokens; 1 to {limit}"):
        head(PackedBatch.from_encodings([([5] * (limit + 1), [0] * (limit + 1))]))
    with pytest.raises(InputError, match="Sequence 0 has 0 tokens"):
        head(PackedBatch.from_encodings([([], [])]))


def as_older_layout(folder: Path) -> Path:
    """Keeps the weights as hub models did before safetensors."""
    file = folder / "pytorch_model.bin"
    torch.save(load_file(folder / "model.safetensors"), file)
    (folder / "model.safetensors").unlink()
    return file


def test_weights_of_the_older_layout_are_read(checkpoint: CheckpointMaker) -> None:
    folder = checkpoint()
    before = load_checkpoint(folder).model.state_dict()
    as_older_layout(folder)
    after = load_checkpoint(folder).model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_halves_become_float32(checkpoint: CheckpointMaker) -> None:
    folder = checkpoint()
    file = folder / "model.safetensors"
    halves = {name: tensor.half() for name, tensor in load_file(file).items()}
    save_file(halves, file, {"format": "pt"})
    assert load_checkpoint(folder).model.dtype == torch.float32


@pytest.mark.parametrize("family", ["squeezebert", "squeezebert-separable", "bert"])
def test_an_encoder_alone_embeds(checkpoint: CheckpointMaker, family: str) -> None:
    folder = checkpoint(family)
    transformers.AutoModel.from_config(FAMILIES[family](**SHAPE)).save_pretrained(folder)
    assert load_checkpoint(folder).spec.task == "embedding"


class TestRefused:
    """Each message names the folder, the cause and what to do."""

    @staticmethod
    def refuse(folder: Path, message: str) -> None:
        with pytest.raises(CheckpointError, match=message) as caught:
            load_checkpoint(folder)
        assert str(folder) in str(caught.value)

    def test_a_folder_that_is_not(self, tmp_path: Path) -> None:
        self.refuse(tmp_path / "nowhere", "no checkpoint folder.*downloaded first")

    def test_a_folder_without_a_configuration(self, tmp_path: Path) -> None:
        self.refuse(tmp_path, "no config.json.*save_pretrained")

    @pytest.mark.parametrize(
        "text",
        [
            "{",
            "[]",
            "{}",
            '{"model_type": "no-such-model"}',
            '{"model_type": "bert", "id2label": 3}',
        ],
    )
    def test_a_configuration_that_says_nothing(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "config.json").write_text(text)
        self.refuse(tmp_path, "config.json can't be used")

    def test_sizes_that_do_not_fit(self, checkpoint: CheckpointMaker) -> None:
        folder = checkpoint()
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"q_groups": 3}))
        self.refuse(folder, "q_groups 3 does not divide 16")

    def test_no_weights(self, checkpoint: CheckpointMaker) -> None:
        folder = checkpoint()
        (folder / "model.safetensors").unlink()
        self.refuse(folder, "Copy the checkpoint again")

    @pytest.mark.parametrize("damage", ["cut short", "empty", "foreign"])
    def test_damaged_weights_of_the_older_layout(
        self, checkpoint: CheckpointMaker, damage: str
    ) -> None:
        folder = checkpoint()
        file = as_older_layout(folder)
        whole = file.read_bytes()
        file.write_bytes({"cut short": whole[:-100], "empty": b"", "foreign": b"PK" * 99}[damage])
        self.refuse(folder, "can't be read.*Copy the checkpoint again")

    @pytest.mark.parametrize("damage", ["cut short", "empty", "foreign"])
    @pytest.mark.parametrize("family", ["squeezebert", "bert"])
    def test_damaged_weights(self, checkpoint: CheckpointMaker, family: str, damage: str) -> None:
        folder = checkpoint(family)
        file = folder / "model.safetensors"
        whole = file.read_bytes()
        file.write_bytes({"cut short": whole[:-100], "empty": b"", "foreign": b"PK" * 99}[damage])
        self.refuse(folder, "can't be read.*Copy the checkpoint again")

    def test_weights_of_other_sizes(self, checkpoint: CheckpointMaker) -> None:
        folder = checkpoint()
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 64}))
        self.refuse(folder, "can't be read as a sequence classifier")

    def test_an_encoder_alone_that_does_not_say_so(self, checkpoint: CheckpointMaker) -> None:
        folder = checkpoint()
        file = folder / "model.safetensors"
        rest = {n: t for n, t in load_file(file).items() if not n.startswith("classifier")}
        save_file(rest, file, {"format": "pt"})
        self.refuse(folder, "2 weights are missing: classifier.bias, classifier.weight. Fine-tune")

    def test_weights_it_has_no_use_for(self, checkpoint: CheckpointMaker) -> None:
        folder = checkpoint()
        file = folder / "model.safetensors"
        save_file(load_file(file) | {"adapter": torch.ones(2)}, file, {"format": "pt"})
        self.refuse(folder, "1 weights are unexpected: adapter")

    def test_a_head_for_another_task(self, checkpoint: CheckpointMaker) -> None:
        folder = checkpoint()
        model = ours.SqueezeBertForMultipleChoice(ours.SqueezeBertConfig(**SHAPE))
        model.save_pretrained(folder)
        self.refuse(folder, "holds a SqueezeBertForMultipleChoice, no sequence classifier")

    def test_a_regression_of_several_values(self, checkpoint: CheckpointMaker) -> None:
        folder = checkpoint(num_labels=3, problem_type="regression")
        self.refuse(folder, "a regression has one label")

    def test_no_tokenizer(self, checkpoint: CheckpointMaker) -> None:
        folder = checkpoint()
        (folder / "tokenizer.json").unlink()
        self.refuse(folder, "no tokenizer.json.*AutoTokenizer")
        (folder / "tokenizer.json.gz").touch()
        self.refuse(folder, "no tokenizer.json.*gunzip")

    @pytest.mark.parametrize("text", ["{", "[]", '{"model_max_length": "many"}'])
    def test_a_damaged_tokenizer_configuration(
        self, checkpoint: CheckpointMaker, text: str
    ) -> None:
        folder = checkpoint()
        (folder / "tokenizer_config.json").write_text(text)
        self.refuse(folder, "tokenizer_config.json")
