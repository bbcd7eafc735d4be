"""Classification and regression of texts and pairs of texts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from squeezebert.bundle import Bundle, Tensor
from squeezebert.bundle.manifest import ProblemType
from squeezebert.bundle.tensors import Floats, as_floats
from squeezebert.errors import BundleError, InputError
from squeezebert.runtime import Engine, PackedBatch
from squeezebert.tokenizer import Encoding, Item, Tokenizer

# Measured: beyond this the products gain nothing and their results outgrow the cache.
_TOKENS_PER_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Classification:
    """What was predicted for one item.

    Attributes:
        label: the most probable label; of a regression, the name of the value.
        score: its probability in 0..1; of a regression, the value.
        scores: probability of every label. They sum to 1, but for a multi-label problem, where
            each stands alone. Of a regression, the value.
        value: the predicted value of a regression, else None.
        tokens: tokens that the model saw, special tokens included.
        total_tokens: how many there would have been without truncation.
    """

    label: str
    score: float
    scores: dict[str, float]
    value: float | None
    tokens: int
    total_tokens: int

    @property
    def truncated(self) -> bool:
        """Whether the model saw only a part of the item."""
        return self.tokens < self.total_tokens


class Classifier:
    """Classifies texts and pairs of texts.

    Args:
        tokenizer: for the encoder's vocabulary.
        logits: from a packed batch to float32 ``[sequences, labels]``.
        labels: label names in the order of the logits.
        problem_type: as in a Hugging Face configuration; says how logits become scores.
        max_length: tokens, special tokens included, beyond which an item is truncated.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        logits: Callable[[PackedBatch], Floats],
        labels: Sequence[str],
        problem_type: ProblemType,
        max_length: int,
    ) -> None:
        self.labels = tuple(labels)
        self.problem_type = problem_type
        self.max_length = max_length
        self._tokenizer = tokenizer
        self._logits = logits

    def __call__(self, items: Sequence[Item]) -> list[Classification]:
        """Predicts every item, in order.

        A text without words, such as "" or one of only spaces, is answered like any other; its
        ``tokens`` show that the model saw special tokens only.

        Raises:
            InputError: an item is neither a text nor a pair of texts, or holds lone surrogates;
                the message names its index.
        """
        if isinstance(items, str):
            raise InputError("Pass a list of texts, such as [text], not a single text.")
        for index, item in enumerate(items):
            _check(index, item)
        encodings = self._tokenizer.encode_batch(items, self.max_length)
        answers: dict[int, Classification] = {}
        for batch in _batches(encodings):
            packed = PackedBatch.from_encodings(
                (encodings[index].ids, encodings[index].type_ids) for index in batch
            )
            scores = self._scores(self._logits(packed))
            for index, row in zip(batch, scores.tolist(), strict=True):
                answers[index] = self._answer(row, encodings[index])
        return [answers[index] for index in range(len(encodings))]

    def _scores(self, logits: Floats) -> Floats:
        if self.problem_type == "regression":
            return logits
        if self.problem_type == "multi_label_classification":
            return np.asarray(1 / (1 + np.exp(-logits.clip(-80, 80))))  # exp(89) overflows
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

    def _answer(self, row: list[float], encoding: Encoding) -> Classification:
        best = row.index(max(row))
        return Classification(
            label=self.labels[best],
            score=row[best],
            scores=dict(zip(self.labels, row, strict=True)),
            value=row[0] if self.problem_type == "regression" else None,
            tokens=len(encoding.ids),
            total_tokens=encoding.total_tokens,
        )


class Head:
    """Logits of the first token's hidden state: a dense layer with tanh, then the classifier."""

    def __init__(self, engine: Engine, weights: Mapping[str, Tensor]) -> None:
        """Takes pooler.dense [hidden, hidden] and classifier [labels, hidden], each with bias."""
        self._engine = engine
        self._pooler, self._pooler_bias, self._classifier, self._classifier_bias = (
            as_floats(weights[f"{name}.{kind}"])
            for name in ("pooler.dense", "classifier")
            for kind in ("weight", "bias")
        )

    def __call__(self, batch: PackedBatch) -> Floats:
        """Returns float32 ``[sequences, labels]``."""
        first = self._engine.encode(batch)[batch.cu_seqlens[:-1]]
        pooled = np.tanh(first @ self._pooler.T + self._pooler_bias)
        return np.asarray(pooled @ self._classifier.T + self._classifier_bias)


def classifier_of(bundle: Bundle, tokenizer: Tokenizer, engine: Engine) -> Classifier:
    """The pipeline of a bundle for classification.

    Raises:
        BundleError: the head's tensors are missing or don't fit the labels.
    """
    manifest = bundle.manifest
    hidden = manifest.architecture.hidden_size
    for name, shape in {
        "pooler.dense.weight": (hidden, hidden),
        "pooler.dense.bias": (hidden,),
        "classifier.weight": (len(manifest.labels), hidden),
        "classifier.bias": (len(manifest.labels),),
    }.items():
        found = bundle.tensors[name].shape if name in bundle.tensors else None
        if found != shape:
            raise BundleError(
                f"{bundle.path}: tensor {name} must have shape {shape} for "
                f"{len(manifest.labels)} labels, but it "
                f"{'is missing' if found is None else f'has shape {found}'}. "
                "Export the bundle again."
            )
    return Classifier(
        tokenizer,
        Head(engine, bundle.tensors),
        manifest.labels,
        manifest.problem_type,
        manifest.max_length,
    )


def _check(index: int, item: object) -> None:
    texts = item if isinstance(item, tuple) and len(item) == 2 else (item,)
    for text in texts:
        if not isinstance(text, str):
            raise InputError(
                f"Item {index} is a {type(text).__name__}; each item must be a text or a pair "
                "(text, text)."
            )
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"Item {index} holds a lone surrogate (half of a character), most often from "
                "bytes that are not UTF-8. Decode it with its real encoding."
            ) from error


def _batches(encodings: Sequence[Encoding]) -> Iterator[list[int]]:
    """Indices in batches of about equal lengths and a bounded number of tokens."""
    batch: list[int] = []
    tokens = 0
    for index in sorted(range(len(encodings)), key=lambda index: len(encodings[index].ids)):
        length = len(encodings[index].ids)
        if batch and tokens + length > _TOKENS_PER_BATCH:
            yield batch
            batch, tokens = [], 0
        batch.append(index)
        tokens += length
    if batch:
        yield batch
