"""What ``learn --best`` does: it fine-tunes an encoder beside the regression, and compares both."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from squeezebert.bundle import Bundle, Task, find_bundle, read_bundle
from squeezebert.data.tasks import READERS, Examples
from squeezebert.data.tasks.classification import Table
from squeezebert.errors import BundleError, InputError
from squeezebert.evaluation import Evaluation, evaluate
from squeezebert.finetune.finetune import finetune
from squeezebert.finetune.held_out import FILE
from squeezebert.finetune.run import STOPPED, FineTuned
from squeezebert.finetune.settings import Settings
from squeezebert.learn.examples import table_of
from squeezebert.learn.learning import Learnt
from squeezebert.training.predictor import load_predictor

START = "mini"
"""The encoder that fine-tuning starts from, unless another is named."""

START_OF_PAIRS = "nli"
"""The same for pairs: what has learnt to compare two texts needs fewer of them.

Source: Liu et al. 2019, "RoBERTa", section 5.1, which starts MRPC, RTE and STS-B from entailment.
"""

Say = Callable[[str], None]


def vectors_of(encoder: str | None) -> str | None:
    """The bundle whose vectors to learn from, where ``encoder`` may be for fine-tuning alone.

    None leaves the choice to `learn`.
    """
    bundle = bundle_of(encoder)
    if bundle is None or all(head.task != Task.EMBEDDING for head in bundle.manifest.heads):
        return None
    return encoder


def bundle_of(encoder: str | None) -> Bundle | None:
    """The bundle of a name or in a folder; None of a checkpoint, or where none is named."""
    if encoder is None:
        return None
    try:
        return read_bundle(find_bundle(encoder))
    except (BundleError, InputError):  # a checkpoint
        return None


def fine_tune_beside(
    learnt: Learnt, table: Table, start: str, minutes: float, folder: Path, say: Say
) -> tuple[Path, Table, Evaluation]:
    """Fine-tunes on the rows from which one part of what was learnt was learnt too.

    Args:
        learnt: see `Learnt.on_one_part`.
        table: that it was learnt from.
        start: the encoder to start from.
        minutes: that training takes at most.
        folder: for the checkpoint.
        say: prints a line.

    Returns:
        The checkpoint, the rows held out, and its scores on them.
    """
    numbers = {row.number for row in learnt.rows}
    held_out = table_of(learnt.rows, table)
    taught = table_of([row for row in table if row.number not in numbers], table)
    checkpoint, _ = fine_tune(Task.CLASSIFICATION, taught, start, minutes, folder, say)
    return (
        checkpoint,
        held_out,
        evaluate(load_predictor(checkpoint), held_out, with_intervals=True),
    )


def fine_tune(
    task: str, examples: Examples, start: str, minutes: float, folder: Path, say: Say
) -> tuple[Path, FineTuned]:
    """Fine-tunes on nine tenths of the examples, and chooses the best checkpoint by the others."""
    checkpoint = folder / "checkpoint"
    settings = Settings(minutes=minutes)

    def tell(line: str) -> None:
        if line != STOPPED:  # nothing stays of the run, so it can't be resumed
            say(line.replace(f" as {checkpoint / FILE}", ""))

    return checkpoint, finetune(start, examples, None, checkpoint, settings, task=task, say=tell)


def copy_report(checkpoint: Path, output: Path) -> None:
    """Puts the report of a training into the folder of its bundle."""
    for file in (checkpoint / "report.md", *checkpoint.glob("*.png")):
        shutil.copy(file, output)


def held_out_of(checkpoint: Path, task: str, done: FineTuned) -> Examples:
    """The examples that a training without dev data held out."""
    return READERS[task](checkpoint / FILE, "validation", done.columns)


@contextmanager
def folder_beside(output: Path) -> Iterator[Path]:
    """A temporary folder on the disk of the output."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as folder:
        yield Path(folder)
