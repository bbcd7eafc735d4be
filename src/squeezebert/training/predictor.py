"""From a name or path to what `evaluate` scores."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from squeezebert.bundle import look_up
from squeezebert.errors import InputError
from squeezebert.pipelines import Pipeline
from squeezebert.pipelines.loading import load_task
from squeezebert.pipelines.tasks import PIPELINES
from squeezebert.tokenizer import Tokenizer

if TYPE_CHECKING:
    from squeezebert.model.checkpoint import Checkpoint


def load_predictor(
    name_or_path: str | Path, threads: int | None = None, *, task: str | None = None
) -> Pipeline:
    """Loads a bundle, by its folder or built-in name, or a fine-tuned checkpoint of any kind.

    Args:
        name_or_path: as `squeezebert.load` takes it; or the folder of a fine-tuned Hugging Face
            model with its tokenizer.json, or the name of a general checkpoint. Only the latter two
            need torch.
        threads: how many are used at most; by default, one for each processor.
        task: of a bundle with several, the name of the one to load.

    Raises:
        BundleError: the bundle can't be used.
        CheckpointError: the checkpoint can't be used.
        InputError: there is no such model or task, or there are several and none is named.
    """
    if look_up(name_or_path).kind != "checkpoint":
        return load_task(name_or_path, threads, task=task)
    if task is not None:
        raise InputError(f"{name_or_path} is a checkpoint, which has one task; name none.")
    from squeezebert.model.checkpoint import load_checkpoint
    from squeezebert.model.compact import find_checkpoint

    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    with without_progress_bars():
        return pipeline_of(load_checkpoint(Path(find_checkpoint(name_or_path))))


def pipeline_of(checkpoint: "Checkpoint") -> Pipeline:
    """The pipeline of a fine-tuned model, with torch in place of an engine."""
    tokenizer = Tokenizer.from_file(checkpoint.tokenizer_json)
    return PIPELINES[checkpoint.spec.task](tokenizer, checkpoint.head, checkpoint.spec)


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Keeps transformers from drawing bars for what takes a second."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
