"""``squeezebert predict``: answers for texts, or for every record of a file."""

import csv
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, TypeAlias

import typer

from squeezebert.cli.arrivals import arrivals
from squeezebert.cli.options import LabelledExamples, PairColumn, TextColumn, Threads
from squeezebert.errors import DataError, InputError
from squeezebert.files import require_other

if TYPE_CHECKING:
    from squeezebert.cli.answers import Write
    from squeezebert.pipelines import Pipeline
    from squeezebert.tokenizer import Item

    Record: TypeAlias = tuple[str, Item]  # the place that messages name, and what is there

# What is held in memory at a time.
_RECORDS = 256
_CHARACTERS = 1 << 20


def predict(
    texts: Annotated[list[str] | None, typer.Argument(help="Texts, each in quotes.")] = None,
    model: Annotated[
        str, typer.Option(help="A built-in model (see `squeezebert models`) or a bundle folder.")
    ] = "sentiment",
    file: Annotated[
        str | None,
        typer.Option(help="Texts from a txt, csv, tsv, jsonl or parquet file; - is stdin, as txt."),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="A jsonl or csv file; - is stdout.")
    ] = "-",
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    context: Annotated[
        Path | None,
        typer.Option(help="Of a model that answers questions: the text file to find answers in."),
    ] = None,
    pair: Annotated[
        str | None,
        typer.Option(help="Of a model that compares pairs: the second text, of each text given."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Of a model of entailment: the labels to choose from, such as sport,politics; "
            "one with a comma in double quotes."
        ),
    ] = None,
    multi_label: Annotated[
        bool,
        typer.Option("--multi-label", help="With --labels: a text can have several, or none."),
    ] = False,
    template: Annotated[
        str | None,
        typer.Option(
            help="What a label says of a text, with {} for the label.  [default: This is about {}.]"
        ),
    ] = None,
    learn_from: LabelledExamples = None,
    similar_to: Annotated[
        Path | None,
        typer.Option(
            help="With embeddings: find the nearest texts of this file, in the same column."
        ),
    ] = None,
    top: Annotated[int | None, typer.Option(help="How many of them.  [default: 3]")] = None,
    long: Annotated[
        Literal["cut", "windows"] | None,
        typer.Option(
            help="Of a model of classes or values: read the beginning of a long text, or all of it "
            "in windows.  [default: cut]"
        ),
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(help="Of a model of entities: leave out those of a lower score, 0 to 1."),
    ] = None,
    always_answer: Annotated[
        bool,
        typer.Option(
            "--always-answer", help="Of a model that answers questions: never say no answer."
        ),
    ] = False,
    answer_tokens: Annotated[
        int | None,
        typer.Option(
            min=1, help="Of a model that answers questions: the longest answer.  [default: 30]"
        ),
    ] = None,
    threads: Threads = None,
) -> None:
    """Say what a model makes of texts.

    Prints a line for each text at a terminal, and JSON lines into a pipe or file.
    """
    from squeezebert.cli.answers import writer_to
    from squeezebert.cli.tasks import RENDERINGS
    from squeezebert.pipelines import load

    if bool(texts) == (file is not None):
        raise InputError("Give either texts or --file, for example: predict 'A good film.'")
    if pair is not None and (not texts or context is not None):
        raise InputError(
            "--pair is for texts; a --file has a column for it, named by --pair-column."
        )
    if context is not None and not texts:
        raise InputError("--context is for questions given as texts; a --file has a column for it.")
    if file is None and (pair_column or (text_column and similar_to is None)):
        raise InputError("--text-column and --pair-column are for files.")
    if labels is None and (template is not None or multi_label):
        option = "--template" if template is not None else "--multi-label"
        raise InputError(f"{option} is for --labels, and there are none.")
    if top is not None and similar_to is None:
        raise InputError("--top is for --similar-to, and there is none.")
    if output != "-":
        require_other(Path(output), None if file == "-" else file, context, learn_from, similar_to)
    pipeline = load(model, threads)
    if context is not None and pipeline.spec.task != "question-answering":
        raise InputError(
            f"--context needs a model that answers questions, and {model} is for "
            f"{pipeline.spec.task}."
        )
    if texts and context is None and pipeline.spec.task == "question-answering":
        raise InputError(f"{model} finds answers in a text: name its file with --context.")
    if labels is not None:
        pipeline = _zero_shot(pipeline, labels, template, multi_label)
    if learn_from is not None:
        from squeezebert.cli.few_shot import learn

        pipeline = learn(pipeline, learn_from)
    if similar_to is not None:
        pipeline = _search(pipeline, similar_to, text_column, 3 if top is None else top)
    options = _options(
        pipeline,
        long=long,
        min_score=min_score,
        always_answer=always_answer or None,
        longest_answer=answer_tokens,
    )
    with writer_to(output, RENDERINGS[pipeline.spec.task]) as write:
        total: int | None = None
        chunks: Iterable[list[Record]]
        if file is None:
            chunks = _chunks(_texts(texts or (), pair, context))
        elif file == "-":
            chunks = arrivals(_stdin(), _RECORDS)
        else:
            total, records = _records(Path(file), text_column, pair_column)
            chunks = _chunks(records)
        shown = (
            file is not None and sys.stderr.isatty() and not (output == "-" and sys.stdout.isatty())
        )
        with _progress(total, shown) as advance:
            _answer(pipeline, options, chunks, write, advance)


def _texts(texts: Sequence[str], pair: str | None, context: Path | None) -> "Iterator[Record]":
    """The texts as they are, or each with a second text, or as a question on what the file says."""
    about = pair
    if context is not None:
        from squeezebert.data.formats.decoding import text_lines

        about = "".join(line for _, line in text_lines(context))
    for number, text in enumerate(texts, 1):
        yield f"Text {number}", text if about is None else (text, about)


