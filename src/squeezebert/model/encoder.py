"""The SqueezeBERT encoder: embeddings, layers, pooler.

Parameter names and shapes are those of transformers' SqueezeBERT, so checkpoints load both ways.
Hidden states are [B, S, C]: batch, sequence, channels.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutput, BaseModelOutputWithPooling
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.utils.generic import can_return_tuple

from squeezebert.model.config import SqueezeBertConfig, SqueezeBertSeparableConfig
from squeezebert.model.layers import Depthwise, Dropout, drop, position_wise


class SqueezeBertEmbeddings(nn.Module):
    """Sum of word, position and token type embeddings, normalised."""

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.word_embeddings = nn.Embedding(
            config.vocab_size, width, padding_idx=config.pad_token_id
        )
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        input_ids: Tensor | None,
        token_type_ids: Tensor | None,
        position_ids: Tensor | None,
        inputs_embeds: Tensor | None,
    ) -> Tensor:
        """Ids are [B, S] (positions may be [1, S]), ``inputs_embeds`` and the result [B, S, C].

        Raises:
            ValueError: the sequence is longer than the position table, or not exactly one of
                ``input_ids`` and ``inputs_embeds`` is given.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("Give exactly one of input_ids and inputs_embeds")
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        length, limit = words.shape[1], self.position_embeddings.num_embeddings
        if position_ids is not None:
            positions = self.position_embeddings(position_ids)
        elif length > limit:
            raise ValueError(f"{length} tokens are more than the {limit} positions of this model")
        else:
            positions = self.position_embeddings.weight[:length]
        types = (
            self.token_type_embeddings.weight[0]
            if token_type_ids is None
            else self.token_type_embeddings(token_type_ids)
        )
        return cast(Tensor, self.dropout(self.LayerNorm(words + positions + types)))


def eager_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: object,
) -> tuple[Tensor, Tensor]:
    """Attention that shows its probabilities.

    Args:
        query, key, value: [B, H, S, D], heads of D channels.
        attention_mask: broadcasts to [B, H, S, S]; added to the scores, or boolean, True to keep.
            Or [B, S], 1 at tokens, which is what flash attention is given.

    Returns:
        The context [B, S, H, D] and the probabilities [B, H, S, S] (after dropout, as used).
    """
    scores = (query * scaling) @ key.transpose(2, 3)
    if attention_mask is not None:
        if attention_mask.ndim == 2:
            attention_mask = attention_mask[:, None, None].bool()
        if attention_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
        else:
            scores = scores + attention_mask
    probabilities = drop(scores.softmax(-1), dropout, module.training)
    return (probabilities @ value).transpose(1, 2), probabilities


