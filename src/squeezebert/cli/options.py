"""Options that several commands have, in the same words."""

from typing import Annotated

import typer

TextColumn = Annotated[
    str | None, typer.Option(help="Column of the text; guessed, and said, if not named.")
]
PairColumn = Annotated[
    str | None, typer.Option(help="Column of the second text of a pair, if texts are in pairs.")
]
LabelColumn = Annotated[
    str | None, typer.Option(help="Column of the label; guessed, and said, if not named.")
]
LabelledExamples = Annotated[
    str | None,
    typer.Option(
        "--examples", help="Of a model of embeddings: labelled examples to learn labels from."
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with the stopped run of the same command; without one, begin."
    ),
]
Clean = Annotated[
    bool,
    typer.Option("--clean", help="Remove the run's state, OUTPUT.run, once the output is whole."),
]
