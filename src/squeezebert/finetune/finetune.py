"""Fine-tuning an encoder for a task, with or without a teacher."""

import shutil
from collections.abc import Callable
from pathlib import Path

from squeezebert.data.tasks import Examples
from squeezebert.errors import SqueezeBertError
from squeezebert.files import require_replaceable
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.run import FineTuned, Run
from squeezebert.finetune.search import has_finished_trials, search
from squeezebert.finetune.settings import Settings
from squeezebert.finetune.tasks import TASKS
from squeezebert.training.checkpoints import MARKER, last_complete_checkpoint


def finetune(
    checkpoint: str,
    train: Examples,
    dev: Examples | None,
    output: Path,
    settings: Settings,
    *,
    task: str = "classification",
    teacher: str | None = None,
    label_names: list[str] | None = None,
    trials: int | None = None,
    resume: bool = False,
    say: Callable[[str], None] = print,
) -> FineTuned:
    """Fine-tunes an encoder and leaves the best checkpoint and a report in ``output``.

    ``output`` appears, or is replaced, in one step when all is done; of a search, whenever a trial
    is the best so far. Until the end the state of the run is in a hidden folder beside it, from
    where a stopped run can be resumed exactly.

    Args:
        checkpoint: the encoder to start from, a Hugging Face folder or hub id.
        dev: measures progress and chooses the best checkpoint; None holds a tenth of ``train`` out.
        task: what the examples are for.
        teacher: a fine-tuned checkpoint or bundle for the same, to distil from.
        label_names: class names in place of the values in the data.
        trials: search for the best settings around the given ones with so many trainings.
        resume: go on with the run that was stopped, if there is one.
        say: prints a line.

    Raises:
        CheckpointError: a checkpoint can't be used.
        DataError: the data can't be used.
        InputError: options don't fit the data, the checkpoint or the run to resume.
    """
    require_replaceable(output, MARKER)
    state = output.with_name(f".{output.name}.training")
    fresh = not state.exists()
    state.mkdir(parents=True, exist_ok=True)
    try:
        learnt = TASKS[task](train, dev, HoldOut(settings.seed, state, output), label_names)
        for note in learnt.notes:
            say(note)
        if not resume and last_complete_checkpoint(state) is not None:
            say("A stopped run with this output is given up; --resume would have gone on with it.")
        run = Run(checkpoint, teacher, train.name, learnt, state, output, say)
        if trials is None:
            done = run.train(settings, resume=resume).save()
        else:
            done = search(run, settings, trials, resume=resume)
    except SqueezeBertError:
        kept = last_complete_checkpoint(state) is not None or has_finished_trials(state)
        if fresh and not kept:
            shutil.rmtree(state)
        raise
    shutil.rmtree(state)
    return done
