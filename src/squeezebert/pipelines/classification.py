"""Classification and regression of texts and pairs of texts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from squeezebert.bundle import OUT_OF_SCOPE, TaskSpec
from squeezebert.bundle.heads import ProblemType
from squeezebert.bundle.tensors import Floats
from squeezebert.errors import InputError
from squeezebert.pipelines.heads import Head
from squeezebert.pipelines.items import as_items, check_sides, packed_batches
from squeezebert.pipelines.origin import Reloaded
from squeezebert.runtime.activations import softmax
from squeezebert.tokenizer import Encoding, Item, Tokenizer

Long: TypeAlias = Literal["cut", "windows"]

OVERLAP = 32  # tokens that neighbouring windows of a long text share

_MULTI_LABEL_THRESHOLD = 0.5
"""The probability from which on a label is given, where the model has none of its own."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What was predicted for one item.

    Attributes:
        label: the most probable label, or "out_of_scope" where even that does not reach the
            model's threshold, or the item is blank and the model has one; of a regression, the name
            of the value.
        score: probability of the most probable label in 0..1; of a regression, the value.
        scores: probability of every label. They sum to 1, but for a multi-label problem, where
            each stands alone. Of a regression, the value.
        value: the predicted value of a regression, else None.
        labels: of a multi-label problem the labels given, those that reach its threshold, the most
            probable first; else None.
        tokens: tokens that the model saw, special tokens included.
        total_tokens: how many there would have been without truncation.
        blank: whether a text has no word that the model knows, as an emoji or one in another script
            has none; it is answered as an empty one is, and the answer means nothing.
        windows: in how many parts the item was read.
    """

    label: str
    score: float
    scores: dict[str, float]
    value: float | None
    tokens: int
    total_tokens: int
    labels: tuple[str, ...] | None = None
    blank: bool = False
    windows: int = 1

    @property
    def truncated(self) -> bool:
        """Whether the model saw only a part of the item."""
        return self.tokens < self.total_tokens


class Classifier(Reloaded):
    """Classifies texts and pairs of texts.

    Args:
        tokenizer: for the encoder's vocabulary.
        head: from a packed batch to logits, float32 ``[sequences, labels]``.
        spec: its labels are in the order of the logits, its problem type says how logits become
            scores, and beyond its longest input an item is truncated.
    """

    def __init__(self, tokenizer: Tokenizer, head: Head, spec: TaskSpec) -> None:
        self.spec = spec
        self.tokenizer = tokenizer
        self._head = head

    def __call__(self, items: Iterable[Item], *, long: Long = "cut") -> list[Classification]:
        """Predicts every item, in order.

        A text without words that the model knows, such as "", one of only spaces or an emoji, is
        answered as well, and the answer is marked as ``blank``.

        Args:
            long: what is done with an item of more tokens than the model reads at once. "cut" reads
                its beginning. "windows" reads all of it in windows that overlap by 32 tokens, and
                its scores are the means over the windows, each counted by the tokens that it
                alone, or better than its neighbour, sees; of a pair, the second text is read so.

        Raises:
            InputError: an item is neither a text nor a pair of texts, a side of a pair is empty, or
                it holds lone surrogates; or it is a single text and the model compares pairs, or
                the other way round. The error has its index. Or ``long`` is none of the two.
        """
        if long not in get_args(Long):
            raise InputError(f"long is {long!r}, not one of {', '.join(get_args(Long))}.")
        items = as_items(items)
        check_sides(items)
        for index, item in enumerate(items):
            self._check(index, item)
        encodings = self.tokenizer.encode_batch(items, self.spec.max_length)
        answers = [
            self._answer(row, encoding)
            for row, encoding in zip(self._scores(encodings), encodings, strict=True)
        ]
        if long == "windows":
            for index, encoding in enumerate(encodings):
                if encoding.truncated:
                    answers[index] = self._read_in_windows(index, items[index], encoding)
        return answers

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names; of a regression, the one name of its value."""
        return self.spec.labels

    @staticmethod
    def takes(spec: TaskSpec, item: Item) -> bool:
        """Whether a model is for such an item: where it doesn't say, for both texts and pairs.

        Args:
            spec: of the model.
            item: a text, or a pair of texts.
        """
        is_pair = isinstance(item, tuple)
        if spec.entailment is not None:
            return is_pair
        return spec.inputs is None or is_pair == (spec.inputs == "pair")

    def _check(self, index: int, item: Item) -> None:
        if isinstance(item, str) and self.spec.entailment is not None:
            raise InputError(
                "it is a single text, and this model compares pairs (premise, hypothesis). "
                "Give a pair, or labels to classify texts by.",
                index=index,
            )
        if isinstance(item, str) and self.spec.inputs == "pair":
            raise InputError(
                "it is a single text, and this model compares pairs. Give a pair, such as "
                "('first text', 'second text').",
                index=index,
            )
        if isinstance(item, tuple) and self.spec.inputs == "text":
            raise InputError(
                "it is a pair, and this model is for single texts. Give one text.", index=index
            )

    def _read_in_windows(self, index: int, item: Item, encoding: Encoding) -> Classification:
        try:
            [windows] = self.tokenizer.windows([item], self.spec.max_length, OVERLAP)
        except InputError as error:
            raise InputError(error.reason, index=index) from error
        own = [window.own.stop - window.own.start for window in windows]
        row: list[float] = np.average(self._scores(windows), axis=0, weights=own).tolist()
        answer = self._answer(row, encoding)
        return replace(answer, tokens=encoding.total_tokens, windows=len(windows))

    def _scores(self, encodings: Sequence[Encoding]) -> list[list[float]]:
        """A row of scores for each encoding, in order."""
        rows: dict[int, list[float]] = {}
        for indices, batch in packed_batches(encodings):
            scores = normalised(self.spec, self._head(batch))
            rows.update(zip(indices, scores.tolist(), strict=True))
        return [rows[index] for index in range(len(encodings))]

    def _answer(self, row: list[float], encoding: Encoding) -> Classification:
        return classification(
            self.spec, row, len(encoding.ids), encoding.total_tokens, blank=encoding.blank
        )


