"""SqueezeBERT with a head for understanding: classify texts or tokens, find answers, choose.

Letters of shapes: B batch, S sequence, C channels, L labels, A alternatives to choose from. The
encoder's arguments are those of ``SqueezeBertModel.forward``.
"""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F
from transformers.modeling_outputs import (
    BaseModelOutputWithPooling,
    MultipleChoiceModelOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from transformers.utils.generic import ModelOutput, can_return_tuple

from squeezebert.model.config import SqueezeBertConfig
from squeezebert.model.encoder import SqueezeBertModel, SqueezeBertPreTrainedModel
from squeezebert.model.layers import Dropout

IGNORED = -100
"""The label of what a loss leaves out."""


class SqueezeBertWithHead(SqueezeBertPreTrainedModel):
    """An encoder whose output a head makes something of.

    A head is what a subclass adds in its constructor, and `_answer`.
    """

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__(config)
        self.transformer = SqueezeBertModel(config)

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
    ) -> ModelOutput:
        """What the class says its logits are; with ``labels``, the loss too."""
        encoded = self._encode(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            output_attentions,
            output_hidden_states,
        )
        return self._answer(encoded, labels)

    def _encode(self, *arguments: Tensor | bool | None) -> BaseModelOutputWithPooling:
        """The encoder's output, from its arguments in their order."""
        return cast(BaseModelOutputWithPooling, self.transformer(*arguments, return_dict=True))

    def _answer(self, encoded: BaseModelOutputWithPooling, labels: Tensor | None) -> ModelOutput:
        """What the head makes of the encoder's output; each head has its own."""
        raise NotImplementedError


class SqueezeBertForSequenceClassification(SqueezeBertWithHead):
    """Classifies a text or a pair, or gives it a number, from the pooled first token.

    Logits are [B, L]. Labels are class ids [B] of a single-label problem, 0 or 1 as floats [B, L]
    of a multi-label problem, or floats [B] or [B, L] of a regression. ``config.problem_type`` says
    which it is; without it, one label is a regression, whole numbers are class ids, and floats are
    several labels.
    """

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__(config)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, cast(int, config.num_labels))
        self.post_init()

    def _answer(
        self, encoded: BaseModelOutputWithPooling, labels: Tensor | None
    ) -> SequenceClassifierOutput:
        """Logits [B, L]."""
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


class SqueezeBertForTokenClassification(SqueezeBertWithHead):
    """Labels each token.

    Logits are [B, S, L]; labels are class ids [B, S], -100 where there is none.
    """

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__(config)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, cast(int, config.num_labels))
        self.post_init()

    def _answer(
        self, encoded: BaseModelOutputWithPooling, labels: Tensor | None
    ) -> TokenClassifierOutput:
        """Logits [B, S, L]."""
        logits = self.classifier(self.dropout(encoded.last_hidden_state))
        return TokenClassifierOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )


class SqueezeBertForQuestionAnswering(SqueezeBertWithHead):
    """Scores each token as the start and as the end of the answer."""

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__(config)
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
        encoded = self._encode(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            output_attentions,
            output_hidden_states,
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


class SqueezeBertForMultipleChoice(SqueezeBertWithHead):
    """Scores alternatives, each a sequence of its own, against one another.

    Inputs are [B, A, S], logits [B, A]; labels are the right alternatives [B]. Hidden states and
    attentions, if asked for, have B * A rows.
    """

    def __init__(self, config: SqueezeBertConfig) -> None:
        super().__init__(config)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, 1)
        self.post_init()

    def _encode(self, *arguments: Tensor | bool | None) -> BaseModelOutputWithPooling:
        """The encoder's output for every alternative; pooled states are [B, A, C]."""
        alternatives = next((each.shape[1] for each in arguments if isinstance(each, Tensor)), 1)
        encoded = super()._encode(
            *(each.flatten(0, 1) if isinstance(each, Tensor) else each for each in arguments)
        )
        pooled = cast(Tensor, encoded.pooler_output)
        encoded.pooler_output = pooled.unflatten(0, (-1, alternatives))
        return encoded

    def _answer(
        self, encoded: BaseModelOutputWithPooling, labels: Tensor | None
    ) -> MultipleChoiceModelOutput:
        """Logits [B, A]."""
        logits = self.classifier(self.dropout(encoded.pooler_output)).squeeze(-1)
        return MultipleChoiceModelOutput(
            loss=None if labels is None else F.cross_entropy(logits, labels.view(-1)),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )


def token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of logits [B, S, L] and ids [B, S], but where an id is -100."""
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())
