"""Classification by labels of the caller's, through a model of what follows from what."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.heads import ProblemType
from squeezebert.errors import InputError
from squeezebert.pipelines.classification import (
    Classification,
    Classifier,
    Long,
    labels_reaching,
)
from squeezebert.pipelines.items import as_texts
from squeezebert.tokenizer import Item, Tokenizer

_SMALLEST = 1e-30  # keeps chances that are all zero from dividing by it

TEMPLATE = "This is about {}."

Labels: TypeAlias = Iterable[str] | Iterable[Iterable[str]]
"""To choose from: the same for all texts, or a list for each of them."""


class ZeroShotClassifier:
    """Chooses the label whose description a text entails most (Yin et al. 2019, arXiv 1909.00161).

    Each text is read once with each label, so time grows with their number.

    Args:
        infer: a model of natural language inference, whose bundle names the label of entailment.
        labels: to choose from, at least two; of several at once, at least one. None if they come
            with the texts.
        template: makes a hypothesis of a label, in place of its ``{}``.
        multi_label: judge each label on its own, so that a text can have several or none.

    Raises:
        InputError: the model names no such label, the labels are no choice, or the template has not
            one ``{}``.
    """

    def __init__(
        self,
        infer: Classifier,
        labels: Iterable[str] | None,
        *,
        template: str = TEMPLATE,
        multi_label: bool = False,
    ) -> None:
        if infer.spec.entailment is None:
            raise InputError(
                "This model doesn't say which of its labels means entailment, so it can't choose "
                "among labels of yours. Take a model of natural language inference whose label "
                "was named when it was exported."
            )
        if template.count("{}") != 1:
            raise InputError(f"The template {template!r} must hold {{}} once, for the label.")
        self._infer = infer
        self._entailment = infer.spec.entailment
        self._template = template
        self._multi_label = multi_label
        problem: ProblemType = (
            "multi_label_classification" if multi_label else "single_label_classification"
        )
        self.spec = TaskSpec(
            task=infer.spec.task,
            labels=() if labels is None else self._choice(labels),
            problem_type=None if labels is None else problem,
            max_length=infer.spec.max_length,
            inputs="text",
        )

    @property
    def tokenizer(self) -> Tokenizer:
        """The encoder's."""
        return self._infer.tokenizer

    def __call__(
        self,
        items: Iterable[Item],
        *,
        labels: Labels | None = None,
        multi_label: bool | None = None,
    ) -> list[Classification]:
        """Predicts every text, in order.

        The score of a label is its probability of entailment as a part of all labels' together, or,
        of several labels at once, that probability itself. ``tokens`` are those of the text with
        the hypothesis that left it least room.

        Args:
            labels: in place of those given before; for all texts, or a list for each of them.
            multi_label: in place of what was said before.

        Raises:
            InputError: an item is no text, is empty, or holds lone surrogates, or its labels are no
                choice; the error has its index. Or there are not as many labels as items.
        """
        if multi_label is not None and multi_label != self._multi_label:
            other = ZeroShotClassifier(
                self._infer, None, template=self._template, multi_label=multi_label
            )
            return other(items, labels=labels if labels is not None else self.spec.labels or None)
        texts = as_texts(items, "labels are chosen for single texts")
        for index, text in enumerate(texts):
            if not text.strip():
                raise InputError("it is empty: there is nothing to classify.", index=index)
        choices = self._choices(len(texts), labels)
        inferred = iter(
            self._infer(
                [
                    (text, self._template.replace("{}", label))
                    for text, choice in zip(texts, choices, strict=True)
                    for label in choice
                ]
            )
        )
        return [self._answer(choice, [next(inferred) for _ in choice]) for choice in choices]

    def _choices(self, count: int, labels: Labels | None) -> Sequence[tuple[str, ...]]:
        if labels is None:
            if not self.spec.labels:
                raise InputError("There are no labels to choose from: pass some with the texts.")
            return [self.spec.labels] * count
        listed = _listed(labels)
        if any(isinstance(label, str) for label in listed):
            return [self._choice(listed)] * count
        choices = []
        for index, choice in enumerate(listed):
            try:
                choices.append(self._choice(choice))
            except InputError as error:
                raise InputError(error.reason, index=index) from error
        if len(choices) != count:
            raise InputError(f"There are labels for {len(choices)} texts, and {count} texts.")
        return choices

    def _choice(self, labels: object) -> tuple[str, ...]:
        names: list[str] = []
        for label in _listed(labels):
            if not isinstance(label, str):
                raise InputError(
                    f"The label {label!r} is of type {type(label).__name__}; pass texts."
                )
            names.append(label.strip())
        fewest = 1 if self._multi_label else 2
        if len(names) < fewest or not all(names) or len(set(names)) < len(names):
            shown = f"The labels {', '.join(map(repr, names))}" if names else "No labels"
            raise InputError(
                f"{shown} are no choice: give at least {'one' if fewest == 1 else 'two'}, all "
                "different and none empty."
            )
        return tuple(names)

    def _answer(self, labels: Sequence[str], inferred: Sequence[Classification]) -> Classification:
        chances = [answer.scores[self._entailment] for answer in inferred]
        total = 1.0 if self._multi_label else max(sum(chances), _SMALLEST)
        scores = {label: chance / total for label, chance in zip(labels, chances, strict=True)}
        best = max(scores, key=scores.__getitem__)
        longest = max(inferred, key=lambda answer: answer.total_tokens)
        given = labels_reaching(scores, None, longest.blank) if self._multi_label else None
        return replace(longest, label=best, score=scores[best], scores=scores, labels=given)


class EntailmentClassifier(Classifier):
    """A model of natural language inference: of pairs, or of texts and labels of the caller's."""

    def __call__(
        self,
        items: Iterable[Item],
        *,
        long: Long = "cut",
        labels: Labels | None = None,
        template: str = TEMPLATE,
        multi_label: bool = False,
    ) -> list[Classification]:
        """Predicts every item, in order.

        Args:
            long: as of `Classifier`.
            labels: to choose from, for all texts, or a list for each of them. See
                `ZeroShotClassifier`, also for what follows.
            template: makes a hypothesis of a label.
            multi_label: judge each label on its own.

        Raises:
            InputError: as of `Classifier`, or with labels as of `ZeroShotClassifier`; or options
                don't fit together.
        """
        if labels is None:
            if template != TEMPLATE or multi_label:
                raise InputError("template and multi_label are for labels, and there are none.")
            return super().__call__(items, long=long)
        if long != "cut":
            raise InputError("Where there are labels, long texts are cut. Leave out long.")
        classify = ZeroShotClassifier(self, None, template=template, multi_label=multi_label)
        return classify(items, labels=labels)


def _listed(labels: object) -> list[object]:
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise InputError(f"Pass a list of labels, such as ['sport', 'politics'], not {labels!r}.")
    return list(labels)