class Problem:
    """What a type of labels decides: here, one class for each text."""

    def normalised(self, spec: TaskSpec, logits: Floats) -> Floats:
        """Scores of logits, both ``[items, labels]``: probabilities of the classes."""
        return softmax(logits / spec.temperature)

    def decided(self, spec: TaskSpec, scores: dict[str, float], blank: bool) -> dict[str, Any]:
        """What of a `Classification` hangs on the type, but the scores themselves.

        A text is out of scope if no class reaches the threshold, or if it is blank.
        """
        best = max(scores, key=scores.__getitem__)
        rejected = spec.threshold is not None and (blank or scores[best] < spec.threshold)
        return {"label": OUT_OF_SCOPE if rejected else best, "value": None}


class SeveralLabels(Problem):
    """Any number of labels for each text."""

    def normalised(self, spec: TaskSpec, logits: Floats) -> Floats:
        """A probability for each label."""
        return np.asarray(1 / (1 + np.exp(-logits.clip(-80, 80))))  # exp(89) overflows

    def decided(self, spec: TaskSpec, scores: dict[str, float], blank: bool) -> dict[str, Any]:
        """The most probable label, and all that are probable enough."""
        return {
            "label": max(scores, key=scores.__getitem__),
            "value": None,
            "labels": labels_reaching(scores, spec.threshold, blank),
        }


class Values(Problem):
    """A number for each text."""

    def normalised(self, spec: TaskSpec, logits: Floats) -> Floats:
        """The numbers as they are."""
        return logits

    def decided(self, spec: TaskSpec, scores: dict[str, float], blank: bool) -> dict[str, Any]:
        """The number, under its name."""
        [(name, value)] = scores.items()
        return {"label": name, "value": value}


PROBLEMS: Mapping[ProblemType | None, Problem] = {
    None: Problem(),
    "single_label_classification": Problem(),
    "multi_label_classification": SeveralLabels(),
    "regression": Values(),
}


def normalised(spec: TaskSpec, logits: Floats) -> Floats:
    """Probabilities, or values, of logits ``[items, labels]``, by the problem type."""
    return PROBLEMS[spec.problem_type].normalised(spec, logits)


def classification(
    spec: TaskSpec, row: list[float], tokens: int, total_tokens: int, *, blank: bool
) -> Classification:
    """What the scores of an item say, by the problem type and the threshold of the model.

    Args:
        spec: of the model.
        row: a score for each label.
        tokens: that the model saw.
        total_tokens: that the item has.
        blank: whether the item has no word that the model knows.
    """
    scores = dict(zip(spec.labels, row, strict=True))
    return Classification(
        score=max(row),
        scores=scores,
        tokens=tokens,
        total_tokens=total_tokens,
        blank=blank,
        **PROBLEMS[spec.problem_type].decided(spec, scores, blank),
    )


def labels_reaching(
    scores: dict[str, float], threshold: float | None, blank: bool
) -> tuple[str, ...]:
    """The labels whose score is enough, the highest first; a blank item has none."""
    if blank:
        return ()
    enough = _MULTI_LABEL_THRESHOLD if threshold is None else threshold
    given = [label for label, score in scores.items() if score >= enough]
    return tuple(sorted(given, key=scores.__getitem__, reverse=True))
