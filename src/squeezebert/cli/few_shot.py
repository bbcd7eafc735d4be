"""Labels learnt from examples, for a model of embeddings: what ``--examples`` does."""

from collections.abc import Callable

from squeezebert.data.columns import Columns
from squeezebert.data.tasks.classification import open_labelled, with_columns
from squeezebert.errors import InputError
from squeezebert.learn import FewShotClassifier
from squeezebert.pipelines import Embedder, Pipeline


def learn(
    pipeline: Pipeline, source: str, columns: Columns, say: Callable[[str], object]
) -> Pipeline:
    """A classifier over a model of embeddings.

    Args:
        pipeline: a model of embeddings.
        source: the examples.
        columns: those named for all files of the command; here they hold if they are there.
        say: told which columns were guessed, and what else there is to tell of the examples.

    Raises:
        DataError: the examples can't be used, or are too few.
        InputError: the model is for something else.
    """
    if not isinstance(pipeline, Embedder):
        raise InputError(
            f"--examples needs a model of embeddings, and this one is for {pipeline.spec.task}. "
            "Give --model embed."
        )
    rows = open_labelled(source, "train", columns)
    text, pair, label = (
        name if name in rows.columns else None
        for name in (columns.text, columns.pair, columns.label)
    )
    table = with_columns(rows, text, pair, label)
    for found in table.notes:
        say(found)
    return FewShotClassifier(pipeline, table)
