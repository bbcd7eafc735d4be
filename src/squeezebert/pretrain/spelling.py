"""A tokenizer for a language that has none."""

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


def trained_tokenizer(lines: Iterable[str], spelling: Spelling, pieces: int) -> Tokenizer:
    """Trains a tokenizer that tells upper case from lower.

    Args:
        lines: Of the language.
        pieces: Of the vocabulary, special ones included; there are fewer if the text is short.
    """
    special = list(SPECIAL.values())
    unknown = SPECIAL["unk_token"]
    trainer: trainers.Trainer
    if spelling == Spelling.WORDPIECE:
        tokenizer = Tokenizer(models.WordPiece(unk_token=unknown))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(
            vocab_size=pieces, special_tokens=special, show_progress=False
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
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(mark, special.index(mark)) for mark in ("[CLS]", "[SEP]")],
    )
    return tokenizer
