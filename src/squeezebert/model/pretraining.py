"""SqueezeBERT with the heads that it is pre-trained with.

The decoder of the masked language model is tied to the word embeddings. Letters of shapes: B batch,
S sequence, C channels, V vocabulary.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import initialization as init
from transformers.activations import ACT2FN
from transformers.modeling_outputs import BaseModelOutputWithPooling, MaskedLMOutput
from transformers.utils.generic import ModelOutput, can_return_tuple

from squeezebert.model.config import SqueezeBertConfig
from squeezebert.model.heads import SqueezeBertWithHead, token_loss


class SqueezeBertPredictionHeadTransform(nn.Module):
    """Dense layer, activation, normalisation: [B, S, C] to [B, S, C]."""

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.act = ACT2FN[config.hidden_act]
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        """Maps [B, S, C] to [B, S, C]."""
        return cast(Tensor, self.LayerNorm(self.act(self.dense(hidden))))


class SqueezeBertLMPredictionHead(nn.Module):
    """Scores every word of the vocabulary at every token: [B, S, C] to [B, S, V]."""

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__()
        self.transform = SqueezeBertPredictionHeadTransform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        # Checkpoints hold the decoder's bias under this name too; the two are tied.
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden: Tensor) -> Tensor:
        """Maps [B, S, C] to [B, S, V]."""
        return cast(Tensor, self.decoder(self.transform(hidden)))


class SqueezeBertPreTrainingHeads(nn.Module):
    """The masked language model's head, and one for the order of two sentences if wanted."""

    def __init__(self, config: SqueezeBertConfig, sentence_order: bool) -> None:
        super().__init__()
        self.predictions = SqueezeBertLMPredictionHead(config)
        if sentence_order:
            self.seq_relationship = nn.Linear(config.hidden_size, 2)


class _TiedDecoder(SqueezeBertWithHead):
    """A model whose decoder is tied to the word embeddings."""

    _tied_weights_keys = {  # noqa: RUF012 -- a dict there
        "cls.predictions.decoder.weight": "transformer.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }
    cls: SqueezeBertPreTrainingHeads

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, SqueezeBertLMPredictionHead):
            init.zeros_(module.bias)

    def get_output_embeddings(self) -> nn.Module:
        """The decoder, weight [V, C] and bias [V]."""
        return self.cls.predictions.decoder

    def set_output_embeddings(self, new_embeddings: nn.Linear) -> None:
        """Replaces the decoder and its bias."""
        self.cls.predictions.decoder = new_embeddings
        self.cls.predictions.bias = new_embeddings.bias


class SqueezeBertForMaskedLM(_TiedDecoder):
    """Guesses masked words.

    Logits are [B, S, V]; labels are word ids [B, S], -100 where nothing was masked.
    """

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__(config)
        self.cls = SqueezeBertPreTrainingHeads(config, sentence_order=False)
        self.post_init()

    def _answer(self, encoded: BaseModelOutputWithPooling, labels: Tensor | None) -> MaskedLMOutput:
        """Logits [B, S, V]."""
        logits = self.cls.predictions(encoded.last_hidden_state)
        return MaskedLMOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )


@dataclass
class SqueezeBertForPreTrainingOutput(ModelOutput):
    """Word logits [B, S, V], sentence order logits [B, 2], and the sum of the two losses."""

    loss: Tensor | None = None
    prediction_logits: Tensor | None = None
    sop_logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class SqueezeBertForPreTraining(_TiedDecoder):
    """Guesses masked words and whether two sentences are in order.

    Source of the second task: Lan et al. 2019, "ALBERT", section 3.1, as SqueezeBERT's pre-training
    uses it.
    """

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__(config)
        self.cls = SqueezeBertPreTrainingHeads(config, sentence_order=True)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        sentence_order_label: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
    ) -> SqueezeBertForPreTrainingOutput:
        """Logits of words [B, S, V] and of the sentences' order [B, 2].

        Args:
            labels: word ids [B, S], -100 where nothing was masked.
            sentence_order_label: [B], 0 if the two sentences are in order, 1 if they are swapped.
                The loss is the sum over the labels that are given.
        """
        encoded = self._encode(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            output_attentions,
            output_hidden_states,
        )
        prediction_logits = self.cls.predictions(encoded.last_hidden_state)
        sop_logits = self.cls.seq_relationship(encoded.pooler_output)
        losses = []
        if labels is not None:
            losses.append(token_loss(prediction_logits, labels))
        if sentence_order_label is not None:
            losses.append(F.cross_entropy(sop_logits, sentence_order_label.view(-1)))
        return SqueezeBertForPreTrainingOutput(
            loss=torch.stack(losses).sum() if losses else None,
            prediction_logits=prediction_logits,
            sop_logits=sop_logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
