"""``squeezebert predict``: answers for texts, or for every record of a file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from squeezebert.cli.notes import note_namesakes
from squeezebert.cli.options import LabelledExamples, PairColumn, TextColumn, Threads
from squeezebert.cli.predicting.request import Request


def predict(
    texts: Annotated[list[str] | None, typer.Argument(help="Texts, each in quotes.")] = None,
    model: Annotated[
        str,
        typer.Option(
            help="A built-in model (see `squeezebert models`) or a bundle folder.",
            callback=note_namesakes,
        ),
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
    asked = Request(**locals())  # it has a field for each option
    from squeezebert.cli.predicting.checks import require_fitting
    from squeezebert.cli.predicting.choice import choose
    from squeezebert.cli.predicting.mistaken import note_names

    require_fitting(asked)
    note_names(asked)
    choice = choose(asked)
    if asked.ray is not None:
        from squeezebert.cli.predicting.many_files import predict_files

        predict_files(asked, choice)
    else:
        from squeezebert.cli.predicting.running import answer_all

        answer_all(asked, choice)
