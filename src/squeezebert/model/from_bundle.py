"""A bundle's encoder as a checkpoint to train on: its integers are a fine start."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.numpy import save
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from squeezebert.bundle import Architecture, read_bundle
from squeezebert.bundle.architecture import Mixer
from squeezebert.bundle.tensors import as_floats
from squeezebert.files import replacing_folder
from squeezebert.model.config import SqueezeBertConfig, SqueezeBertSeparableConfig
from squeezebert.model.roles import special_tokens


def write_encoder(bundle: Path, folder: Path) -> None:
    """Writes a bundle's encoder, with its pooler if it has one, as a Hugging Face folder.

    Where the word embeddings are then left as they are, a bundle made of what was trained has the
    same table, to the byte.

    Raises:
        BundleError: the bundle can't be used.
    """
    source = read_bundle(bundle)
    architecture = source.manifest.architecture
    encoder = architecture.shapes().keys()
    weights = {
        name: as_floats(tensor)
        for name, tensor in source.tensors.items()
        if name in encoder or name.startswith("pooler.")
    }
    tokenizer = Tokenizer.from_buffer(source.tokenizer_json)
    special = special_tokens(tokenizer)
    config = config_of(architecture, tokenizer.get_vocab().get(special.get("pad_token", ""), 0))
    with replacing_folder(folder, marker="config.json") as aside:
        config.save_pretrained(aside)
        (aside / "model.safetensors").write_bytes(save(weights, metadata={"format": "pt"}))
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            model_max_length=architecture.max_position_embeddings,
            **special,
        ).save_pretrained(aside)


def config_of(architecture: Architecture, pad_id: int) -> SqueezeBertConfig:
    """The configuration of an encoder of a bundle; without dropout, which small ones don't need."""
    values: dict[str, Any] = asdict(architecture)
    groups, mixer, taps = (values.pop(name) for name in ("groups", "mixer", "kernel_size"))
    values |= {f"{name}_groups": count for name, count in groups.items()}
    values |= {"architectures": ["SqueezeBertModel"], "pad_token_id": pad_id}
    values |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    if mixer == Mixer.GROUPED:
        return SqueezeBertConfig(**values)
    return SqueezeBertSeparableConfig(**values, kernel_size=taps)