class SqueezeBertSelfAttention(nn.Module):
    """Multi-head self-attention whose projections are position-wise layers in groups."""

    is_causal = False  # read by the attention interface

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__()
        self.config = config
        width = config.hidden_size
        self.head_size = width // config.num_attention_heads
        self.query = position_wise(config, width, width, config.q_groups)
        self.key = position_wise(config, width, width, config.k_groups)
        self.value = position_wise(config, width, width, config.v_groups)

    def forward(
        self,
        hidden: Tensor,
        attention_mask: Tensor | None = None,
        is_token: Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Maps [B, S, C] to [B, S, C], and the probabilities [B, H, S, S] if asked for."""
        heads = (*hidden.shape[:2], -1, self.head_size)
        query, key, value = (
            projection(hidden, is_token).view(heads).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        dropout = self.config.attention_probs_dropout_prob if self.training else 0.0
        attend: Callable[..., tuple[Tensor, Tensor | None]] = eager_attention
        # Only the eager form has probabilities to show, and on a processor it is the faster one
        # with dropout, which the fused kernel there lacks.
        if not output_attentions and not (dropout and hidden.device.type == "cpu"):
            attend = ALL_ATTENTION_FUNCTIONS.get_interface(
                self.config._attn_implementation, eager_attention
            )
        context, probabilities = attend(
            self,
            query,
            key,
            value,
            attention_mask,
            scaling=self.head_size**-0.5,
            dropout=dropout,
        )
        return context.flatten(2), probabilities


class SqueezeBertResidual(nn.Module):
    """A position-wise layer added to what came before, then normalised."""

    def __init__(self, config: SqueezeBertConfig, channels_in: int, groups: int) -> None:
        super().__init__()
        self.conv1d = position_wise(config, channels_in, config.hidden_size, groups)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, hidden: Tensor, residual: Tensor, is_token: Tensor | None = None) -> Tensor:
        """Maps [B, S, I] and the residual [B, S, C] to [B, S, C]."""
        added = self.dropout(self.conv1d(hidden, is_token)) + residual
        return cast(Tensor, self.layernorm(added))


class SqueezeBertIntermediate(nn.Module):
    """The widening position-wise layer and its activation."""

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__()
        self.conv1d = position_wise(
            config, config.hidden_size, config.intermediate_size, config.intermediate_groups
        )
        self.act = ACT2FN[config.hidden_act]

    def forward(self, hidden: Tensor, is_token: Tensor | None = None) -> Tensor:
        """Maps [B, S, C] to [B, S, intermediate]."""
        return cast(Tensor, self.act(self.conv1d(hidden, is_token)))


class SqueezeBertLayer(GradientCheckpointingLayer):
    """One transformer layer, in four steps that can also be called one by one.

    Attributes:
        attention: each token's context, from all tokens.
        post_attention: the context, added to what came in.
        intermediate: the sum, widened.
        output: the widened, added to that sum.
    """

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.attention = SqueezeBertSelfAttention(config)
        self.post_attention = SqueezeBertResidual(config, width, config.post_attention_groups)
        self.intermediate = SqueezeBertIntermediate(config)
        self.output = SqueezeBertResidual(config, config.intermediate_size, config.output_groups)

    def forward(
        self,
        hidden: Tensor,
        attention_mask: Tensor | None,
        is_token: Tensor | None,
        output_attentions: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Maps [B, S, C] to [B, S, C], and the probabilities [B, H, S, S] if asked for."""
        context, probabilities = self.attention(hidden, attention_mask, is_token, output_attentions)
        attended = self.post_attention(context, hidden, is_token)
        widened = self.intermediate(attended, is_token)
        return self.output(widened, attended, is_token), probabilities


class SqueezeBertEncoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            SqueezeBertLayer(config) for _ in range(config.num_hidden_layers)
        )

    def forward(
        self,
        hidden: Tensor,
        attention_mask: Tensor | None,
        is_token: Tensor | None,
        output_attentions: bool,
        output_hidden_states: bool,
    ) -> BaseModelOutput:
        """Maps [B, S, C] to [B, S, C]; L + 1 hidden states, the first is the input."""
        hidden_states, attentions = [hidden], []
        for layer in self.layers:
            hidden, probabilities = layer(hidden, attention_mask, is_token, output_attentions)
            if output_hidden_states:
                hidden_states.append(hidden)
            if output_attentions:
                attentions.append(probabilities)
        return BaseModelOutput(
            last_hidden_state=hidden,
            hidden_states=tuple(hidden_states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )


class SqueezeBertPooler(nn.Module):
    """The first token's state through a dense layer and tanh: [B, S, C] to [B, C]."""

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """Maps [B, S, C] to [B, C]."""
        return torch.tanh(self.dense(hidden[:, 0]))


class SqueezeBertPreTrainedModel(PreTrainedModel):
    """What all SqueezeBERT models share: configuration, initialisation, capabilities."""

    config: SqueezeBertConfig
    config_class = SqueezeBertConfig
    base_model_prefix = "transformer"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    # Older checkpoints hold the counted positions as a buffer.
    _keys_to_ignore_on_load_unexpected = [r"(^|\.)position_ids$"]  # noqa: RUF012 -- a list there
    _no_split_modules = ["SqueezeBertEmbeddings", "SqueezeBertLayer"]  # noqa: RUF012 -- a list there

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Normal weights, zero biases, and depthwise filters that pass their channel on."""
        super()._init_weights(module)
        if isinstance(module, Depthwise):
            init.dirac_(module.weight, groups=module.groups)


class SqueezeBertModel(SqueezeBertPreTrainedModel):
    """The encoder with its pooler, no head."""

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__(config)
        self.embeddings = SqueezeBertEmbeddings(config)
        self.encoder = SqueezeBertEncoder(config)
        self.pooler = SqueezeBertPooler(config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        """The word embeddings, [vocabulary, C]."""
        return self.embeddings.word_embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replaces the word embeddings."""
        self.embeddings.word_embeddings = cast(nn.Embedding, value)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
    ) -> BaseModelOutputWithPooling:
        """Encodes a padded batch.

        Args:
            input_ids: [B, S]; or give ``inputs_embeds``.
            attention_mask: [B, S], 1 at tokens and 0 at padding; all tokens if not given.
            token_type_ids: [B, S]; 0 if not given.
            position_ids: [B, S] or [1, S]; counted from 0 if not given.
            inputs_embeds: [B, S, C], the embeddings of words in place of their ids.
            output_attentions: also return each layer's attention probabilities [B, H, S, S].
            output_hidden_states: also return the L + 1 hidden states [B, S, C].
        """
        config = self.config
        embedded = self.embeddings(input_ids, token_type_ids, position_ids, inputs_embeds)
        is_token = None
        if attention_mask is not None and isinstance(config, SqueezeBertSeparableConfig):
            if attention_mask.ndim != 2:
                raise ValueError(
                    f"{config.model_type} needs attention_mask as [batch, sequence] to know the "
                    f"padding, not with {attention_mask.ndim} dimensions"
                )
            is_token = attention_mask.unsqueeze(-1).to(embedded.dtype)
        encoded = self.encoder(
            embedded,
            create_bidirectional_mask(
                config=config, inputs_embeds=embedded, attention_mask=attention_mask
            ),
            is_token,
            config.output_attentions if output_attentions is None else output_attentions,
            config.output_hidden_states if output_hidden_states is None else output_hidden_states,
        )
        return BaseModelOutputWithPooling(
            last_hidden_state=encoded.last_hidden_state,
            pooler_output=self.pooler(encoded.last_hidden_state),
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
