"""``squeezebert predict``: answers for texts, or for every record of a file."""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from squeezebert.cli.arrivals import arrivals
from squeezebert.cli.options import LabelledExamples, PairColumn, TextColumn, Threads
from squeezebert.errors import InputError, SqueezeBertError
from squeezebert.files import require_other

if TYPE_CHECKING:
    from squeezebert.cli.embeddings import SearchedFile
    from squeezebert.cli.inputs import Record
    from squeezebert.pipelines import MultiTaskPipeline, Pipeline


def predict(
    texts: Annotated[list[str] | None, typer.Argument(help="Texts, each in quotes.")] = None,
    model: Annotated[
        str, typer.Option(help="A built-in model (see `squeezebert models`) or a bundle folder.")
    ] = "sentiment",
    task: Annotated[
        str | None,
        typer.Option(help="Which task to ask, if the model has several.  [default: all]"),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(help="Texts from a txt, csv, tsv, jsonl, json or parquet file; - is stdin."),
    ] = None,
    stdin_format: Annotated[
        Literal["txt", "csv", "tsv", "jsonl"] | None,
        typer.Option("--format", help="What stdin holds.  [default: by its first line, else txt]"),
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", help="A jsonl or csv file; - is stdout. With --ray, a folder."
        ),
    ] = "-",
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="auto|ADDRESS",
            help="Answer each file of a quoted pattern, such as --file 'data/*.parquet', on a Ray "
            "cluster; auto starts one here if there is none.",
        ),
    ] = None,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: Annotated[
        str | None,
        typer.Option(help="Column of the label in the file of --examples, if it can't be guessed."),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            help="Columns of the file to copy into the output, such as id,date; or all. Columns of "
            "the file of --similar-to come with each text found.  [default: none; with --ray, all]"
        ),
    ] = None,
    on_error: Annotated[
        Literal["stop", "skip"],
        typer.Option(help="What to do at a bad record. Skipped ones are listed on stderr."),
    ] = "stop",
    context: Annotated[
        Path | None,
        typer.Option(help="A text file to find answers in, for a model that answers questions."),
    ] = None,
    pair: Annotated[
        str | None,
        typer.Option(help="The second text of each pair, with a model that compares pairs."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Labels to choose from, such as sport,politics, with a model of entailment; a "
            "label with a comma stands in double quotes."
        ),
    ] = None,
    labels_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the file with labels for each text, in place of --labels: a list, or "
            "labels with | between them."
        ),
    ] = None,
    multi_label: Annotated[
        bool,
        typer.Option("--multi-label", help="With --labels: a text can have several, or none."),
    ] = False,
    template: Annotated[
        str | None,
        typer.Option(
            help="A sentence that says what a label means, with {} for the label.  "
            "[default: This is about {}.]"
        ),
    ] = None,
    learn_from: LabelledExamples = None,
    similar_to: Annotated[
        Path | None,
        typer.Option(
            help="With embeddings: find the nearest texts of this file. Its columns are those "
            "named, where it has them, else guessed."
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many texts to find, words to guess for each [MASK], or labels to give the "
            "scores of.  [default: 3 texts, 5 words, all labels]",
        ),
    ] = None,
    long: Annotated[
        Literal["cut", "windows"] | None,
        typer.Option(
            help="Read only the beginning of a long text, or all of it in windows, "
            "with a model of classes or values.  [default: cut]"
        ),
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(help="Leave out entities with a lower score, from 0 to 1."),
    ] = None,
    always_answer: Annotated[
        bool,
        typer.Option(
            "--always-answer", help="Give an answer to each question, even if none is likely."
        ),
    ] = False,
    answer_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens of the longest answer to a question.  [default: 30]"),
    ] = None,
    threads: Threads = None,
) -> None:
    """Ask a model about texts, or about every record of a file.

    Prints a line for each text at a terminal, and JSON lines into a pipe or file.
    """
    from squeezebert.bundle import Task
    from squeezebert.cli.answers import writer_to
    from squeezebert.cli.asking import RECORDS, ask, chunked, remark_on_language
    from squeezebert.cli.inputs import file_records, stdin_records
    from squeezebert.cli.progress import progress
    from squeezebert.cli.tasks import of_best_labels, with_rows
    from squeezebert.cli.tasks.multi_task import rendering_of
    from squeezebert.data.columns import Columns
    from squeezebert.pipelines import MultiTaskPipeline, load
    from squeezebert.pipelines.loading import load_task

    if bool(texts) == (file is not None):
        raise InputError("Give either texts or --file, for example: predict 'A good film.'")
    if pair is not None and (not texts or context is not None):
        raise InputError(
            "--pair is for texts; a --file has a column for it, named by --pair-column."
        )
    if context is not None and not texts:
        raise InputError("--context is for questions given as texts; a --file has a column for it.")
    if file is None and (pair_column or (text_column and not (similar_to or learn_from))):
        raise InputError("--text-column and --pair-column are for files.")
    if file is None and (on_error == "skip" or (keep is not None and similar_to is None)):
        raise InputError("--keep and --on-error are for files.")
    if label_column is not None and learn_from is None:
        raise InputError("--label-column is for --examples, and there are none.")
    if stdin_format is not None and file != "-":
        raise InputError("--format is for stdin, --file -; a file's ending says what it holds.")
    if labels_column is not None and (
        file is None or labels is not None or ray is not None or output.lower().endswith(".csv")
    ):
        raise InputError(
            "--labels-column names a column of --file, in place of --labels. As labels differ from "
            "text to text, answers are JSON lines, and not csv or --ray's."
        )
    if labels is None and labels_column is None and (template is not None or multi_label):
        option = "--template" if template is not None else "--multi-label"
        raise InputError(f"{option} is for --labels, and there are none.")
    if ray is not None and (file in (None, "-") or output == "-"):
        raise InputError(
            "--ray is for files into a folder: --file 'data/*.parquet' --output FOLDER."
        )
    if output != "-" and ray is None:
        require_other(Path(output), None if file == "-" else file, context, learn_from, similar_to)
    if ray is not None:
        threads = threads or 1
    pipeline: Any = load(model, threads) if task is None else load_task(model, threads, task=task)
    if isinstance(pipeline, MultiTaskPipeline):
        needs: dict[str, bool] = {
            Task.QUESTION_ANSWERING: bool(context or always_answer or answer_tokens),
            Task.EMBEDDING: bool(learn_from or similar_to),
            Task.ENTITIES: min_score is not None,
            Task.CLASSIFICATION: long is not None,
            Task.FILL_MASK: top is not None and similar_to is None,
            "entailment": bool(labels or labels_column),
        }
        pipeline = _suited(pipeline, [kind for kind, needed in needs.items() if needed])
    together = isinstance(pipeline, MultiTaskPipeline)
    if not together and context is not None and pipeline.spec.task != Task.QUESTION_ANSWERING:
        raise InputError(
            f"--context needs a model that answers questions, and {model} is for "
            f"{pipeline.spec.task}. Give --model qa."
        )
    if not together and texts and context is None and pipeline.spec.task == Task.QUESTION_ANSWERING:
        raise InputError(f"{model} finds answers in a text: name its file with --context.")
    reading = pipeline  # labels, examples and texts to search in are wrapped around it
    if labels is not None or labels_column is not None:
        pipeline = _zero_shot(pipeline, labels, template, multi_label)
    if learn_from is not None:
        from squeezebert.cli.embeddings import learn

        pipeline = learn(pipeline, learn_from, Columns(text_column, label=label_column), _note)
    searched: SearchedFile | None = None
    if similar_to is not None:
        from squeezebert.cli.embeddings import search_in

        searched = search_in(
            similar_to,
            pipeline,
            text_column,
            keep if ray is None else None,
            3 if top is None else top,
            _note,
            alone=file is None,
        )
        pipeline = searched.search
    chooses = not together and _chooses(pipeline)
    if top is not None and chooses and ray is not None:
        raise InputError("With --ray, the scores of all labels are written; leave out --top.")
    options = _options(
        pipeline,
        long=long,
        min_score=min_score,
        always_answer=always_answer or None,
        longest_answer=answer_tokens,
        top=None if similar_to or chooses else top,
    )
    if texts and not together and pair is None and context is None and _reads_pairs(pipeline):
        or_labels = "" if pipeline.spec.entailment is None else ", or labels of yours: --labels A,B"
        raise InputError(
            f"{model} compares two texts. Give the other one: --pair 'Another text.'{or_labels}"
        )
    columns = Columns(text_column, pair_column, labels_column)
    limit = "than a task reads" if together else f"than {pipeline.spec.max_length} tokens"
    if ray is not None:
        from squeezebert.cli.many_files import FileAnswers, everything_asked, predict_files

        asked = everything_asked(
            model,
            {"examples": learn_from, "similar_to": similar_to},
            task=task,
            text_column=text_column,
            pair_column=pair_column,
            label_column=label_column,
            keep=keep,
            on_error=on_error,
            labels=labels,
            multi_label=multi_label,
            template=template,
            **{"top": top, **options},
        )
        about = partial(remark_on_language, model, reading)
        answer = FileAnswers(pipeline, options, columns, keep, on_error == "skip", about)
        predict_files(answer, str(file), Path(output), ray, asked, limit, cores_each=threads or 1)
        return
    skipped = _Skipped() if on_error == "skip" else None
    elsewhere = () if searched is None else searched.columns
    if searched is not None:
        shown_as = with_rows(searched.rows)
    else:
        shown_as = of_best_labels(top) if top is not None and chooses else rendering_of(pipeline)
    with writer_to(output, shown_as) as write:
        total: int | None = None
        said: set[str] = set()
        chunks: Iterable[list[Record]]
        if file is None:
            records = None
            chunks = chunked(_texts(texts or (), pair, context))
        elif file == "-":
            records = stdin_records(stdin_format, columns, keep, skipped, elsewhere)
            chunks = arrivals(records, RECORDS)
        else:
            # Read once before, to hear of a bad record now.
            source = Path(file)
            before = file_records(source, columns, keep, skipped and _ignore, elsewhere)
            total = sum(1 for _ in before)
            records = file_records(source, columns, keep, skipped, elsewhere)
            chunks = chunked(records)
        if records is not None:
            _note_once(records.notes, said)
        shown = (
            file is not None and sys.stderr.isatty() and not (output == "-" and sys.stdout.isatty())
        )
        with progress(shown=shown) as show:
            done = partial(show, "answering")
            tally = ask(
                pipeline,
                options,
                chunks,
                write,
                skip=skipped,
                show=lambda count: done(count, total),
                flush=sys.stdout.flush,
            )
        for note in tally.notes(limit):
            _note(note)
        if records is not None:
            _note_once(records.notes, said)
            if remark := remark_on_language(model, reading, tally.first):
                _note(remark)
    if skipped:
        _note(f"{skipped.count} records were skipped.")


