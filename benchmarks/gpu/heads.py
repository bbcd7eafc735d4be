"""Several heads over one encoder, learnt in turn from what the teachers told."""

from dataclasses import replace

from benchmarks.gpu.fit import Settings, Training, fit
from benchmarks.gpu.rows import Rows
from benchmarks.gpu.store import Work
from benchmarks.gpu.students import dev
from benchmarks.gpu.teach import TASKS

SHARES = {"sst2": 30, "clinc": 14, "conll": 36, "embed": 20}
"""Of a hundred batches."""
BATCH, LEARNING_RATE = 64, 1.5e-4
METRICS = {"clinc": "accuracy_at_70"}
NAME = "assistant"


def learn(work: Work, student: str, steps: int) -> None:
    """Teaches a student all heads.

    Raises:
        InputError: Something is missing that an earlier step makes.
    """
    parameters, shape = work.encoder(student, "squeeze")
    trainings, batches = [], 0
    for name, share in SHARES.items():
        data = work.data(f"{name}.told")
        own = Rows(data).batches(BATCH)
        task = replace(TASKS[name], metric=METRICS.get(name, TASKS[name].metric))
        trainings.append(Training(task, data, dev(work, name), weight=share / own))
        batches += own
    settings = Settings(steps / batches, LEARNING_RATE, BATCH)
    fit(parameters, shape, trainings, settings, work.made(f"{student}.{NAME}"))
