"""Every room knows every task, under one name."""

from collections.abc import Iterable

import pytest

from squeezebert.bundle import Task
from squeezebert.cli.tasks import RENDERINGS
from squeezebert.data.tasks import READERS
from squeezebert.evaluation.tasks import SCORERS
from squeezebert.export.card import KINDS
from squeezebert.finetune.tasks import TASKS
from squeezebert.model.tasks import MODELS
from squeezebert.pipelines.tasks import HEADS, PIPELINES
from squeezebert.training.baseline import BASELINES


@pytest.mark.parametrize(
    "tasks",
    [HEADS, PIPELINES, MODELS, SCORERS, BASELINES, TASKS, KINDS, RENDERINGS, Task],
    ids=[
        *("heads", "pipelines", "models", "scorers", "baselines", "fine-tuning", "cards", "shell"),
        "names",
    ],
)
def test_what_can_be_read_can_be_learnt_scored_shipped_and_run(tasks: Iterable[str]) -> None:
    assert set(tasks) == READERS.keys()
