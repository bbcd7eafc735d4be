"""A checkpoint's tokenizer, and which of its pieces is for what."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from squeezebert.errors import CheckpointError
from squeezebert.vocabulary import frame, unknown_piece


def special_tokens(tokenizer: Tokenizer) -> dict[str, str]:
    """The special tokens as transformers names their roles, by their place in the tokenizer.

    What stands before a text and after it is what the post-processor puts there. Of the others, the
    first is for padding, unless the tokenizer says which, and the last one is the mask.
    """
    before, after = frame(tokenizer)
    roles = {"cls_token": before[:1], "sep_token": after[:1]}
    found = {role: str(tokenizer.id_to_token(ids[0])) for role, ids in roles.items() if ids}
    if (unknown := unknown_piece(tokenizer)) is not None:
        found["unk_token"] = unknown
    others = [
        token.content
        for _, token in sorted(tokenizer.get_added_tokens_decoder().items())
        if token.special and token.content not in found.values()
    ]
    if tokenizer.padding is not None:
        found["pad_token"] = tokenizer.padding["pad_token"]
        others = [token for token in others if token != found["pad_token"]]
    elif others:
        found["pad_token"] = others.pop(0)
    if others:
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
    return tokenizer, special_tokens(tokenizer) | stated


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
