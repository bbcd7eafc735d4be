"""What others do with models: adapters by peft, programs by torch.export."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.export import Dim

from squeezebert.model import (
    SqueezeBertConfig,
    SqueezeBertForSequenceClassification,
    SqueezeBertSeparableConfig,
)


def small(
    config: type[SqueezeBertConfig] = SqueezeBertConfig,
) -> SqueezeBertForSequenceClassification:
    torch.manual_seed(0)
    model = SqueezeBertForSequenceClassification(
        config(
            vocab_size=50,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=64,
        )
    )
    model.train(False)
    return model


def batch(rows: int, length: int) -> dict[str, torch.Tensor]:
    ids = torch.randint(1, 50, (rows, length), generator=torch.Generator().manual_seed(rows))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


# Nor is merging with the groups of torch's own convolution.
@pytest.mark.filterwarnings("ignore:LoRA adapter added to ConvNd layer with groups > 1")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_lora_adapts_query_and_value(tmp_path: Path) -> None:
    model = small()
    wanted = model(**batch(2, 7)).logits
    settings = LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["query", "value"])
    adapted = get_peft_model(model, settings)
    torch.testing.assert_close(adapted(**batch(2, 7)).logits, wanted)  # it begins at zero
    learnt = [name for name, weight in adapted.named_parameters() if weight.requires_grad]
    assert {name.split(".")[-3] for name in learnt if "lora" in name} == {"lora_A", "lora_B"}
    optimizer = torch.optim.SGD((p for p in adapted.parameters() if p.requires_grad), lr=1.0)
    loss = adapted(**batch(2, 7), labels=torch.tensor([0, 1])).loss
    loss.backward()
    optimizer.step()
    changed = adapted.eval()(**batch(2, 7)).logits
    assert not torch.allclose(changed, wanted)
    adapted.save_pretrained(str(tmp_path))
    assert (tmp_path / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize("config", [SqueezeBertConfig, SqueezeBertSeparableConfig])
@pytest.mark.parametrize("strict", [False, True])
def test_an_exported_program_takes_any_batch_and_length(
    config: type[SqueezeBertConfig], strict: bool
) -> None:
    model = small(config)
    rows, length = Dim("rows", min=2, max=64), Dim("length", min=2, max=64)
    axes = {0: rows, 1: length}
    program = torch.export.export(
        model,
        (),
        kwargs=batch(3, 9),
        dynamic_shapes={"input_ids": axes, "attention_mask": axes},
        strict=strict,
    ).module()
    for size in ((3, 9), (2, 40), (32, 20), (64, 64)):  # also more tokens than change the product
        inputs = batch(*size)
        torch.testing.assert_close(
            program(**inputs).logits, model(**inputs).logits, rtol=1e-4, atol=1e-4
        )
