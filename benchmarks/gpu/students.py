"""The English tasks, learnt by students from what the teachers told."""

from dataclasses import replace
from pathlib import Path

from benchmarks.gpu.encoder import Parameters, Shape
from benchmarks.gpu.fit import Settings, Training, fit
from benchmarks.gpu.objectives import add_widening
from benchmarks.gpu.rows import TEXT, only
from benchmarks.gpu.scores import Dev, Pairs
from benchmarks.gpu.store import Arrays, Work
from benchmarks.gpu.teach import TASKS, tells_states

SMALL = {
    "sst2": Settings(3, 4e-4, 128),
    "cola": Settings(3, 4e-4, 128),
    "mrpc": Settings(3, 3e-4, 96),
    "rte": Settings(3, 2e-4, 64),
    "qnli": Settings(4, 4e-4, 96, evaluations=2),
    "nli": Settings(3, 4e-4, 128),
    "clinc": Settings(6, 6e-4, 128),
    "stsb": Settings(3, 4e-4, 96),
    "conll": Settings(5, 6e-4, 96),
    "bc5cdr": Settings(7, 6e-4, 64),
    "squad": Settings(4, 5e-4, 48, evaluations=2),
    "embed": Settings(4, 5e-4, 384, evaluations=2),
}
"""For a student of six layers."""
DEEP = {
    "sst2": Settings(1.5, 1.5e-4, 128),
    "cola": Settings(1.5, 1.5e-4, 128),
    "mrpc": Settings(1.5, 1e-4, 96),
    "rte": Settings(1.5, 1e-4, 64),
    "qnli": Settings(2, 1.5e-4, 96, evaluations=2),
    "nli": Settings(1.5, 1.5e-4, 128),
    "clinc": Settings(3, 2e-4, 128),
    "stsb": Settings(1.5, 1.5e-4, 96),
    "conll": Settings(3, 2e-4, 96),
    "bc5cdr": Settings(4, 2e-4, 64),
    "squad": Settings(2, 2e-4, 48, evaluations=2),
    "embed": Settings(1.7, 4e-4, 96),
}
"""For one of twelve."""
DEEP_FROM = 12
TEACHER = "mpnet"
AFTER = {"rte": "nli", "mrpc": "nli", "qnli": "squad"}
"""Which task's student a student goes on from."""


def settings_for(name: str, layers: int) -> Settings:
    """How a task is learnt by a student of so many layers."""
    return (SMALL if layers < DEEP_FROM else DEEP)[name]


def learn(work: Work, student: str, name: str, seed: int = 0) -> Path:
    """Fine-tunes a student for a task, and returns where it is.

    Raises:
        InputError: Something is missing that an earlier step makes.
    """
    parameters, shape = work.encoder(student, "squeeze")
    if name in AFTER:
        started, _ = work.encoder(f"{student}.{AFTER[name]}", f"student {AFTER[name]}")
        parameters |= {key: started[key] for key in parameters}
    told = work.data(f"{name}.told") | begin_as_told(work, name, parameters, shape)
    settings = replace(settings_for(name, shape.layers), seed=seed)
    training = Training(TASKS[name], told, dev(work, name))
    path = work.made(f"{student}.{name}" + (f".seed{seed}" if seed else ""))
    fit(parameters, shape, [training], settings, path)
    return path


def begin_as_told(work: Work, name: str, parameters: Parameters, shape: Shape) -> Arrays:
    """Adds the teacher's head, if the student is as wide; returns the states it is to learn."""
    if name == "embed":  # told by a teacher as wide, and without a head
        return work.data("embed.told_states")
    if not work.has(f"{TEACHER}.{name}"):
        return {}
    teacher, its = work.encoder(f"{TEACHER}.{name}", f"teach {name}")
    if its.width == shape.width:
        parameters |= {key: value for key, value in teacher.items() if key.startswith(f"{name}.")}
    if not tells_states(name):
        return {}
    if its.width != shape.width:
        add_widening(parameters, shape, TASKS[name], its)
    return work.data(f"{name}.told_states")


def dev(work: Work, name: str) -> Dev:
    """What a task is measured on; vectors by the likeness of pairs."""
    if name != "embed":
        return Dev(work.data(f"{name}.dev"))
    first, second = (only(work.data(f"stsb{side}.dev"), TEXT) for side in (1, 2))
    pairs = Pairs(first, second, work.data("stsb.dev")["number"])
    return Dev(pairs={"en": pairs}, counted=("en",))
