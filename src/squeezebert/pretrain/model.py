"""The model as it is trained: losses alone, of the words that were hidden."""

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezebert.model import SqueezeBertForMaskedLM, SqueezeBertForPreTraining
from squeezebert.model.heads import IGNORED


class Guesser(SqueezeBertForPreTraining):
    """Scores only hidden words: the table of words is most of the arithmetic of a small model."""

    _keys_to_ignore_on_save = set(SqueezeBertForPreTraining._tied_weights_keys)  # noqa: RUF012 -- a set there

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor,
        labels: Tensor,
        sentence_order_label: Tensor | None = None,
    ) -> Tensor:
        """Sums of losses [2]: of hidden words, and of the order of segments, 0 without labels."""
        encoded = self.transformer(input_ids=input_ids, token_type_ids=token_type_ids)
        hidden = labels != IGNORED
        scores = self.cls.predictions(encoded.last_hidden_state[hidden])
        words = F.cross_entropy(scores, labels[hidden], reduction="sum")
        order = self.cls.seq_relationship(encoded.pooler_output)
        if sentence_order_label is None:
            return torch.stack([words, 0 * order.sum()])  # every weight has its part in the loss
        return torch.stack([words, F.cross_entropy(order, sentence_order_label, reduction="sum")])

    def finished(self) -> SqueezeBertForMaskedLM:
        """The encoder with the head that guesses words."""
        model = SqueezeBertForMaskedLM(self.config)
        wanted = model.state_dict().keys()
        state = {name: value for name, value in self.state_dict().items() if name in wanted}
        model.load_state_dict(state)
        return model
