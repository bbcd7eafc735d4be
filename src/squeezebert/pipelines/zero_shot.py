"""Classification by labels of the caller's, through a model of what follows from what."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from squeezebert.bundle import TaskSpec
from squeezebert.bundle.heads import ProblemType
from squeezebert.errors import InputError
from squeezebert.pipelines.classification import Classification, Classifier, labels_reaching
from squeezebert.pipelines.items import as_texts
from squeezebert.tokenizer import Item, Tokenizer

_SMALLEST = 1e-30  # keeps chances that are all zero from dividing by it

TEMPLATE = "This is about {}."


class ZeroShotClassifier:
    """Chooses the label whose description a text entails most (Yin et al. 2019, arXiv 1909.00161).

    Each text is read once with each label, so time grows with their number.

    Args:
        infer: a model of natural language inference, whose bundle names the label of entailment.
        labels: to choose from, at least two; of several at once, at least one. None if each text
            comes with its own.
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
        self, items: Iterable[Item], *, labels: Iterable[Iterable[str]] | None = None
    ) -> list[Classification]:
        """Predicts every text, in order.

        The score of a label is its probability of entailment as a part of all labels' together, or,
        of several labels at once, that probability itself. ``tokens`` are those of the text with
        the hypothesis that left it least room.

        Args:
            labels: those of each text, in place of the labels that are the same for all.

        Raises:
            InputError: an item is no text, is empty, or holds lone surrogates, or its labels are no
                choice; the error has its index. Or there are not as many labels as items.
        """
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

    def _choices(
        self, count: int, labels: Iterable[Iterable[str]] | None
    ) -> Sequence[tuple[str, ...]]:
        if labels is None:
            if not self.spec.labels:
                raise InputError("There are no labels to choose from: pass those of each text.")
            return [self.spec.labels] * count
        choices = []
        for index, choice in enumerate(labels):
            try:
                choices.append(self._choice(choice))
            except InputError as error:
                raise InputError(error.reason, index=index) from error
        if len(choices) != count:
            raise InputError(f"There are labels for {len(choices)} texts, and {count} texts.")
        return choices

    def _choice(self, labels: Iterable[str]) -> tuple[str, ...]:
        if isinstance(labels, str) or not isinstance(labels, Iterable):
            raise InputError(
                f"Pass a list of labels, such as ['sport', 'politics'], not {labels!r}."
            )
        given = list(labels)
        for label in given:
            if not isinstance(label, str):
                raise InputError(
                    f"The label {label!r} is of type {type(label).__name__}; pass texts."
                )
        names = tuple(label.strip() for label in given)
        fewest = 1 if self._multi_label else 2
        if len(names) < fewest or not all(names) or len(set(names)) < len(names):
            raise InputError(
                f"The labels {', '.join(map(repr, names))} are no choice: give at least "
                f"{'one' if fewest == 1 else 'two'}, all different and none empty."
            )
        return names

    def _answer(self, labels: Sequence[str], inferred: Sequence[Classification]) -> Classification:
        chances = [answer.scores[self._entailment] for answer in inferred]
        total = 1.0 if self._multi_label else max(sum(chances), _SMALLEST)
        scores = {label: chance / total for label, chance in zip(labels, chances, strict=True)}
        best = max(scores, key=scores.__getitem__)
        longest = max(inferred, key=lambda answer: answer.total_tokens)
        given = labels_reaching(scores, None, longest.blank) if self._multi_label else None
        return replace(longest, label=best, score=scores[best], scores=scores, labels=given)
