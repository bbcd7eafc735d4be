"""A checkpoint's tokenizer, and which of its pieces is for what."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from squeezebert.errors import CheckpointError
from squeezebert.vocabulary import frame, spells_every_byte, unknown_piece


def special_tokens(
    tokenizer: Tokenizer, stated: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """The special tokens as transformers names their roles, by their place in the tokenizer.

    What stands before a text and after it is what the post-processor puts there. Of the others, the
    first is for padding, unless the tokenizer says which, and the last one is the mask.

    Args:
        stated: roles that are known otherwise.
    """
    before, after = frame(tokenizer)
    roles = {"cls_token": before[:1], "sep_token": after[:1]}
    found = {role: str(tokenizer.id_to_token(ids[0])) for role, ids in roles.items() if ids}
    if (unknown := unknown_piece(tokenizer)) is not None:
        found["unk_token"] = unknown
    found |= stated
    others = [
        token.content
        for _, token in sorted(tokenizer.get_added_tokens_decoder().items())
        if token.special and token.content not in found.values()
    ]
    if "pad_token" not in found and tokenizer.padding is not None:
        found["pad_token"] = tokenizer.padding["pad_token"]
        others = [token for token in others if token != found["pad_token"]]
    if "pad_token" not in found and others:
        found["pad_token"] = others.pop(0)
    if "mask_token" not in found and others:
        found["mask_token"] = others[-1]
    return found


def tokenizer_of(folder: Path) -> tuple[Tokenizer, dict[str, str]]:
    """A checkpoint's tokenizer, and its special pieces by their role, those stated first of all.

    Raises:
        CheckpointError: The folder has no usable tokenizer.
    """
    try:
        loaded = PreTrainedTokenizerFast.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder} has no usable tokenizer: {error}") from error
    tokenizer = Tokenizer.from_str(loaded.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    stated = {
        role: mark for role, mark in loaded.special_tokens_map.items() if isinstance(mark, str)
    }
    return tokenizer, special_tokens(tokenizer, stated)


def require_pieces(
    tokenizer: Tokenizer, special: Mapping[str, str], checkpoint: str, pad_id: int | None = None
) -> None:
    """Checks what every model needs.

    Args:
        special: the special pieces by their role.
        checkpoint: whose tokenizer it is, for the message.
        pad_id: which piece the model pads with, by its configuration.

    Raises:
        CheckpointError: there is no piece for padding, or none for what no piece can spell.
    """
    padded = pad_id is not None and tokenizer.id_to_token(pad_id) is not None
    if "pad_token" not in special and not padded:
        raise CheckpointError(
            f"The tokenizer of {checkpoint} has no piece for padding. Name one as pad_token in "
            "tokenizer_config.json."
        )
    if unknown_piece(tokenizer) is None and not spells_every_byte(tokenizer):
        raise CheckpointError(
            f"The tokenizer of {checkpoint} has no piece for unknown characters. Name one in the "
            "model of tokenizer.json (unk_token, or unk_id of a Unigram model)."
        )


def name_mask(config: Any, folder: Path) -> None:
    """Adds to a model's configuration which token hides a word.

    Raises:
        CheckpointError: The folder's tokenizer can't be used, or has no such token.
    """
    tokenizer, special = tokenizer_of(folder)
    mask = tokenizer.token_to_id(special.get("mask_token", ""))
    if mask is None:
        raise CheckpointError(
            f"The tokenizer of {folder} has no piece that hides a word. Name one as mask_token in "
            "tokenizer_config.json."
        )
    config.mask_token_id = mask
