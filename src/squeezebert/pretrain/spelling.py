"""A tokenizer for a language that has none."""

import json
from collections.abc import Iterable

from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from squeezebert.pretrain.settings import Spelling

SPECIAL = {
    "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}  # fmt: skip
"""The special pieces by their role, with the ids 0 to 4."""

_STEP = 1e-4  # between the scores that Unigram's trainer gives to characters
_DIGITS = 9  # of scores, behind the point


def trained_tokenizer(lines: Iterable[str], spelling: Spelling, pieces: int) -> Tokenizer:
    """Trains a tokenizer that tells upper case from lower.

    The same lines give the same one: the library's trainers go through tables in an order that each
    process draws anew, which numbers pieces, and breaks ties between them.

    Args:
        lines: Of the language.
        pieces: Of the vocabulary, special ones included; there are fewer if the text is short.
    """
    lines = list(lines)
    special = list(SPECIAL.values())
    unknown = SPECIAL["unk_token"]
    trainer: trainers.Trainer
    if spelling == Spelling.WORDPIECE:
        tokenizer = Tokenizer(models.WordPiece(unk_token=unknown))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        # Named as special, they have their numbers before the trainer meets them.
        numbered = [*special, *_inside_words(lines, tokenizer)]
        trainer = trainers.WordPieceTrainer(
            vocab_size=pieces, special_tokens=numbered, show_progress=False
        )
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
        )
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=pieces, special_tokens=special, unk_token=unknown, show_progress=False
        )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer = _in_order(tokenizer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(mark, special.index(mark)) for mark in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _inside_words(lines: Iterable[str], tokenizer: Tokenizer) -> list[str]:
    """The pieces for single characters that words go on with."""
    found: set[str] = set()
    for line in lines:
        normal = tokenizer.normalizer.normalize_str(line)
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal):
            found.update(word[1:])
    return [f"##{character}" for character in sorted(found)]


def _in_order(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer with no other special tokens, and pieces of equal standing by the alphabet.

    A Unigram model gives characters that are no piece by themselves scores from the least one on, a
    step apart, in any order.
    """
    parts = json.loads(tokenizer.to_str())
    own = SPECIAL.values()
    parts["added_tokens"] = [token for token in parts["added_tokens"] if token["content"] in own]
    if parts["model"]["type"] == "Unigram":
        scores = {piece: round(score, _DIGITS) for piece, score in parts["model"]["vocab"]}
        least = min(scores.values())
        steps = {p: (score - least) / _STEP for p, score in scores.items() if len(p) == 1}
        added = [p for p, step in steps.items() if abs(step - round(step)) * _STEP < 10**-_DIGITS]
        lent = sorted((scores[p] for p in added), reverse=True)
        scores |= dict(zip(sorted(added), lent, strict=True))
        others = sorted(scores.keys() - own, key=lambda piece: (-scores[piece], piece))
        parts["model"]["vocab"] = [[piece, scores[piece]] for piece in (*own, *others)]
    return Tokenizer.from_str(json.dumps(parts))
