"""Classification learnt from a few examples, on top of sentence embeddings."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.learn.logistic import Doubles, Indices, fit_logistic
from squeezebert.pipelines.classification import Classification
from squeezebert.pipelines.embedding import Embedder, Embedding, Similarity
from squeezebert.pipelines.items import as_items
from squeezebert.pipelines.words import hashed_words
from squeezebert.tokenizer import Item

_PENALTY = 1 / 30  # of 1/3 to 1/100, about the best from 8 to 64 examples a label
_WORDS = 0.7  # length of the vector of words, where the embedding has 1
_FOLDS = 8  # of eight examples of a label, seven then teach
_ENOUGH = 300  # held-out examples to choose by; more would take more fits
_TEMPERATURES = np.geomspace(0.25, 8, 64)  # 6 % apart


class FewShotClassifier:
    """Logistic regression on the embeddings of labelled examples and the words in them.

    Labels count as equally frequent. The name of each label, read as a text, is one more example if
    that helps to answer examples that are held out in turn. So that scores are probabilities, a
    temperature is fitted to the same answers: an eighth of the examples at a time, until there are
    enough.

    Args:
        embed: gives texts their vectors.
        examples: texts with their labels; at least two labels with two texts each, better eight.

    Raises:
        InputError: there are too few labels or texts of one, or a text can't be used.
    """

    def __init__(self, embed: Embedder, examples: Iterable[tuple[str, str]]) -> None:
        examples = list(examples)
        counts = Counter(label for _, label in examples)
        if len(counts) < 2:
            raise InputError("Examples of at least two labels are needed to tell them apart.")
        label, count = min(counts.items(), key=lambda item: item[1])
        if count < 2:
            raise InputError(f"There is one example of {label!r}; each label needs at least two.")
        names = tuple(sorted(counts))
        position = {name: index for index, name in enumerate(names)}
        self.spec = TaskSpec(
            task="classification",
            labels=names,
            problem_type="single_label_classification",
            max_length=embed.spec.max_length,
            inputs="text",
        )
        self._embed = embed
        features = self._features_of([text for text, _ in examples])
        classes = np.array([position[label] for _, label in examples])
        named = self._features_of([name.replace("_", " ") for name in names])
        none = named[:0]
        losses, losses_named = (_losses(features, classes, extra) for extra in (none, named))
        if losses_named.min() < losses.min():
            losses = losses_named
        else:
            named = none
        self._temperature = float(_TEMPERATURES[losses.argmin()])
        self._weights = _fit(features, classes, named)

    def __call__(self, items: Iterable[Item]) -> list[Classification]:
        """Predicts every text, in order.

        Raises:
            InputError: an item is no text, or holds lone surrogates; the message names its index.
        """
        items = as_items(items)
        found = [_of_text(index, answer) for index, answer in enumerate(self._embed(items))]
        if not found:
            return []
        features = self._features(np.stack([embedding.vector for embedding in found]), items)
        rows = _logits(self._weights, features) / self._temperature
        return [self._answer(row, embedding) for row, embedding in zip(rows, found, strict=True)]

    def _features_of(self, texts: Sequence[str]) -> Doubles:
        return self._features(self._embed.vectors(texts), texts)

    def _features(self, vectors: Floats, items: Sequence[Item]) -> Doubles:
        """Vectors ``[n, hidden]`` beside the words of their texts."""
        words = np.stack([hashed_words(ids) for ids in self._embed.token_ids(items)])
        return np.hstack([vectors, _WORDS * words]).astype(np.float64)

    def _answer(self, logits: Doubles, embedding: Embedding) -> Classification:
        odds = np.exp(logits - logits.max())
        row = (odds / odds.sum()).tolist()
        best = row.index(max(row))
        return Classification(
            label=self.spec.labels[best],
            score=row[best],
            scores=dict(zip(self.spec.labels, row, strict=True)),
            value=None,
            tokens=embedding.tokens,
            total_tokens=embedding.total_tokens,
            blank=embedding.blank,
        )


def _of_text(index: int, answer: Embedding | Similarity) -> Embedding:
    if isinstance(answer, Embedding):
        return answer
    raise InputError("it is a pair; the examples are single texts.", index=index)


def _fit(features: Doubles, classes: Indices, named: Doubles) -> Doubles:
    """Weights from examples and, if there are any, the names of all labels in order."""
    classes = np.concatenate([classes, np.arange(len(named))])
    return fit_logistic(np.vstack([features, named]), classes, _PENALTY)


def _logits(weights: Doubles, features: Doubles) -> Doubles:
    """``[..., labels]`` of ``[..., features]``."""
    logits: Doubles = features @ weights[:, :-1].T + weights[:, -1]
    return logits


def _losses(features: Doubles, classes: Indices, named: Doubles) -> Doubles:
    """Minus the log-likelihood of held-out labels at each of `_TEMPERATURES`."""
    order = np.argsort(classes, kind="stable")
    ranks = np.empty_like(classes)
    ranks[order] = np.arange(len(classes)) - np.searchsorted(classes[order], classes[order])
    losses = np.zeros(len(_TEMPERATURES))
    answered = 0
    for fold in range(_FOLDS):
        held_out = ranks % _FOLDS == fold
        if answered >= _ENOUGH or not held_out.any():
            break
        answered += int(np.count_nonzero(held_out))
        weights = _fit(features[~held_out], classes[~held_out], named)
        logits = _logits(weights, features[held_out])
        logits -= logits.max(1, keepdims=True)
        right = np.take_along_axis(logits, classes[held_out, None], 1)[:, 0]
        for index, temperature in enumerate(_TEMPERATURES):
            norms = np.log(np.exp(logits / temperature).sum(1))
            losses[index] += (norms - right / temperature).sum()
    return losses
