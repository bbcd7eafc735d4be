"""What each task brings to be scored: a collector of predictions that ends in scores."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from squeezebert.bundle import Task, TaskSpec
from squeezebert.evaluation.bootstrap import Weights
from squeezebert.evaluation.scores import Scores
from squeezebert.evaluation.tasks.classification import classification_scorer
from squeezebert.evaluation.tasks.embedding import SimilarityScorer
from squeezebert.evaluation.tasks.entities import EntityScorer
from squeezebert.evaluation.tasks.hidden_words import GuessScorer
from squeezebert.evaluation.tasks.question_answering import QuestionScorer


class Scorer(Protocol):
    """Collects what was predicted for each example; of texts it keeps some mistakes alone."""

    def add(self, example: Any, prediction: Any) -> None:
        """Takes one example of the task's data, and what its pipeline said of it."""

    def metrics(self, weights: Weights) -> dict[str, float]:
        """The metrics, each example taken counted as often as its weight says.

        Those that are fitted to the examples may be left out.
        """

    def scores(self) -> Scores:
        """The scores of all examples taken."""


SCORERS: Mapping[str, Callable[[TaskSpec, Any], Scorer]] = {
    Task.CLASSIFICATION: classification_scorer,
    Task.EMBEDDING: SimilarityScorer,
    Task.ENTITIES: EntityScorer,
    Task.QUESTION_ANSWERING: QuestionScorer,
    Task.FILL_MASK: GuessScorer,
}
"""From what the model is for and the examples of its task.

Raises DataError if the examples can't be used or don't fit the model.
"""
