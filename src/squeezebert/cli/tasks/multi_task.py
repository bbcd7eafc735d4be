"""Predictions of several tasks together, each as its own task shows it."""

from typing import Any

from squeezebert.cli.marks import faint
from squeezebert.cli.tasks import RENDERINGS, Rendering
from squeezebert.pipelines import MultiTaskPipeline, Pipeline
from squeezebert.pipelines.multi_task import Predictions
from squeezebert.tokenizer import Item


def rendering_of(pipeline: Pipeline | MultiTaskPipeline) -> Rendering:
    """How the predictions of a pipeline are shown, of one task or of all of several.

    Args:
        pipeline: that makes them.
    """
    if not isinstance(pipeline, MultiTaskPipeline):
        return RENDERINGS[pipeline.spec.task]
    of = {name: RENDERINGS[pipeline.task(name).spec.task] for name in pipeline.tasks}
    width = max(map(len, of))

    def line(item: Item, answers: Predictions) -> str:
        """A line for each task, after its name."""
        found = (
            f"{faint(f'{name:{width}}')}  {of[name].line(item, answer)}"
            for name, answer in answers.items()
        )
        return "\n".join(found) + "\n"

    def record(answers: Predictions) -> dict[str, Any]:
        """The record of each task, by its name."""
        return {name: of[name].record(answer) for name, answer in answers.items()}

    def cells(answers: Predictions) -> dict[str, Any]:
        """The cells of all tasks, each with the task's name in front."""
        return {
            f"{name}_{column}": value
            for name, answer in answers.items()
            for column, value in of[name].cells(answer).items()
        }

    return Rendering(line, record, cells)
