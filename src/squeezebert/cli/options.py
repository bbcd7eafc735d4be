"""Options that several commands have, in the same words."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from squeezebert.bundle.heads import ProblemType
    from squeezebert.data.tasks.classification import LabelSummary


class Labels(StrEnum):
    """What labels are, in the shell's words."""

    SINGLE_LABEL = "single-label"
    MULTI_LABEL = "multi-label"
    REGRESSION = "regression"

    @property
    def problem_type(self) -> "ProblemType":
        """The same in transformers' words."""
        types: dict[Labels, ProblemType] = {
            Labels.SINGLE_LABEL: "single_label_classification",
            Labels.MULTI_LABEL: "multi_label_classification",
            Labels.REGRESSION: "regression",
        }
        return types[self]


def say_what_numbers_are(summary: "LabelSummary") -> None:
    """Says how labels are learnt that are numbers, and how they may be learnt in another way.

    Args:
        summary: of a table whose labels the user said nothing about.
    """
    note = summary.numbers_note("--problem-type regression", "--problem-type single-label")
    if note is not None:
        typer.echo(note)


class WordBits(StrEnum):
    """Bits of a value in the table of word embeddings."""

    FOUR = "4"
    EIGHT = "8"

    @property
    def as_number(self) -> Literal[4, 8]:
        """The bits."""
        return 4 if self is WordBits.FOUR else 8


class LayerBits(StrEnum):
    """Bits of a value in a matrix of a layer."""

    EIGHT = "8"
    SIXTEEN = "16"

    @property
    def as_number(self) -> Literal[8, 16]:
        """The bits."""
        return 8 if self is LayerBits.EIGHT else 16


TextColumn = Annotated[
    str | None,
    typer.Option(
        help="Column of the text. If you name none, it is guessed, and the guess is printed."
    ),
]
PairColumn = Annotated[
    str | None, typer.Option(help="Column of the second text of a pair, if texts are in pairs.")
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        help="Column of the label. If you name none, it is guessed, and the guess is printed."
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Threads of the engine.  [default: one for each processor]"),
]
LabelsAre = Annotated[
    Labels | None,
    typer.Option(
        "--problem-type",
        help="What labels are: one class for each text, several, or a number to "
        "predict, such as a rating from 1 to 5.  [default: found out]",
    ),
]
LabelledExamples = Annotated[
    str | None,
    typer.Option(
        "--examples", help="Labelled examples to learn labels from, with a model of embeddings."
    ),
]
OfWords = Annotated[
    WordBits | None,
    typer.Option(
        "--word-bits",
        help="Bits of a value of the word embeddings: 4 makes their table smaller by "
        "44%, at a cost of "
        "some tenths of a point.  [default: 4 where they were in 4 bits before, else 8]",
    ),
]
RawText = Annotated[
    list[Path],
    typer.Option("--text", help="Plain text, also .xz, .gz, .zst; may be given again."),
]
HeldOut = Annotated[
    list[Path] | None,
    typer.Option("--held-out", help="Text to measure on.  [default: the end of --text]"),
]
Minutes = Annotated[float | None, typer.Option(help="Budget in minutes instead.")]
SequenceLength = Annotated[int, typer.Option("--length", help="Tokens in a sequence.")]
BatchSize = Annotated[int, typer.Option(help="Sequences in a step.")]
PeakRate = Annotated[float, typer.Option("--learning-rate", help="Peak of the schedule.")]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with the stopped run of the same command. If there is none, begin."
    ),
]
Clean = Annotated[
    bool,
    typer.Option("--clean", help="Remove the run's state, OUTPUT.run, once the output is whole."),
]
