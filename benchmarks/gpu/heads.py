"""Several heads over one encoder, learnt in turn from what the teachers told."""

from dataclasses import replace

from benchmarks.gpu.fit import Settings, Training, fit
from benchmarks.gpu.rows import count
from benchmarks.gpu.store import Work
from benchmarks.gpu.students import begin_as_told, dev
from benchmarks.gpu.teach import TASKS

SHARES = {"sst2": 25, "clinc": 23, "conll": 33, "embed": 19}
"""Of a hundred batches."""
SETTINGS = Settings(epochs=1.2, learning_rate=1.5e-4, batch=64)
METRICS = {"clinc": "accuracy_at_70"}
NAME = "assistant"


def learn(work: Work, student: str) -> None:
    """Teaches a student all heads.

    Raises:
        InputError: Something is missing that an earlier step makes.
    """
    parameters, shape = work.encoder(student, "squeeze")
    trainings = []
    for name, share in SHARES.items():
        data = work.data(f"{name}.told") | begin_as_told(work, name, parameters, shape)
        task = replace(TASKS[name], metric=METRICS.get(name, TASKS[name].metric))
        trainings.append(Training(task, data, dev(work, name), weight=share / count(data)))
    fit(parameters, shape, trainings, SETTINGS, work.made(f"{student}.{NAME}"))
