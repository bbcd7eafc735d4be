"""The one function that scores anything that predicts, be it a bundle or a checkpoint."""

import time
from itertools import islice

from squeezebert.data.tasks import Examples
from squeezebert.errors import InputError
from squeezebert.evaluation.bootstrap import intervals, resampled
from squeezebert.evaluation.scores import Evaluation
from squeezebert.evaluation.tasks import SCORERS
from squeezebert.pipelines import Pipeline
from squeezebert.pipelines.items import at_place

_EXAMPLES_AT_ONCE = 1024


def evaluate(
    predictor: Pipeline,
    examples: Examples,
    *,
    with_intervals: bool = False,
) -> Evaluation:
    """Scores a predictor on every example.

    The source is read twice: to check it, and to predict; its texts are never all in memory.

    Args:
        predictor: from `load_predictor`.
        examples: of the predictor's task.
        with_intervals: find a confidence interval for each metric too.

    Raises:
        DataError: examples can't be used or don't fit the model.
        InputError: the predictor refuses an item; the message names its line or row.
    """
    spec = predictor.spec
    scorer = SCORERS[spec.task](spec, examples)
    count, truncated, seconds = 0, 0, 0.0
    rest = iter(examples)
    while chunk := list(islice(rest, _EXAMPLES_AT_ONCE)):
        start = time.perf_counter()
        try:
            predictions = predictor([example.item for example in chunk])
        except InputError as error:
            places = [f"{examples.name}, line or row {example.number}" for example in chunk]
            raise at_place(error, places) from error
        seconds += time.perf_counter() - start
        for example, prediction in zip(chunk, predictions, strict=True):
            scorer.add(example, prediction)
            truncated += prediction.truncated
        count += len(chunk)
    scores = scorer.scores()
    drawn = resampled(scorer.metrics, count) if with_intervals else {}
    return Evaluation(
        **vars(scores),
        task=spec.task,
        problem_type=spec.problem_type,
        labels=spec.labels,
        examples=count,
        truncated=truncated,
        seconds=seconds,
        intervals=intervals(drawn, scores.metrics),
    )
