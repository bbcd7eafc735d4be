"""Masked words, guessed in a second pass over the same text."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from squeezebert.model import SqueezeBertModel
from squeezebert.model.pretraining import SqueezeBertLMPredictionHead
from squeezebert.squeeze.teacher import Teacher

MASKED = 0.15


class MaskedLM(nn.Module):
    """The mean cross-entropy of masked words, from a head that begins at random.

    Of 15% of the tokens 80% become the mask, 10% a random word and 10% stay. Source: Devlin et al.
    2019, "BERT" (arXiv 1810.04805), section 3.1. The words' vectors are the student's own.
    """

    def __init__(self, student: SqueezeBertModel, teacher: Teacher) -> None:
        super().__init__()
        self.head = SqueezeBertLMPredictionHead(student.config)
        self.head.decoder.weight = student.embeddings.word_embeddings.weight
        marks, ids = teacher.special_tokens, teacher.tokenizer.get_vocab()
        self._mask = ids[marks["mask_token"]]
        self._marks = torch.tensor([ids[mark] for mark in marks.values()])

    def forward(self, student: SqueezeBertModel, ids: Tensor) -> Tensor:
        """The loss for ids [B, S]."""
        chosen = (torch.rand(ids.shape) < MASKED) & ~torch.isin(ids, self._marks)
        fate = torch.rand(ids.shape)
        words = torch.randint(student.config.vocab_size, ids.shape)
        given = torch.where(chosen & (fate < 0.8), self._mask, ids)
        given = torch.where(chosen & (fate >= 0.9), words, given)
        states = student(input_ids=given).last_hidden_state
        return F.cross_entropy(self.head(states[chosen]), ids[chosen])
