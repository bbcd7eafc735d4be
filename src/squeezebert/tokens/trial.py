"""What is looked for in a ``tokenizer.json`` before it is used."""

from typing import Any

import tokenizers

_LONGEST_REPLACEMENT = 64  # characters, of a normaliser
_SPACE = "\u2581"  # as SentencePiece writes one
_IN_NO_SCRIPT = "\U0010fffd"  # a character for private use


def check_normalizer(settings: Any) -> None:
    """Raises ValueError where one makes a long text of a short one."""
    if isinstance(settings, dict):
        if settings.get("type") in ("Replace", "Prepend"):
            text = settings.get("content") or settings.get("prepend") or ""
            if len(text) > _LONGEST_REPLACEMENT:
                raise ValueError(f"it replaces a character by {len(text):,}")
        settings = list(settings.values())
    if isinstance(settings, list):
        for part in settings:
            check_normalizer(part)


def unknown_ids(tokenizer: tokenizers.Tokenizer) -> frozenset[int]:
    """The token of unknown words, and that of a mere space; none where bytes spell every word."""
    model = tokenizer.model
    token = tokenizer.token_to_id(getattr(model, "unk_token", None) or "")
    if token is None and isinstance(model, tokenizers.models.Unigram):
        # It names its own by number alone; to a vocabulary of bytes, the letter is several tokens.
        ids = tokenizer.encode(_IN_NO_SCRIPT, add_special_tokens=False).ids
        token = ids[-1] if len(ids) <= 2 else None
    if token is None:
        return frozenset()
    space = tokenizer.token_to_id(_SPACE)
    return frozenset({token} if space is None else {token, space})
