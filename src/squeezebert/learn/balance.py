"""Labels of which some are rare: how much to favour them, and what guessing would score."""

import math

import numpy as np
import numpy.typing as npt

from squeezebert.bundle.tensors import Floats
from squeezebert.evaluation import Evaluation
from squeezebert.evaluation.calibration import fit_temperature
from squeezebert.evaluation.metrics import classification_metrics, confusion_matrix
from squeezebert.learn.examples import Examples
from squeezebert.training.baseline import Baseline

METRIC = "macro_f1"
"""What tells models apart where labels are rare: always the frequent one has hardly any of it."""

_OFTEN = 5  # times as often as the rarest label the most frequent one is; as for `train`
_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)  # 1 answers as if all labels were equally frequent


def has_rare_labels(examples: Examples) -> bool:
    """Whether the most frequent of the classes is over five times as frequent as the rarest.

    Where texts may be out of scope, all are left as they are: a threshold decides.
    """
    counts = examples.counts.values()
    is_choice = examples.loss == "softmax" and not examples.outside
    return is_choice and max(counts) > _OFTEN * min(counts)


def favours(outputs: Floats, classes: npt.NDArray[np.int64]) -> Floats:
    """What to add to the output of each label so that rare ones are found.

    A part of minus the logarithm of their shares, which part by the mean F1 over labels (Menon et
    al. 2021, arXiv 2007.07314).

    Args:
        outputs: of rows while they were held out ``[rows, labels]``.
        classes: that are right for them ``[rows]``.
    """
    outputs = outputs.astype(np.float64)
    labels = outputs.shape[1]
    shares = np.bincount(classes, minlength=labels).clip(1) / len(classes)
    whole = -np.log(shares) * fit_temperature(outputs, classes)

    def worth(strength: float) -> float:
        found = (outputs + strength * whole).argmax(1)
        return classification_metrics(confusion_matrix(classes, found, labels))[METRIC]

    return np.asarray(max(_STRENGTHS, key=worth) * whole, np.float32)


def guessing(evaluation: Evaluation) -> Baseline:
    """The best that guesses can have: each label as often as it is, whatever the text.

    Then the F1 of each label is expected to be its share of the guesses, so their mean is one over
    the number of labels; the standard error of each is about one over the root of the rows.
    """
    labels = len(evaluation.labels)
    error = 1 / math.sqrt(labels * evaluation.examples)
    return Baseline(METRIC, 1 / labels, error, is_answer=False, answer="guesses at random")
