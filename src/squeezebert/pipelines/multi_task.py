"""Several tasks at once: each text is encoded once, and all heads answer."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from squeezebert.errors import InputError
from squeezebert.pipelines.items import as_items
from squeezebert.pipelines.origin import Reloaded
from squeezebert.pipelines.tasks import PIPELINES, Pipeline
from squeezebert.runtime.remembering import RememberingEngine
from squeezebert.tokenizer import Item

_ITEMS_AT_ONCE = 64


class Predictions(dict[str, Any]):
    """What several tasks predict for one item, by the task's name."""

    @property
    def truncated(self) -> bool:
        """Whether one of the tasks saw only a part of the item."""
        return any(prediction.truncated for prediction in self.values())

    @property
    def blank(self) -> bool:
        """Whether a text of the item has no word that the model knows."""
        return any(prediction.blank for prediction in self.values())


class MultiTaskPipeline(Reloaded):
    """Pipelines of several tasks, which share what reads the texts.

    Where heads see the same tokens of an item and have the same encoder, it reads them once. An
    answer is the one that the task's pipeline gives alone, to the bit.

    Args:
        pipelines: of each task, by its name.
        engines: that their heads call.

    Attributes:
        tasks: names of the tasks, in order.
    """

    def __init__(
        self, pipelines: Mapping[str, Pipeline], engines: Sequence[RememberingEngine]
    ) -> None:
        self.tasks = tuple(pipelines)
        self._pipelines = dict(pipelines)
        self._engines = tuple(engines)

    def task(self, name: str) -> Pipeline:
        """The pipeline of one task.

        Raises:
            InputError: there is no such task.
        """
        if name not in self._pipelines:
            raise InputError(f"There is no task {name!r}; there are {', '.join(self.tasks)}.")
        return self._pipelines[name]

    def __call__(
        self, items: Iterable[Item], *, tasks: Iterable[str] | str | None = None
    ) -> list[Predictions]:
        """Answers every item, in order, for each task that takes it.

        A task takes what its pipeline takes: entities and classes of texts single texts, classes of
        pairs and questions (with their context) pairs, embeddings both.

        Args:
            items: texts, or pairs of texts.
            tasks: names of those asked, or the only one; by default, all.

        Returns:
            For each item the prediction of each task that takes it, by the task's name: a mapping,
            which also has the flags that all predictions have.

        Raises:
            InputError: there is no such task, or none is named; or an item can't be used, or no
                task takes it, in which case the error has its index.
        """
        if isinstance(tasks, str):
            tasks = (tasks,)
        asked = {name: self.task(name) for name in (self.tasks if tasks is None else tasks)}
        if not asked:
            raise InputError(f"No task is asked. Name some of {', '.join(self.tasks)}.")
        listed = as_items(items)
        for index, item in enumerate(listed):
            if not any(_takes(pipeline, item) for pipeline in asked.values()):
                kind = "a pair" if isinstance(item, tuple) else "a single text"
                raise InputError(f"it is {kind}, which none of the tasks takes.", index=index)
        answers: list[Predictions] = []
        for start in range(0, len(listed), _ITEMS_AT_ONCE):
            answers += self._answer(asked, listed[start : start + _ITEMS_AT_ONCE], start)
        return answers

    def _answer(
        self, asked: Mapping[str, Pipeline], items: Sequence[Item], start: int
    ) -> list[Predictions]:
        answers = [Predictions() for _ in items]
        with ExitStack() as stack:
            for engine in self._engines:
                stack.enter_context(engine.remember())
            for name, pipeline in asked.items():
                taken = [index for index, item in enumerate(items) if _takes(pipeline, item)]
                try:
                    predictions = pipeline([items[index] for index in taken])
                except InputError as error:
                    if error.index is None:
                        raise
                    index = start + taken[error.index]
                    raise InputError(f"(task {name}) {error.reason}", index=index) from error
                for index, prediction in zip(taken, predictions, strict=True):
                    answers[index][name] = prediction
        return answers


def _takes(pipeline: Pipeline, item: Item) -> bool:
    return PIPELINES[pipeline.spec.task].takes(pipeline.spec, item)
