"""Fixtures: tiny teachers of every family, made on the spot.

What needs torch is imported when a fixture is used, so that other tests start at once.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
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

SHAPE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "max_position_embeddings": 32,
}

ROBERTA_MARKS = "<s> </s> <pad> <mask> <unk>"

TEXTS = (
    "a good film and a bad plot . a very good plot ! unmoved by films and plots",
    "ein guter Film und eine schlechte Geschichte; größere Bögen für alle",
    "un très bon film, une mauvaise intrigue, où ça ?",
    "хороший фильм и плохой сюжет",
)

TeacherMaker = Callable[[str], Path]


@pytest.fixture
def make_teacher(tmp_path: Path, tokenizer_json: bytes) -> TeacherMaker:
    """Writes a random teacher of the named family and returns its folder."""

    def make(family: str) -> Path:
        import torch

        folder = tmp_path / f"{family}-teacher"
        torch.manual_seed(0)
        model, tokenizer = FAMILIES[family](tokenizer_json)
        with torch.no_grad():
            for parameter in model.parameters():
                # Larger than at initialisation, so that layers matter; norms stay near one.
                parameter.add_(torch.randn_like(parameter) * 0.2)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture
def interrupted_at() -> Callable[[str], Callable[[str], None]]:
    """Makes a ``say`` that prints nothing; the line that starts so is where Ctrl-C is pressed."""

    def make(start: str) -> Callable[[str], None]:
        def say(line: str) -> None:
            if line.startswith(start):
                raise KeyboardInterrupt

        return say

    return make


@pytest.fixture
def killed_in_a_save(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Inside, a training is killed before its second best checkpoint so far is complete."""

    @contextmanager
    def make() -> Iterator[None]:
        from squeezebert.training import checkpoints

        seal, sealed = checkpoints.seal, list[Path]()

        def killed(folder: Path) -> None:
            state = json.loads((folder / "trainer_state.json").read_text())
            if sealed and state["best_global_step"] == state["global_step"]:
                raise KeyboardInterrupt
            sealed.append(folder)
            seal(folder)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(checkpoints, "seal", killed)
            yield

    return make


def unigram_tokenizer() -> Tokenizer:
    """Trained on `TEXTS`, in the manner of XLM-RoBERTa: NFKC, Metaspace, ``<s>`` and ``</s>``."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        TEXTS * 5,
        trainers.UnigramTrainer(
            vocab_size=150,
            special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
            unk_token="<unk>",
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    return tokenizer


def byte_level_tokenizer() -> Tokenizer:
    """Trained on `TEXTS`, in the manner of GPT-2 and RoBERTa; its marks have names of their own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(
        TEXTS * 5,
        trainers.BpeTrainer(
            vocab_size=350,
            special_tokens=["<|start|>", "<|end|>", "<|pad|>", "<|mask|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(
        ("<|end|>", 1), ("<|start|>", 0), add_prefix_space=False
    )
    return tokenizer


def _bert(tokenizer_json: bytes) -> tuple[Any, Any]:
    from transformers import BertConfig, BertModel

    tokenizer = Tokenizer.from_str(tokenizer_json.decode())
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), **SHAPE)
    return BertModel(config), _fast(tokenizer, "[CLS] [SEP] [PAD] [MASK] [UNK]")


def _roberta(tokenizer_json: bytes) -> tuple[Any, Any]:
    from transformers import RobertaConfig, RobertaModel

    words = list(Tokenizer.from_str(tokenizer_json.decode()).get_vocab())
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocabulary = {word: index for index, word in enumerate(marks + words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    config = RobertaConfig(vocab_size=len(vocabulary), pad_token_id=1, type_vocab_size=1, **SHAPE)
    return RobertaModel(config), _fast(tokenizer, ROBERTA_MARKS)


def _xlm_roberta(_: bytes) -> tuple[Any, Any]:
    from transformers import XLMRobertaConfig, XLMRobertaModel

    tokenizer = unigram_tokenizer()
    config = XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), pad_token_id=1, type_vocab_size=1, **SHAPE
    )
    return XLMRobertaModel(config), _fast(tokenizer, ROBERTA_MARKS)


def _byte_level(_: bytes) -> tuple[Any, Any]:
    from transformers import RobertaConfig, RobertaModel

    tokenizer = byte_level_tokenizer()
    # The padding comes third, so that positions begin at three.
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), pad_token_id=2, type_vocab_size=1, **SHAPE
    )
    return RobertaModel(config), _fast(tokenizer, "<|start|> <|end|> <|pad|> <|mask|>")


def _mpnet(tokenizer_json: bytes) -> tuple[Any, Any]:
    from transformers import MPNetConfig, MPNetModel, MPNetTokenizer

    bert = Tokenizer.from_str(tokenizer_json.decode()).get_vocab()
    words = sorted(bert, key=bert.__getitem__)
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", *words, "<mask>"]
    tokenizer = MPNetTokenizer(
        vocab={word: index for index, word in enumerate(vocabulary)}, do_lower_case=True
    )
    return MPNetModel(MPNetConfig(vocab_size=len(vocabulary), **SHAPE)), tokenizer


def _fast(tokenizer: Tokenizer, marks: str) -> Any:
    from transformers import PreTrainedTokenizerFast

    names = ("cls_token", "sep_token", "pad_token", "mask_token", "unk_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **dict(zip(names, marks.split(), strict=False))
    )


FAMILIES = {
    "bert": _bert,
    "roberta": _roberta,
    "xlm-roberta": _xlm_roberta,
    "byte-level": _byte_level,
    "mpnet": _mpnet,
}
