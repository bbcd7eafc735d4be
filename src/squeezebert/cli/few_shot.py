"""Labels learnt from examples, for a model of embeddings: what ``--examples`` does."""

from dataclasses import replace

from squeezebert.data.columns import Columns
from squeezebert.data.tasks.classification import open_labelled, with_columns
from squeezebert.errors import InputError
from squeezebert.learn import FewShotClassifier
from squeezebert.pipelines import Embedder, Pipeline


def learn(pipeline: Pipeline, source: str, columns: Columns | None = None) -> Pipeline:
    """A classifier over a model of embeddings; examples out of scope are left out.

    Args:
        columns: those named for all files of the command; here they hold if they are there.

    Raises:
        DataError: the examples can't be used.
        InputError: the model is for something else, or there are too few examples.
    """
    if not isinstance(pipeline, Embedder):
        raise InputError(
            f"--examples needs a model of embeddings, and this one is for {pipeline.spec.task}."
        )
    columns = columns or Columns()
    rows = open_labelled(source, "train", columns)
    text, label = (name if name in rows.columns else None for name in (columns.text, columns.label))
    table = with_columns(rows, text, label=label)
    if table.pair is not None:
        raise InputError(f"{table.name} holds pairs; --examples are single texts with a label.")
    if table.check().multi_label:
        raise InputError(
            f"{table.name} has texts with several labels; --examples have one each. Train a model "
            "on them with `squeezebert train`."
        )
    return FewShotClassifier(
        pipeline, [(example.text, example.label) for example in replace(table, in_scope=True)]
    )
