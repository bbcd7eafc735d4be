"""Encoders to learn from: where each family keeps its parts, and how its token ids align."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    BertTokenizer,
    PreTrainedTokenizerFast,
)
from transformers.utils.hub import cached_file

from squeezebert.errors import CheckpointError
from squeezebert.model.roles import require_pieces
from squeezebert.vocabulary import frame, spells_every_byte, unknown_piece

MPNET_SHIFT = 4
"""MPNet's vocabulary is BERT's, after four marks of its own and before its <mask>."""


@dataclass(frozen=True)
class _Family:
    """Paths inside one encoder layer."""

    query: str
    key: str
    value: str
    post_attention: str
    post_attention_norm: str
    intermediate: str = "intermediate.dense"
    output: str = "output.dense"
    output_norm: str = "output.LayerNorm"


_BERT = _Family(
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    post_attention="attention.output.dense",
    post_attention_norm="attention.output.LayerNorm",
)
_MPNET = _Family(
    query="attention.attn.q",
    key="attention.attn.k",
    value="attention.attn.v",
    post_attention="attention.attn.o",
    post_attention_norm="attention.LayerNorm",
)
FAMILIES = {"bert": _BERT, "roberta": _BERT, "xlm-roberta": _BERT, "mpnet": _MPNET}


@dataclass(frozen=True)
class TeacherLayer:
    """The parts of one encoder layer under the names of the student's parts."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    post_attention: nn.Linear
    post_attention_norm: nn.LayerNorm
    intermediate: nn.Linear
    output: nn.Linear
    output_norm: nn.LayerNorm
    run: Callable[[Tensor], Tensor]
    """Hidden states in, hidden states out, both [batch, length, hidden]; no padding."""


