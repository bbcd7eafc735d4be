"""Classification by labels of the caller's, through a model of what follows from what."""

from collections.abc import Sequence
from dataclasses import replace

from squeezebert.bundle import TaskSpec
from squeezebert.errors import InputError
from squeezebert.pipelines.classification import Classification, Classifier
from squeezebert.pipelines.items import check_items
from squeezebert.tokenizer import Item

_SMALLEST = 1e-30  # keeps chances that are all zero from dividing by it

TEMPLATE = "This is about {}."


class ZeroShotClassifier:
    """Chooses the label whose description a text entails most (Yin et al. 2019, arXiv 1909.00161).

    Each text is read once with each label, so time grows with their number.

    Args:
        infer: a model of natural language inference, whose bundle names the label of entailment.
        labels: to choose from, at least two.
        template: makes a hypothesis of a label, in place of its ``{}``.

    Raises:
        InputError: the model names no such label, there are fewer than two labels, one is empty or
            there twice, or the template has not one ``{}``.
    """

    def __init__(
        self, infer: Classifier, labels: Sequence[str], *, template: str = TEMPLATE
    ) -> None:
        if infer.spec.entailment is None:
            raise InputError(
                "This model says of no label that it means entailment, so it can't choose between "
                "labels of yours. Take a model of natural language inference that was exported "
                "with --entailment."
            )
        labels = [label.strip() for label in labels]
        if len(labels) < 2 or not all(labels) or len(set(labels)) < len(labels):
            raise InputError(
                f"The labels {', '.join(map(repr, labels))} are no choice: "
                "give at least two different ones."
            )
        if template.count("{}") != 1:
            raise InputError(f"The template {template!r} must hold {{}} once, for the label.")
        self.spec = TaskSpec(
            task=infer.spec.task,
            labels=tuple(labels),
            problem_type="single_label_classification",
            max_length=infer.spec.max_length,
        )
        self._infer = infer
        self._entailment = infer.spec.entailment
        self._hypotheses = [template.replace("{}", label) for label in labels]

    def __call__(self, items: Sequence[Item]) -> list[Classification]:
        """Predicts every text, in order.

        The score of a label is its probability of entailment as a part of all labels' together.
        ``tokens`` are those of the text with the hypothesis that left it least room.

        Raises:
            InputError: an item is no text, is empty, or holds lone surrogates; the message names
                its index.
        """
        check_items(items)
        for index, item in enumerate(items):
            if not isinstance(item, str) or not item.strip():
                raise InputError(
                    "it is no text, or an empty one: nothing to classify.", index=index
                )
        pairs: list[Item] = [(str(item), each) for item in items for each in self._hypotheses]
        inferred = self._infer(pairs)
        size = len(self._hypotheses)
        return [
            self._answer(inferred[start : start + size]) for start in range(0, len(inferred), size)
        ]

    def _answer(self, inferred: Sequence[Classification]) -> Classification:
        chances = [answer.scores[self._entailment] for answer in inferred]
        total = max(sum(chances), _SMALLEST)
        scores = {
            label: chance / total for label, chance in zip(self.spec.labels, chances, strict=True)
        }
        best = max(scores, key=scores.__getitem__)
        longest = max(inferred, key=lambda answer: answer.total_tokens)
        return replace(longest, label=best, score=scores[best], scores=scores)
