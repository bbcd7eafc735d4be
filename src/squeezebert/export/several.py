"""From a folder of several tasks to one bundle with a head for each."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from squeezebert.bundle import combine_bundles
from squeezebert.bundle.manifest import MANIFEST, Manifest
from squeezebert.data.tasks import READERS
from squeezebert.errors import InputError, QualityGateError
from squeezebert.export.export import Export, export_checkpoint
from squeezebert.files import require_replaceable
from squeezebert.finetune.several.report import TrainedTask, read_tasks
from squeezebert.model.checkpoint import labels_of


def export_several(
    folder: Path,
    output: Path,
    *,
    entailment: str | None = None,
    exported: Callable[[str, Export], None] = lambda name, done: None,
    **options: Any,
) -> Manifest:
    """Writes one bundle of all tasks that were learnt at once, if each stays as good.

    Each passes the gate of `export_checkpoint` with the dev data of its training.

    Args:
        folder: that a training on several tasks wrote.
        output: folder of the bundle; an earlier bundle there is replaced.
        entailment: as `export_checkpoint` takes it; for the tasks that have such a label.
        exported: told of each task.
        options: further ones of `export_checkpoint`, the same for all tasks.

    Raises:
        CheckpointError: the folder is damaged.
        DataError: dev data can't be used or don't fit the model.
        InputError: no task has such a label, or an option can't be used.
        QualityGateError: a task has learnt nothing, or its head lost more than tolerated. Nothing
            was written.
    """
    require_replaceable(output, MANIFEST)
    tasks = read_tasks(folder)
    entails = [name for name, task in tasks.items() if entailment in labels_of(task.folder)]
    if entailment is not None and not entails:
        raise InputError(f"entailment {entailment!r}: none of {', '.join(tasks)} has such a label.")
    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as parts:
        for name, task in tasks.items():
            label = entailment if name in entails else None
            try:
                done = export_checkpoint(
                    task.folder, _dev(task), Path(parts) / name, entailment=label, **options
                )
            except QualityGateError as error:
                told = QualityGateError(f"{name}: {error.args[0]}")
                raise told.giving(**error.arguments) from error
            exported(name, done)
        return combine_bundles([Path(parts) / name for name in tasks], output)


def _dev(task: TrainedTask) -> Any:
    return READERS[task.task](task.dev, "validation", task.columns)
