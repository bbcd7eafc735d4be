"""What each task brings to the command line: its predictions as text, as JSON and as csv."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from squeezebert.bundle import Task, TaskSpec
from squeezebert.cli.tasks import (
    classification,
    embedding,
    entities,
    hidden_words,
    question_answering,
)
from squeezebert.tokenizer import Item


@dataclass(frozen=True, slots=True)
class Rendering:
    """How the predictions of a task are shown.

    Attributes:
        line: an item and its answer, at a terminal.
        record: as JSON has it, after the item.
        cells: as a row of csv has it, after the item; the same columns for every prediction.
        names: what the item's texts are called in JSON and csv; those without a name, such as a
            context of megabytes, are left out.
        example: what to give to `predict` to try a model; see `example_for`.
    """

    line: Callable[[Item, Any], str]
    record: Callable[[Any], dict[str, Any]]
    cells: Callable[[Any], dict[str, Any]]
    names: tuple[str, ...] = ("text", "pair")
    example: str = '"Some text."'

    def example_for(self, spec: TaskSpec) -> str:
        """The example, or one with a pair of texts for a model that compares them."""
        if spec.inputs == "pair" or spec.entailment is not None:
            return f'--pair "Another text." {self.example}'
        return self.example


RENDERINGS: Mapping[str, Rendering] = {
    Task.CLASSIFICATION: Rendering(
        classification.line, classification.record, classification.cells
    ),
    Task.EMBEDDING: Rendering(embedding.line, embedding.record, embedding.cells),
    Task.ENTITIES: Rendering(entities.line, entities.record, entities.cells),
    Task.QUESTION_ANSWERING: Rendering(
        question_answering.line,
        question_answering.record,
        question_answering.cells,
        names=("question",),
        example='--context FILE "A question?"',
    ),
    Task.FILL_MASK: Rendering(
        hidden_words.line,
        hidden_words.record,
        hidden_words.cells,
        example='"Some [MASK] text."',
    ),
}


def with_rows(rows: embedding.Rows) -> Rendering:
    """How texts that were found are shown, with what else there is to show of each."""
    return Rendering(
        partial(embedding.line, rows=rows),
        partial(embedding.record, rows=rows),
        partial(embedding.cells, rows=rows),
    )


def of_best_labels(count: int) -> Rendering:
    """How classes are shown, each with the scores of so many labels, the likeliest, alone."""
    return Rendering(
        partial(classification.line_of_best, count),
        partial(classification.record_of_best, count),
        partial(classification.cells_of_best, count),
    )
