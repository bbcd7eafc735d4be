"""SqueezeBERT with a head for understanding: classify texts or tokens, find answers, choose.

Letters of shapes: B batch, S sequence, C channels, L labels, A alternatives to choose from. The
encoder's arguments are those of ``SqueezeBertModel.forward``.
"""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F
from transformers.modeling_outputs import (
    MultipleChoiceModelOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from transformers.utils.generic import can_return_tuple

from squeezebert.model.config import SqueezeBertConfig
from squeezebert.model.encoder import SqueezeBertModel, SqueezeBertPreTrainedModel
from squeezebert.model.layers import Dropout


class SqueezeBertForSequenceClassification(SqueezeBertPreTrainedModel):
    """Classifies a text or a pair, or gives it a number, from the pooled first token."""

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__(config)
        self.transformer = SqueezeBertModel(config)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, cast(int, config.num_labels))
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
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
    ) -> SequenceClassifierOutput:
        """Logits [B, L].

        Args:
            labels: class ids [B] of a single-label problem, 0 or 1 as floats [B, L] of a
                multi-label problem, or floats [B] or [B, L] of a regression. Which one it is says
                ``config.problem_type``; without it, one label is a regression, whole numbers are
                class ids, and floats are several labels.
        """
        encoded = self.transformer(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            output_attentions,
            output_hidden_states,
            return_dict=True,
        )
        logits = self.classifier(self.dropout(encoded.pooler_output))
        return SequenceClassifierOutput(
            loss=None if labels is None else self._loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        problem = self.config.problem_type
        if problem is None:
            if self.config.num_labels == 1:
                problem = "regression"
            elif labels.is_floating_point():
                problem = "multi_label_classification"
            else:
                problem = "single_label_classification"
        if problem == "regression":
            return F.mse_loss(logits, labels.view_as(logits).to(logits.dtype))
        if problem == "single_label_classification":
            return F.cross_entropy(logits, labels.view(-1))
        return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))


class SqueezeBertForTokenClassification(SqueezeBertPreTrainedModel):
    """Labels each token."""

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__(config)
        self.transformer = SqueezeBertModel(config)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, cast(int, config.num_labels))
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
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
    ) -> TokenClassifierOutput:
        """Logits [B, S, L].

        Args:
            labels: class ids [B, S], -100 where there is none.
        """
        encoded = self.transformer(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            output_attentions,
            output_hidden_states,
            return_dict=True,
        )
        logits = self.classifier(self.dropout(encoded.last_hidden_state))
        return TokenClassifierOutput(
            loss=None
            if labels is None
            else F.cross_entropy(logits.flatten(0, 1), labels.flatten()),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )


class SqueezeBertForQuestionAnswering(SqueezeBertPreTrainedModel):
    """Scores each token as the start and as the end of the answer."""

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__(config)
        self.transformer = SqueezeBertModel(config)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
    ) -> QuestionAnsweringModelOutput:
        """Start and end logits, each [B, S].

        Args:
            start_positions: the answer's first token [B]. A position outside the sequence, as of
                an answer in another window, adds nothing to the loss.
            end_positions: the answer's last token [B], likewise.
        """
        encoded = self.transformer(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            output_attentions,
            output_hidden_states,
            return_dict=True,
        )
        start_logits, end_logits = self.qa_outputs(encoded.last_hidden_state).unbind(-1)
        loss = None
        if start_positions is not None and end_positions is not None:
            outside = start_logits.shape[1]
            loss = (
                F.cross_entropy(
                    start_logits, start_positions.view(-1).clamp(0, outside), ignore_index=outside
                )
                + F.cross_entropy(
                    end_logits, end_positions.view(-1).clamp(0, outside), ignore_index=outside
                )
            ) / 2
        return QuestionAnsweringModelOutput(
            loss=loss,
            start_logits=start_logits,
            end_logits=end_logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )


class SqueezeBertForMultipleChoice(SqueezeBertPreTrainedModel):
    """Scores alternatives, each a sequence of its own, against one another."""

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__(config)
        self.transformer = SqueezeBertModel(config)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, 1)
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
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
    ) -> MultipleChoiceModelOutput:
        """Logits [B, A] from inputs [B, A, S].

        Hidden states and attentions, if asked for, have B * A rows.

        Args:
            labels: the right alternatives [B].
        """
        given = input_ids if input_ids is not None else inputs_embeds
        alternatives = 1 if given is None else given.shape[1]
        encoded = self.transformer(
            *(
                tensor if tensor is None else tensor.flatten(0, 1)
                for tensor in (
                    input_ids,
                    attention_mask,
                    token_type_ids,
                    position_ids,
                    inputs_embeds,
                )
            ),
            output_attentions,
            output_hidden_states,
            return_dict=True,
        )
        scores = self.classifier(self.dropout(encoded.pooler_output))
        logits = scores.view(-1, alternatives)
        return MultipleChoiceModelOutput(
            loss=None if labels is None else F.cross_entropy(logits, labels.view(-1)),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
