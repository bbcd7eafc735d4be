"""Labels learnt from examples, for a model of embeddings: what ``--examples`` does."""

from squeezebert.data.columns import Columns
from squeezebert.data.tasks.classification import open_labelled, with_columns
from squeezebert.errors import InputError
from squeezebert.learn import FewShotClassifier
from squeezebert.pipelines import Embedder, Pipeline


def learn(pipeline: Pipeline, source: str, columns: Columns | None = None) -> Pipeline:
    """A classifier over a model of embeddings.

    Args:
        pipeline: a model of embeddings.
        source: the examples.
        columns: those named for all files of the command; here they hold if they are there.

    Raises:
        DataError: the examples can't be used, or are too few.
        InputError: the model is for something else.
    """
    if not isinstance(pipeline, Embedder):
        raise InputError(
            f"--examples needs a model of embeddings, and this one is for {pipeline.spec.task}."
        )
    columns = columns or Columns()
    rows = open_labelled(source, "train", columns)
    text, pair, label = (
        name if name in rows.columns else None
        for name in (columns.text, columns.pair, columns.label)
    )
    return FewShotClassifier(pipeline, with_columns(rows, text, pair, label))
