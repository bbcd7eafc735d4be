"""What of a request doesn't fit together, or doesn't fit the model."""

from collections.abc import Iterator
from pathlib import Path

from squeezebert.bundle import Task
from squeezebert.cli.predicting.inputs import Records
from squeezebert.cli.predicting.request import Request
from squeezebert.errors import InputError
from squeezebert.files import require_other
from squeezebert.pipelines import Pipeline


def require_fitting(asked: Request) -> None:
    """Checks the options, before a model or a file is read.

    Raises:
        InputError: some don't fit together, or the output is one of the files that are read.
    """
    if (misfit := next(_misfits(asked), None)) is not None:
        raise InputError(misfit)
    if asked.output != "-" and asked.ray is None:
        file = None if asked.file == "-" else asked.file
        require_other(Path(asked.output), file, asked.context, asked.learn_from, asked.similar_to)


def _misfits(asked: Request) -> Iterator[str]:
    texts, file = asked.texts, asked.file
    if bool(texts) == (file is not None):
        yield (
            "Give either texts or --file, for example: predict 'A good film.' What comes through a "
            "pipe is read with --file -"
        )
    if asked.pair is not None and (not texts or asked.context is not None):
        yield "--pair is for texts; a --file has a column for it, named by --pair-column."
    if asked.context is not None and not texts:
        yield "--context is for questions given as texts; a --file has a column for it."
    text_column = asked.text_column and not (asked.similar_to or asked.learn_from)
    pair_column = asked.pair_column and not asked.learn_from
    if file is None and (pair_column or text_column):
        yield "--text-column and --pair-column are for files."
    keep = asked.keep is not None and asked.similar_to is None
    if file is None and (asked.on_error == "skip" or keep):
        yield "--keep and --on-error are for files."
    if asked.label_column is not None and asked.learn_from is None:
        yield "--label-column is for --examples, and there are none."
    if asked.similar_to is not None and (asked.learn_from is not None or asked.chooses_labels):
        given = "--examples" if asked.learn_from is not None else "--labels"
        yield f"{given} gives texts labels, and --similar-to finds texts like them. Give one."
    if asked.stdin_format is not None and file != "-":
        yield "--format is for stdin, --file -; a file's ending says what it holds."
    to_csv = asked.output.lower().endswith(".csv")
    if asked.labels_column is not None and (
        file is None or asked.labels is not None or asked.ray is not None or to_csv
    ):
        yield (
            "--labels-column names a column of --file, in place of --labels. As labels differ from "
            "text to text, answers are JSON lines, and not csv or --ray's."
        )
    if not asked.chooses_labels and (asked.template is not None or asked.multi_label):
        option = "--template" if asked.template is not None else "--multi-label"
        yield f"{option} is for --labels, and there are none."
    if asked.ray is not None and (file in (None, "-") or asked.output == "-"):
        yield "--ray is for files into a folder: --file 'data/*.parquet' --output FOLDER."


def require_context(asked: Request, model: Pipeline) -> None:
    """Raises InputError for questions without a context, and a context without questions."""
    answers_questions = model.spec.task == Task.QUESTION_ANSWERING
    if asked.context is not None and not answers_questions:
        raise InputError(
            f"--context needs a model that answers questions, and {asked.model} is for "
            f"{model.spec.task}. Give --model qa."
        )
    if asked.texts and asked.context is None and answers_questions:
        raise InputError(f"{asked.model} finds answers in a text: name its file with --context.")


def require_pairs(asked: Request, pipeline: Pipeline, records: Records) -> None:
    """Raises InputError for a file of single texts where the pipeline needs two."""
    spec = pipeline.spec
    if records.are_pairs:
        return
    if spec.task == Task.QUESTION_ANSWERING:
        raise InputError(
            f"{asked.model} finds answers to questions in texts. Name the columns of both: "
            "--text-column QUESTION --pair-column TEXT"
        )
    if spec.inputs == "pair" or spec.entailment is not None:
        or_labels = "" if spec.entailment is None else ", or labels of yours: --labels A,B"
        raise InputError(
            f"{asked.model} compares two texts. Name the column of the other one: "
            f"--pair-column NAME{or_labels}"
        )


def require_pair(asked: Request, pipeline: Pipeline) -> None:
    """Raises InputError for texts alone where the pipeline compares two."""
    spec = pipeline.spec
    is_alone = asked.texts and asked.pair is None and asked.context is None
    if is_alone and (spec.inputs == "pair" or spec.entailment is not None):
        or_labels = "" if spec.entailment is None else ", or labels of yours: --labels A,B"
        raise InputError(
            f"{asked.model} compares two texts. Give the other one: "
            f"--pair 'Another text.'{or_labels}"
        )
