"""Checkpoints on disk, both ways between our models and transformers' own, old names included."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from squeezebert import model as ours
from squeezebert.errors import CheckpointError

Batch = Callable[..., dict[str, torch.Tensor]]
Randomise = Callable[[nn.Module], nn.Module]

HEADS = {
    "Model": "AutoModel",
    "ForMaskedLM": "AutoModelForMaskedLM",
    "ForPreTraining": "AutoModelForPreTraining",
    "ForSequenceClassification": "AutoModelForSequenceClassification",
    "ForTokenClassification": "AutoModelForTokenClassification",
    "ForQuestionAnswering": "AutoModelForQuestionAnswering",
    "ForMultipleChoice": "AutoModelForMultipleChoice",
}
SHARED_HEADS = [head for head in HEADS if head != "ForPreTraining"]
CONFIGS = [ours.SqueezeBertConfig, ours.SqueezeBertSeparableConfig]


def load(cls: Any, folder: Path) -> Any:
    """Loads a model from which nothing is missing and to which nothing is foreign."""
    model, report = cls.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()), report
    return model.eval()


def first_output(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    if type(model).__name__.endswith("MultipleChoice"):
        inputs = {name: tensor[None] for name, tensor in inputs.items()}
    with torch.no_grad():
        output: torch.Tensor = model(**inputs)[0]
    return output


@pytest.mark.parametrize("head", SHARED_HEADS)
def test_theirs_load_in_ours_and_ours_in_theirs(
    tiny: dict[str, Any], randomise: Randomise, batch: Batch, tmp_path: Path, head: str
) -> None:
    their_class = getattr(transformers, f"SqueezeBert{head}")
    our_class = getattr(ours, f"SqueezeBert{head}")
    theirs: Any = randomise(their_class(transformers.SqueezeBertConfig(**tiny)))
    theirs.save_pretrained(tmp_path / "theirs")
    mine = load(our_class, tmp_path / "theirs")
    mine.save_pretrained(tmp_path / "ours")
    back = load(their_class, tmp_path / "ours")
    expected = first_output(theirs, batch(7))
    assert (first_output(mine, batch(7)) - expected).abs().max() <= 1e-5
    assert (first_output(back, batch(7)) - expected).abs().max() <= 1e-5
    files = [load_file(tmp_path / name / "model.safetensors") for name in ("theirs", "ours")]
    shapes = [{name: tensor.shape for name, tensor in file.items()} for file in files]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("config", CONFIGS)
def test_auto_classes_find_ours(
    tiny: dict[str, Any], batch: Batch, tmp_path: Path, config: Any, head: str
) -> None:
    our_class = getattr(ours, f"SqueezeBert{head}")
    saved = our_class(config(**tiny)).eval()
    saved.save_pretrained(tmp_path)
    auto = getattr(transformers, HEADS[head])
    for found in (load(auto, tmp_path), load(our_class, tmp_path)):
        assert type(found) is our_class
        assert type(found.config) is config
        difference = first_output(found, batch(7)) - first_output(saved, batch(7))
        assert difference.abs().max() <= 1e-5  # mapped weights lie otherwise in memory
    assert type(auto.from_config(config(**tiny))) is our_class
    assert type(transformers.AutoConfig.from_pretrained(tmp_path)) is config


def test_their_classes_stay_theirs(tiny: dict[str, Any], tmp_path: Path) -> None:
    theirs = transformers.AutoModel.from_config(transformers.SqueezeBertConfig(**tiny))
    assert type(theirs) is transformers.SqueezeBertModel
    theirs.save_pretrained(tmp_path)
    assert type(load(transformers.SqueezeBertModel, tmp_path)) is transformers.SqueezeBertModel


@pytest.mark.parametrize("config", CONFIGS)
def test_tokenizers_are_found(tiny: dict[str, Any], tmp_path: Path, config: Any) -> None:
    config(**tiny).save_pretrained(tmp_path)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer("Good")["input_ids"] == [2, 5, 3]


def test_transformers_alone_refuses_the_separable_kind(
    tiny: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours.SqueezeBertModel(ours.SqueezeBertSeparableConfig(**tiny)).save_pretrained(tmp_path)
    monkeypatch.setattr(CONFIG_MAPPING, "_extra_content", {})  # what others registered
    with pytest.raises(ValueError, match="model type `squeezebert-separable`"):
        transformers.AutoModel.from_pretrained(tmp_path)


class TestTiedDecoder:
    @pytest.mark.parametrize("cls", [ours.SqueezeBertForMaskedLM, ours.SqueezeBertForPreTraining])
    def test_is_tied_and_stays_so(self, tiny: dict[str, Any], tmp_path: Path, cls: Any) -> None:
        model = cls(ours.SqueezeBertConfig(**tiny))
        self.assert_tied(model)
        model.save_pretrained(tmp_path)
        stored = load_file(tmp_path / "model.safetensors")
        assert "cls.predictions.decoder.weight" not in stored
        self.assert_tied(load(cls, tmp_path))

    def test_grows_with_the_vocabulary(self, tiny: dict[str, Any]) -> None:
        model = ours.SqueezeBertForMaskedLM(ours.SqueezeBertConfig(**tiny))
        model.resize_token_embeddings(70, mean_resizing=False)
        self.assert_tied(model)
        assert model(torch.tensor([[69]])).logits.shape == (1, 1, 70)

    @staticmethod
    def assert_tied(model: Any) -> None:
        predictions = model.cls.predictions
        assert predictions.decoder.weight is model.transformer.embeddings.word_embeddings.weight
        assert predictions.decoder.bias is predictions.bias
        assert model.get_output_embeddings() is predictions.decoder


class TestOldNames:
    """Checkpoints of the hub were written by older libraries."""

    @pytest.fixture
    def saved(self, tiny: dict[str, Any], randomise: Randomise, tmp_path: Path) -> Any:
        config = transformers.SqueezeBertConfig(**tiny | {"vocab_size": 30_528})
        model: Any = randomise(transformers.SqueezeBertForMaskedLM(config))
        model.save_pretrained(tmp_path)
        return model

    @staticmethod
    def rename(folder: Path, change: Callable[[str], str], **extra: torch.Tensor) -> None:
        stored = load_file(folder / "model.safetensors")
        renamed = {change(name): tensor for name, tensor in stored.items()}
        save_file(renamed | extra, folder / "model.safetensors", {"format": "pt"})

    def check(self, saved: Any, folder: Path, batch: Batch) -> None:
        for cls in (ours.SqueezeBertForMaskedLM, transformers.AutoModelForMaskedLM):
            found = load(cls, folder)
            assert found.config.vocab_size == 30_528
            difference = first_output(found, batch(7)) - first_output(saved, batch(7))
            assert difference.abs().max() <= 2e-5

    def test_as_they_are_now(self, saved: Any, batch: Batch, tmp_path: Path) -> None:
        self.check(saved, tmp_path, batch)

    def test_gamma_and_beta(self, saved: Any, batch: Batch, tmp_path: Path) -> None:
        def older(name: str) -> str:
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
            return name.replace("LayerNorm.bias", "LayerNorm.beta")

        self.rename(tmp_path, older)
        self.check(saved, tmp_path, batch)

    def test_counted_positions(self, saved: Any, batch: Batch, tmp_path: Path) -> None:
        name = "transformer.embeddings.position_ids"
        self.rename(tmp_path, str, **{name: torch.arange(40)[None]})
        self.check(saved, tmp_path, batch)

    def test_decoder_stored_beside_the_embeddings(
        self, saved: Any, batch: Batch, tmp_path: Path
    ) -> None:
        decoder = saved.cls.predictions.decoder
        self.rename(
            tmp_path,
            str,
            **{
                "cls.predictions.decoder.weight": decoder.weight.detach().clone(),
                "cls.predictions.decoder.bias": decoder.bias.detach().clone(),
            },
        )
        self.check(saved, tmp_path, batch)

    def test_encoder_with_and_without_its_prefix(
        self, saved: Any, batch: Batch, tmp_path: Path
    ) -> None:
        """As of squeezebert-mnli-headless, an encoder to put a new head on."""
        saved.transformer.save_pretrained(tmp_path / "headless")
        with_head: Any = ours.SqueezeBertForSequenceClassification
        model, report = with_head.from_pretrained(
            tmp_path / "headless", num_labels=3, output_loading_info=True
        )
        assert sorted(report["missing_keys"]) == ["classifier.bias", "classifier.weight"]
        assert not report["unexpected_keys"]
        assert model.classifier.out_features == 3
        without: Any = ours.SqueezeBertModel
        encoder, report = without.from_pretrained(tmp_path, output_loading_info=True)
        assert not report["missing_keys"]
        assert all(name.startswith("cls.") for name in report["unexpected_keys"])
        expected = first_output(saved.transformer, batch(7))
        for found in (model.transformer, encoder):
            assert (first_output(found.eval(), batch(7)) - expected).abs().max() <= 1e-5


class TestConfig:
    def test_embedding_size_follows_the_hidden_size(self) -> None:
        config = ours.SqueezeBertConfig(hidden_size=384, num_attention_heads=12)
        assert config.embedding_size == 384
        assert (
            ours.SqueezeBertConfig().to_dict()
            == ours.SqueezeBertConfig(**transformers.SqueezeBertConfig().to_diff_dict()).to_dict()
        )

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"embedding_size": 128}, "embedding_size 128 must equal hidden_size 768"),
            ({"num_attention_heads": 7}, "not a multiple of num_attention_heads 7"),
            ({"q_groups": 5}, "q_groups 5 does not divide 768"),
            ({"k_groups": 0}, "k_groups 0"),
            ({"intermediate_groups": 7}, "intermediate_groups 7 does not divide 768 and 3072"),
        ],
    )
    def test_sizes_that_do_not_fit(self, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            ours.SqueezeBertConfig(**settings)

    @pytest.mark.parametrize("kernel_size", [0, 2, -1])
    def test_kernels_without_a_centre(self, kernel_size: int) -> None:
        with pytest.raises(ValueError, match="not a positive odd number"):
            ours.SqueezeBertSeparableConfig(kernel_size=kernel_size)

    def test_another_model_is_refused(self, tmp_path: Path) -> None:
        transformers.BertConfig().save_pretrained(tmp_path)
        with pytest.raises(CheckpointError, match="model type 'bert'"):
            ours.SqueezeBertModel.from_pretrained(tmp_path)

    def test_a_grouped_checkpoint_is_not_read_as_separable(
        self, tiny: dict[str, Any], tmp_path: Path
    ) -> None:
        ours.SqueezeBertConfig(**tiny).save_pretrained(tmp_path)
        with pytest.raises(CheckpointError, match="model type 'squeezebert'"):
            ours.SqueezeBertSeparableConfig.from_pretrained(tmp_path)