class Teacher:
    """A frozen encoder that is fed the student's token ids.

    Args:
        source: Folder or hub id of a BERT, RoBERTa, XLM-RoBERTa or MPNet encoder; a head that it
            may have is left out.

    Attributes:
        tokenizer: The student's: the teacher's own, without padding and truncation; of MPNet the
            BERT one inside it.
        special_tokens: Its special tokens by their role, as transformers names it: ``pad_token``.

    Raises:
        CheckpointError: It can't be loaded, is of another family, or its tokenizer has no piece for
            padding or for unknown characters.
    """

    def __init__(self, source: str) -> None:
        try:
            config = AutoConfig.from_pretrained(source)
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"{source} is no checkpoint to learn from: {error} "
                "Give the folder or hub id of an encoder."
            ) from error
        if config.model_type not in FAMILIES:
            raise CheckpointError(
                f"{source} is of the family {config.model_type!r}; "
                f"a teacher must be one of {', '.join(FAMILIES)}."
            )
        self.family = FAMILIES[config.model_type]
        self.config = config
        try:
            # Families name their parts differently, which types can't say.
            self.model: Any = AutoModel.from_pretrained(source, dtype=torch.float32)
            loaded = _student_tokenizer(source, config.model_type)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{source} can't be loaded: {error}") from error
        self.tokenizer = Tokenizer.from_str(loaded.backend_tokenizer.to_str())
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.special_tokens = self._special_tokens(loaded, source)
        self.model.eval().requires_grad_(False)
        self._ids = self._id_map()
        if (last := max(self.tokenizer.get_vocab().values())) >= len(self._ids):
            raise CheckpointError(
                f"{source}: the tokenizer's last piece is number {last}, the table of embeddings "
                f"has {len(self._ids)} rows. Give the tokenizer that the teacher was trained with."
            )
        self.layers = [self._layer(module) for module in self.model.encoder.layer]

    def ids(self, input_ids: Tensor) -> Tensor:
        """The student's token ids [batch, length] as the teacher's."""
        return self._ids.to(input_ids.device)[input_ids]

    def embed(self, input_ids: Tensor) -> Tensor:
        """Embedding output [batch, length, hidden] for the student's unpadded token ids."""
        embedded: Tensor = self.model.embeddings(input_ids=self.ids(input_ids))
        return embedded

    def hidden_states(self, input_ids: Tensor) -> tuple[Tensor, ...]:
        """Output of the embeddings and of every layer, [batch, length, hidden] each."""
        output = self.model(input_ids=self.ids(input_ids), output_hidden_states=True)
        states: tuple[Tensor, ...] = output.hidden_states
        return states

    def embedding_weights(self) -> dict[str, Tensor]:
        """Embedding parameters in the student's names and order of ids."""
        embeddings = self.model.embeddings
        words = embeddings.word_embeddings.weight[self._ids]
        # RoBERTa and MPNet count positions from after the padding's id.
        before = embeddings.position_embeddings.padding_idx
        positions = embeddings.position_embeddings.weight[0 if before is None else before + 1 :]
        if hasattr(embeddings, "token_type_embeddings"):
            types = embeddings.token_type_embeddings.weight
        else:
            types = words.new_zeros(1, words.shape[1])
        if len(types) == 1:  # the second text of a pair has a type of its own in some tokenizers
            types = types.repeat(2, 1)
        return {
            "word_embeddings.weight": words,
            "position_embeddings.weight": positions,
            "token_type_embeddings.weight": types,
            "LayerNorm.weight": embeddings.LayerNorm.weight,
            "LayerNorm.bias": embeddings.LayerNorm.bias,
        }

    def _id_map(self) -> Tensor:
        """The teacher's id for each of the student's."""
        if self.config.model_type != "mpnet":
            return torch.arange(self.config.vocab_size)
        ids = torch.arange(self.config.vocab_size - MPNET_SHIFT - 1) + MPNET_SHIFT
        marks = {
            "cls_token": self.config.bos_token_id,
            "pad_token": self.config.pad_token_id,
            "sep_token": self.config.eos_token_id,
            "mask_token": self.config.vocab_size - 1,
        }
        for role, teacher_id in marks.items():
            ids[self.tokenizer.token_to_id(self.special_tokens[role])] = teacher_id
        return ids

    def _special_tokens(self, loaded: Any, source: str) -> dict[str, str]:
        """The tokenizer's special tokens by role; those that a student needs are among them."""
        roles = {
            role: mark for role, mark in loaded.special_tokens_map.items() if isinstance(mark, str)
        }
        before, after = frame(self.tokenizer)
        for role, ids in (("cls_token", before[:1]), ("sep_token", after[:1])):
            for mark in map(self.tokenizer.id_to_token, ids):
                roles.setdefault(role, str(mark))
        pad = self.config.pad_token_id
        require_pieces(self.tokenizer, roles, source, pad)
        roles.setdefault("pad_token", str(self.tokenizer.id_to_token(pad or 0)))
        if not spells_every_byte(self.tokenizer):
            roles["unk_token"] = str(unknown_piece(self.tokenizer))
        return roles

    def _layer(self, module: nn.Module) -> TeacherLayer:
        def part(path: str) -> nn.Module:
            return module.get_submodule(path)

        names: dict[str, Any] = {
            name: part(getattr(self.family, name))
            for name in TeacherLayer.__dataclass_fields__
            if name != "run"
        }
        return TeacherLayer(**names, run=lambda hidden: self._run(module, hidden))

    def _run(self, module: nn.Module, hidden: Tensor) -> Tensor:
        if self.config.model_type == "mpnet":
            bias = self.model.encoder.compute_position_bias(hidden)
            output = module(hidden, None, bias)
        else:
            output = module(hidden)
        result: Tensor = output[0] if isinstance(output, tuple) else output
        return result


def _student_tokenizer(source: str, model_type: str) -> Any:
    """The teacher's tokenizer; for MPNet, the BERT one inside it."""
    # Where there is a file it decides; a class made for a model may build something else from it.
    has_file = cached_file(source, "tokenizer.json", _raise_exceptions_for_missing_entries=False)
    kind: Any = PreTrainedTokenizerFast if has_file and model_type != "mpnet" else AutoTokenizer
    loaded = kind.from_pretrained(source)
    if model_type != "mpnet":
        return loaded
    mpnet = loaded.get_vocab()
    words = sorted(mpnet, key=mpnet.__getitem__)[MPNET_SHIFT:-1]
    return BertTokenizer(
        vocab={word: index for index, word in enumerate(words)},
        do_lower_case=bool(loaded.do_lower_case),
    )
