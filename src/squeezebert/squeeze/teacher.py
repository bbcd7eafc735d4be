"""Encoders to learn from: where each family keeps its parts, and how its token ids align."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, BertTokenizer

from squeezebert.errors import CheckpointError

MPNET_SHIFT = 4
"""MPNet's vocabulary is BERT's, after four marks of its own and before its <mask>."""


@dataclass(frozen=True)
class _Family:
    """Paths inside one encoder layer, and the id of the first position a token can have."""

    query: str
    key: str
    value: str
    post_attention: str
    post_attention_norm: str
    first_position: int = 0
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
_ROBERTA = _Family(
    query=_BERT.query,
    key=_BERT.key,
    value=_BERT.value,
    post_attention=_BERT.post_attention,
    post_attention_norm=_BERT.post_attention_norm,
    first_position=2,
)
_MPNET = _Family(
    query="attention.attn.q",
    key="attention.attn.k",
    value="attention.attn.v",
    post_attention="attention.attn.o",
    post_attention_norm="attention.LayerNorm",
    first_position=2,
)
FAMILIES = {"bert": _BERT, "roberta": _ROBERTA, "xlm-roberta": _ROBERTA, "mpnet": _MPNET}


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

    Raises:
        CheckpointError: It can't be loaded, or is of another family.
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
            self.tokenizer = _student_tokenizer(source, config.model_type)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{source} can't be loaded: {error}") from error
        self.model.eval().requires_grad_(False)
        self._ids = self._id_map()
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
        positions = embeddings.position_embeddings.weight[self.family.first_position :]
        if hasattr(embeddings, "token_type_embeddings"):
            types = embeddings.token_type_embeddings.weight
        else:
            types = words.new_zeros(2, words.shape[1])
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
            "[CLS]": self.config.bos_token_id,
            "[PAD]": self.config.pad_token_id,
            "[SEP]": self.config.eos_token_id,
            "[MASK]": self.config.vocab_size - 1,
        }
        for mark, teacher_id in marks.items():
            ids[self.tokenizer.token_to_id(mark)] = teacher_id
        return ids

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


def _student_tokenizer(source: str, model_type: str) -> Tokenizer:
    """The teacher's tokenizer without padding and truncation; for MPNet, the BERT one inside it."""
    loaded = AutoTokenizer.from_pretrained(source)
    if model_type == "mpnet":
        tokenizer = _bert_tokenizer(loaded.get_vocab(), bool(loaded.do_lower_case))
    else:
        tokenizer = Tokenizer.from_str(loaded.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _bert_tokenizer(mpnet_vocabulary: dict[str, int], lower_case: bool) -> Tokenizer:
    words = sorted(mpnet_vocabulary, key=mpnet_vocabulary.__getitem__)[MPNET_SHIFT:-1]
    bert = BertTokenizer(
        vocab={word: index for index, word in enumerate(words)}, do_lower_case=lower_case
    )
    return Tokenizer.from_str(bert.backend_tokenizer.to_str())