def _options(pipeline: "Pipeline", **options: Any) -> dict[str, Any]:
    """Those that were given; raises InputError for one that the pipeline does not have."""
    from squeezebert.pipelines import Classifier, EntityFinder, QuestionAnswerer

    made_for: dict[str, tuple[type, str, str]] = {
        "long": (Classifier, "--long", "that was trained on classes or values"),
        "min_score": (EntityFinder, "--min-score", "that finds entities"),
        "always_answer": (QuestionAnswerer, "--always-answer", "that answers questions"),
        "longest_answer": (QuestionAnswerer, "--answer-tokens", "that answers questions"),
    }
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        kind, option, what = made_for[name]
        if not isinstance(pipeline, kind):
            raise InputError(f"{option} needs a model {what}, without labels or texts of yours.")
    return given


def _zero_shot(
    pipeline: "Pipeline", labels: str, template: str | None, multi_label: bool
) -> "Pipeline":
    from squeezebert.pipelines import Classifier, ZeroShotClassifier
    from squeezebert.pipelines.zero_shot import TEMPLATE

    if not isinstance(pipeline, Classifier):
        raise InputError(
            f"--labels needs a model of entailment, and this one is for {pipeline.spec.task}."
        )
    [names] = csv.reader([labels], skipinitialspace=True)
    return ZeroShotClassifier(
        pipeline,
        names,
        template=TEMPLATE if template is None else template,
        multi_label=multi_label,
    )


def _search(pipeline: "Pipeline", path: Path, text_column: str | None, top: int) -> "Pipeline":
    from squeezebert.pipelines import Embedder, TextSearch

    if not isinstance(pipeline, Embedder):
        raise InputError(
            f"--similar-to needs a model of embeddings, and this one is for {pipeline.spec.task}."
        )
    count, records = _records(path, text_column, None)
    texts = [item for _, item in records if isinstance(item, str) and item.strip()]
    if len(texts) < count:
        _note(f"{count - len(texts)} empty texts of {path} are left out, and not counted by index.")
    if not texts:
        raise DataError(
            f"{path}: there are no texts to search in; name their column with --text-column."
        )
    return TextSearch(pipeline, texts, top=top)


def _answer(
    pipeline: "Pipeline",
    options: dict[str, Any],
    chunks: "Iterable[list[Record]]",
    write: "Write",
    advance: Callable[[int], object],
) -> None:
    from squeezebert.pipelines.items import at_place

    count = truncated = blank = 0
    for chunk in chunks:
        items = [item for _, item in chunk]
        try:
            answers = pipeline(items, **options)
        except InputError as error:
            raise at_place(error, [place for place, _ in chunk]) from error
        for item, answer in zip(items, answers, strict=True):
            write(item, answer)
        sys.stdout.flush()
        count += len(items)
        truncated += sum(answer.truncated for answer in answers)
        blank += sum(answer.blank for answer in answers)
        advance(len(items))
    if not count:
        _note("there were no texts.")
    if truncated:
        _note(
            f"{truncated} of {count} texts had more than {pipeline.spec.max_length} tokens; "
            "the model saw only their beginnings."
        )
    if blank:
        _note(
            f"{blank} of {count} texts were empty or held no word that the model knows; the "
            "answers to them mean nothing."
        )


def _chunks(records: "Iterable[Record]") -> "Iterator[list[Record]]":
    chunk: list[Record] = []
    characters = 0
    for place, item in records:
        chunk.append((place, item))
        characters += len("".join(item))
        if len(chunk) == _RECORDS or characters > _CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _records(
    path: Path, text_column: str | None, pair_column: str | None
) -> "tuple[int, Iterator[Record]]":
    """How many records a file has, and they; reads it once before, to hear of a bad record now."""
    from squeezebert.data.columns import cell, open_table, text_columns

    rows = open_table(path, text_column, pair_column)
    text, pair, guessed = text_columns(rows, text_column, pair_column)
    if guessed and rows.columns != ("text",):
        _note(f"guessed from the names of the columns: {', '.join(guessed)}.")

    def records() -> "Iterator[Record]":
        for number, row in rows:
            place = f"{path}, {rows.unit} {number}"
            first = cell(rows, number, row, text)
            item: Item = first if pair is None else (first, cell(rows, number, row, pair))
            if pair is not None and not all(text.strip() for text in item):
                raise DataError(f"{place}: a text of the pair is empty.")
            yield place, item

    return sum(1 for _ in records()), records()


def _stdin() -> "Iterator[Record]":
    from squeezebert.data.formats.decoding import StreamedText

    if sys.stdin is None:
        raise InputError("There is no stdin to read. Give texts, or a file's name with --file.")
    for number, line in StreamedText("stdin", _stdin_bytes()):
        yield f"stdin, line {number}", line.rstrip("\r\n")


def _stdin_bytes() -> BinaryIO:
    """Stdin, not through ``sys.stdin``, which can't be closed while a thread waits for it."""
    try:
        return os.fdopen(sys.stdin.fileno(), "rb", closefd=False)
    except OSError:  # there is no file behind it
        return sys.stdin.buffer


@contextmanager
def _progress(total: int | None, shown: bool) -> Iterator[Callable[[int], object]]:
    """Shows how far we are and, where the total is known, the time left, on stderr."""
    if not shown:
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (MofNCompleteColumn(), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)
        yield lambda count: progress.advance(task, count)


def _note(text: str) -> None:
    typer.echo(f"note: {text}", err=True)