def _suited(pipeline: "MultiTaskPipeline", kinds: Sequence[str]) -> "Pipeline | MultiTaskPipeline":
    """The only task of the kinds that options are for; all tasks, if there are no such options."""
    if not kinds:
        return pipeline
    specs = {name: pipeline.task(name).spec for name in pipeline.tasks}
    suited = [
        name
        for name, spec in specs.items()
        if spec.task in kinds or ("entailment" in kinds and spec.entailment is not None)
    ]
    if len(suited) != 1:
        raise InputError(
            f"The options are for {' and '.join(kinds)}. That fits {len(suited)} of the model's "
            f"tasks ({', '.join(specs)}), and should fit one. Name the task with --task."
        )
    return pipeline.task(suited[0])


class _Skipped:
    """Tells of records that are left out, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, error: SqueezeBertError) -> None:
        self.count += 1
        typer.echo(f"skipped: {error}", err=True)


def _ignore(error: SqueezeBertError) -> None:
    """For a first reading: the second will tell."""


def _texts(texts: Sequence[str], pair: str | None, context: Path | None) -> "Iterator[Record]":
    """The texts as they are, or each with a second text, or as a question on what the file says."""
    from squeezebert.cli.inputs import Record

    about = pair
    if context is not None:
        from squeezebert.data.formats.decoding import text_lines

        about = "".join(line for _, line in text_lines(context))
    for number, text in enumerate(texts, 1):
        yield Record(f"Text {number}", text if about is None else (text, about), {})


def _options(pipeline: "Pipeline", **options: Any) -> dict[str, Any]:
    """Those that were given; raises InputError for one that the pipeline does not have."""
    from squeezebert.pipelines import Classifier, EntityFinder, QuestionAnswerer, WordGuesser

    answers = "that answers questions, such as qa"
    made_for: dict[str, tuple[type, str, str]] = {
        "long": (Classifier, "--long", "that was trained on classes or values"),
        "min_score": (EntityFinder, "--min-score", "that finds entities, such as ner"),
        "always_answer": (QuestionAnswerer, "--always-answer", answers),
        "longest_answer": (QuestionAnswerer, "--answer-tokens", answers),
        "top": (WordGuesser, "--top", "of classes or of hidden words, or --similar-to"),
    }
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        kind, option, what = made_for[name]
        if not isinstance(pipeline, kind):
            raise InputError(f"{option} needs a model {what}, without labels or texts of yours.")
    return given


def _reads_pairs(pipeline: "Pipeline") -> bool:
    return pipeline.spec.inputs == "pair" or pipeline.spec.entailment is not None


def _chooses(pipeline: "Pipeline") -> bool:
    """Whether the answers are labels with scores."""
    spec = pipeline.spec
    return spec.task == "classification" and spec.problem_type != "regression"


def _zero_shot(
    pipeline: "Pipeline", labels: str | None, template: str | None, multi_label: bool
) -> "Pipeline":
    from squeezebert.pipelines import Classifier, ZeroShotClassifier
    from squeezebert.pipelines.zero_shot import TEMPLATE

    if not isinstance(pipeline, Classifier) or pipeline.spec.entailment is None:
        why = (
            "none of this one's labels was named as that of entailment when it was exported"
            if isinstance(pipeline, Classifier)
            else f"this one is for {pipeline.spec.task}"
        )
        raise InputError(f"--labels needs a model of entailment, and {why}. Give --model nli.")
    names = None if labels is None else next(csv.reader([labels], skipinitialspace=True))
    return ZeroShotClassifier(
        pipeline,
        names,
        template=TEMPLATE if template is None else template,
        multi_label=multi_label,
    )


def _note_once(notes: "Iterable[str]", said: set[str]) -> None:
    for note in notes:
        if note not in said:
            _note(note)
        said.add(note)


def _note(text: str) -> None:
    typer.echo(f"note: {text}", err=True)
