"""Scores of similarities: do they rank pairs of texts as people do?"""

from array import array
from functools import cached_property

from squeezebert.bundle import TaskSpec
from squeezebert.data.labels import as_numbers
from squeezebert.data.tasks.classification import LabelledText, Table
from squeezebert.data.tasks.embedding import Texts
from squeezebert.errors import DataError
from squeezebert.evaluation.bootstrap import Weights
from squeezebert.evaluation.metrics import Correlations
from squeezebert.evaluation.scores import Scores
from squeezebert.pipelines import Similarity


class SimilarityScorer:
    """Keeps two numbers for each pair.

    Args:
        spec: of the model; nothing in it matters here.
        pairs: read once, to check the scores.

    Raises:
        DataError: there are single texts in place of pairs, a text or a score is empty, or a
            score is no number.
    """

    def __init__(self, spec: TaskSpec, pairs: Table | Texts) -> None:
        if isinstance(pairs, Texts):
            raise DataError(
                f"{pairs.name}: embeddings are scored on pairs of texts with a similarity, and "
                "these are single texts. Name the columns."
            ).giving(text_column="NAME", pair_column="NAME", label_column="NAME")
        summary = pairs.check()
        as_numbers(summary.labels, pairs.name, summary.places)
        self._true, self._predicted = array("d"), array("d")

    def add(self, example: LabelledText, prediction: Similarity) -> None:
        """Takes a pair and what was predicted for it."""
        self._true.append(float(example.label))
        self._predicted.append(prediction.score)

    def metrics(self, weights: Weights | None = None) -> dict[str, float]:
        """Correlations: Spearman's, the one to compare models by, and Pearson's."""
        found = self._correlations(weights)
        return {name: found[name] for name in ("spearman", "pearson")}

    def scores(self) -> Scores:
        """The correlations of all pairs taken."""
        return Scores(metrics=self.metrics())

    @cached_property
    def _correlations(self) -> Correlations:
        return Correlations(self._true, self._predicted)
