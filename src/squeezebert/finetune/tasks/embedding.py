"""What is learnt to embed texts: a teacher's vectors, or how similar people found pairs."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from squeezebert.bundle import Task
from squeezebert.data.labels import as_numbers
from squeezebert.data.repeats import shared
from squeezebert.data.tasks.classification import Table
from squeezebert.data.tasks.embedding import Texts
from squeezebert.errors import DataError, InputError
from squeezebert.finetune.defaults import Kind
from squeezebert.finetune.encoding import EncodedExamples, encode
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.settings import Decided
from squeezebert.finetune.tasks.taught import Told, WithUnlabelled
from squeezebert.model.sentence_transformers import mean_of_tokens
from squeezebert.pipelines import Embedder, Pipeline
from squeezebert.tokenizer import Encoding, Item, Tokenizer
from squeezebert.training.processes import mean_of_losses, rows_of_all

_SHARPNESS = 20.0  # of the ranking loss, as its author has it


@dataclass(frozen=True)
class EmbeddingTask(WithUnlabelled):
    """A `TrainingTask` of texts to embed as a teacher does, or of pairs with a similarity.

    Attributes:
        texts: of each example in order; a pair's two follow one another.
        scores: of the pairs, float32 ``[n]``; None for single texts.
        dev: pairs with a similarity.
        notes: what was found in the data.
    """

    texts: list[str]
    scores: Tensor | None
    dev: Table
    notes: tuple[str, ...]

    name = Task.EMBEDDING
    has_classes = False
    metric = "spearman"
    held_out: Path | None = None

    @property
    def kind(self) -> Kind:
        """What is learnt, as far as the choice of settings goes."""
        return Kind.EMBEDDINGS

    @property
    def size(self) -> int:
        """How many training examples there are, those without scores included."""
        return len(self.items) // self._texts_each

    @property
    def items(self) -> Sequence[Item]:
        """The texts of all examples in order.

        Among pairs, texts without a score are put together in twos.
        """
        odd = len(self.unlabelled) % self._texts_each
        return [*self.texts, *self.unlabelled, *self.unlabelled[:odd]]

    @property
    def rows(self) -> Sequence[Item]:
        """The pairs with a score; else the texts."""
        if self.scores is None:
            return self.items
        return list(zip(self.texts[::2], self.texts[1::2], strict=True))

    @property
    def _texts_each(self) -> int:
        return 1 if self.scores is None else 2

    @property
    def config(self) -> dict[str, Any]:
        """Nothing: the outputs are the encoder's hidden states."""
        return {}

    @property
    def facts(self) -> dict[str, Any]:
        """What is learnt from."""
        return {"learnt_from": "texts" if self.scores is None else "pairs"}

    @property
    def digest(self) -> str:
        """SHA-256 of all texts and scores, in order."""
        scores = None if self.scores is None else self.scores.tolist()
        everything = [self.texts, scores, self.unlabelled]
        return hashlib.sha256(json.dumps(everything).encode()).hexdigest()

    def encode(self, tokenizer: Tokenizer, max_length: int) -> EncodedExamples:
        """The examples, each text cut to ``max_length`` tokens; a pair's two in one row."""
        encodings = encode(tokenizer, self.items, max_length)
        if self.scores is None:
            return EncodedExamples(encodings)
        both = list(encodings)
        rows = map(_joined, both[::2], both[1::2])
        first_length = torch.tensor([len(encoding.ids) for encoding in both[::2]])
        unknown = torch.full((self.size - len(self.scores),), torch.nan)
        scores = torch.cat([self.scores, unknown])
        return EncodedExamples(rows, first_length=first_length, scores=scores)

    def loss(self, model: Any, batch: dict[str, Tensor], settings: Decided) -> Tensor:
        """How far vectors are from the teacher's, similarities from the order of the scores.

        With both, alpha weighs the teacher's part and 1 - alpha the scores'.

        Raises:
            InputError: there is nothing to learn from, or the teacher's vectors are of another
                width than the model's.
        """
        vectors_BTC = _vectors(model, batch, self._texts_each)
        own = None
        if self.scores is not None:
            cosines = (vectors_BTC[:, 0] * vectors_BTC[:, 1]).sum(-1)
            own = ranking_loss(rows_of_all(cosines), rows_of_all(batch["scores"]))
        if "teacher" not in batch:
            if own is None:
                raise InputError(
                    "Texts without scores are learnt from a teacher. Name a checkpoint that makes "
                    "sentence embeddings with a teacher, or train on pairs with a score."
                )
            return own
        teacher_BTC = batch["teacher"]
        if teacher_BTC.shape != vectors_BTC.shape:
            raise InputError(
                f"The teacher's vectors have {teacher_BTC.shape[-1]} numbers and the model's "
                f"{vectors_BTC.shape[-1]}. Choose a teacher of the model's width."
            )
        distilled = mean_of_losses(1 - (vectors_BTC * teacher_BTC).sum(-1).flatten())
        return distilled if own is None else settings.alpha * distilled + (1 - settings.alpha) * own

    def score_of_words(self) -> None:
        """Nothing: words alone don't tell similarity."""

    def check_teacher(self, teacher: Pipeline) -> None:
        """Raises InputError unless the teacher embeds texts."""
        if not isinstance(teacher, Embedder):
            raise InputError(
                f"The teacher is for {teacher.spec.task}. Name an encoder that makes sentence "
                "embeddings."
            )

    def asked(self, examples: EncodedExamples) -> dict[str, Any]:
        """Vectors."""
        return {"task": self.name}

    def ask(self, teacher: Pipeline, examples: EncodedExamples, places: Sequence[int]) -> Told:
        """The teacher's unit vectors, a row for each text."""
        assert isinstance(teacher, Embedder)  # by `check_teacher`
        items = self.items
        vectors = teacher.vectors([str(items[place]) for place in places])  # single texts all
        return Told(torch.from_numpy(vectors), torch.ones(len(places), dtype=torch.int64))

    def placed(self, told: Told, examples: EncodedExamples) -> Tensor:
        """Float32 ``[examples, texts of an example, hidden]``."""
        return told.values.view(len(examples), self._texts_each, -1)


