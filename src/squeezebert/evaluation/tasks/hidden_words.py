"""Scores of guessed words."""

from array import array

import numpy as np

from squeezebert.bundle import TaskSpec
from squeezebert.data.tasks.hidden_words import HiddenWordExample, HiddenWords
from squeezebert.evaluation.bootstrap import Weights
from squeezebert.evaluation.scores import Mistake, Mistakes, Scores
from squeezebert.pipelines import Guesses


class GuessScorer:
    """Keeps a number for each hidden word, and the first that were not guessed.

    Args:
        spec: of the model.
        examples: read once, to check them.

    Raises:
        DataError: there is no word to hide.
    """

    def __init__(self, spec: TaskSpec, examples: HiddenWords) -> None:
        examples.check()
        self._ranks = array("b")  # -1 is none of the guesses
        self._mistakes = Mistakes()

    def add(self, example: HiddenWordExample, prediction: Guesses) -> None:
        """Takes a hidden word, and what was guessed; upper and lower case are the same."""
        [hidden] = prediction.hidden
        words = [guess.word for guess in hidden.guesses]
        same = [word.casefold() == example.word.casefold() for word in words]
        self._ranks.append(same.index(True) if any(same) else -1)
        if not same[0]:
            self._mistakes.add(Mistake(example.number, example.item, example.word, words[0]))

    def metrics(self, weights: Weights) -> dict[str, float]:
        """How often the first guess is the word, and how often one of the first five is."""
        ranks = np.asarray(self._ranks)
        return {
            "accuracy": float(np.average(ranks == 0, weights=weights)),
            "top_5_accuracy": float(np.average((ranks >= 0) & (ranks < 5), weights=weights)),
        }

    def scores(self) -> Scores:
        """The scores of all words taken."""
        return Scores(
            metrics=self.metrics(np.ones(len(self._ranks), np.int64)),
            mistakes=self._mistakes.first,
            wrong=self._mistakes.count,
        )