def prepare_embedding(
    train: Table | Texts, dev: Table | Texts | None, hold_out: HoldOut, names: list[str] | None
) -> EmbeddingTask:
    """Reads and checks the examples.

    Raises:
        DataError: there are no dev data, or they are no pairs with a score; the data has empty
            texts or scores, or scores that are no numbers.
        InputError: class names are given.
    """
    if names:
        raise InputError("Label names are for classes, and embeddings have none.")
    if not isinstance(dev, Table):
        raise DataError(
            "The best checkpoint is chosen by pairs of texts with a similarity. "
            "Give such a file as dev data."
        )
    summary = dev.check()
    as_numbers(summary.labels, dev.name, summary.places)
    notes = [*train.notes, *dev.notes, *summary.repeats]
    if isinstance(train, Texts):
        train.check()
        return EmbeddingTask([example.item for example in train], None, dev, tuple(notes))
    summary = train.check()
    examples = list(train)
    scores = as_numbers((example.label for example in examples), train.name, summary.places)
    notes += summary.repeats
    notes += shared(
        (example.item for example in examples),
        ((dev.place(example.number), example.item) for example in dev),
        dev.name,
        "pairs",
    )
    texts = [text for example in examples for text in example.item]
    return EmbeddingTask(texts, torch.tensor(scores), dev, tuple(notes))


def ranking_loss(cosines: Tensor, scores: Tensor) -> Tensor:
    """CoSENT (Su 2022, https://kexue.fm/archives/8847): grows where pairs are in the wrong order.

    It asks for the order of the scores only, so they may be on any scale, and missing ones, NaN,
    are in none. For all pairs i and j of the batch with ``scores[i] < scores[j]`` it is the
    logarithm of 1 plus the sum of ``exp(20 * (cosines[i] - cosines[j]))``.

    Args:
        cosines: ``[B]``, of the two texts of each pair.
        scores: ``[B]``, how similar people found them.
    """
    differences = _SHARPNESS * (cosines[:, None] - cosines[None, :])
    ordered = differences[scores[:, None] < scores[None, :]]
    return torch.cat([ordered.new_zeros(1), ordered]).logsumexp(0)


def _joined(first: Encoding, second: Encoding) -> Encoding:
    """Two sequences as one row, for the examples of a batch to stay together."""
    return Encoding(
        ids=first.ids + second.ids,
        type_ids=first.type_ids + second.type_ids,
        offsets=first.offsets + second.offsets,
        total_tokens=first.total_tokens + second.total_tokens,
    )


def _vectors(model: Any, batch: dict[str, Tensor], texts_each: int) -> Tensor:
    """Unit vectors of the texts of each example, ``[B, texts, hidden]``."""
    ids, mask = batch["input_ids"], batch["attention_mask"]
    if texts_each == 2:
        rows = []
        for row, length, cut in zip(ids, mask.sum(1), batch["first_length"], strict=True):
            rows += [row[:cut], row[cut:length]]
        ids = pad_sequence(rows, batch_first=True)  # with any id: the mask hides it
        ones = [torch.ones_like(row) for row in rows]
        mask = pad_sequence(ones, batch_first=True)
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    means = mean_of_tokens(hidden, mask.bool())
    vectors: Tensor = F.normalize(means, dim=-1).unflatten(0, (-1, texts_each))
    return vectors
