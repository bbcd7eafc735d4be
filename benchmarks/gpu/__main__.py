"""The built-in models, made again on one graphics processor.

All steps share a folder, WORK. Each says which earlier step it lacks. In order:

    run="python -m benchmarks.gpu WORK"
    python -m benchmarks.misleading_questions DATA/squad/train-v1.1.json.xz -o misleading.json
    $run prepare --data DATA --tokenizer mini --misleading misleading.json
    $run weights mpnet=all-mpnet-base-v2 minilm=all-MiniLM-L6-v2
    $run squeeze mini=5 --teacher all-MiniLM-L6-v2 --text english --from mini --seconds 75
    $run teach squad qnli cola sst2 mrpc clinc nli rte stsb conll bc5cdr embed
    $run student mini squad qnli cola sst2 nli mrpc rte clinc stsb conll bc5cdr embed
    $run checkpoint mini --tokenizer mini -o mini-again
    $run checkpoint mini.sst2 --tokenizer mini -o mini-sst2

what an encoder holds before it is fine-tuned, in a minute,

    $run frozen mini mpnet

several heads over one encoder, here of all-mpnet-base-v2's width,

    $run squeeze base=5 --teacher all-mpnet-base-v2 --text english --batch 32 --seconds 250
    $run teach embed --vectors mpnet
    $run heads base
    $run checkpoint base.assistant --head sst2 --tokenizer base -o base-sst2

and for several languages, where E5 is multilingual-e5-small with its vocabulary trimmed:

    $run prepare-languages --data DATA --text TEXT --tokenizer E5
    $run weights e5=E5
    $run squeeze polyglot=0 --teacher E5 --text languages --batch 32 --seconds 110
    $run teach-languages sentiment entities embed
    $run student-languages polyglot sentiment entities embed
    $run checkpoint polyglot.entities --tokenizer E5 -o polyglot-entities

What the data folders hold is said in prepare.py and prepare_languages.py. ``squeeze`` takes several
students at once, NAME=TAPS each, whose teacher runs once; TAPS is the size of their depthwise
convolutions, or 0. Without ``--from`` they begin in closed form. Steps that need nothing of each
other can run at the same time. ``checkpoint`` writes what `squeezebert evaluate` and
`squeezebert export` take.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from benchmarks.gpu import frozen, heads, languages, prepare, prepare_languages, students, teach
from benchmarks.gpu.checkpoints import write_checkpoint
from benchmarks.gpu.encoder import Parameters, Shape
from benchmarks.gpu.squeeze import FrozenTeacher, Settings, Source, Student, earlier, first, squeeze
from benchmarks.gpu.store import Work, save_encoder
from benchmarks.gpu.weights import of_teacher

from squeezebert.errors import SqueezeBertError
from squeezebert.model.compact import find_checkpoint
from squeezebert.squeeze.student import RECORD
from squeezebert.squeeze.teacher import Teacher

CALIBRATION = 1024  # sequences


def main(arguments: list[str] | None = None) -> int:
    """Runs one step; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    work = Work(parsed.work)
    try:
        parsed.run(work, parsed)
    except SqueezeBertError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _prepare(work: Work, given: argparse.Namespace) -> None:
    tokenizer = _tokenizer(given.tokenizer)
    prepare.prepare(prepare.Preparation(work, given.data, tokenizer, given.misleading))


def _prepare_languages(work: Work, given: argparse.Namespace) -> None:
    prepare_languages.prepare(
        prepare_languages.Preparation(work, given.data, given.text, _tokenizer(given.tokenizer))
    )


def _weights(work: Work, given: argparse.Namespace) -> None:
    for item in given.teachers:
        name, _, source = item.partition("=")
        save_encoder(work.made(name), *of_teacher(Teacher(source)))


def _squeeze(work: Work, given: argparse.Namespace) -> None:
    teacher = Teacher(given.teacher)
    text, held_out = (work.data(f"text.{given.text}{part}")["ids"] for part in ("", ".held"))
    calibration = torch.from_numpy(text[:CALIBRATION].astype("int64"))

    def start(taps: int) -> tuple[Parameters, Shape]:
        if given.earlier is not None:
            return earlier(given.earlier, taps)
        return first(teacher, calibration, taps, groups=given.groups, neurons=given.neurons)

    record = None if given.earlier is None else Path(find_checkpoint(given.earlier)) / RECORD
    before = json.loads(record.read_text()) if record is not None and record.exists() else None
    source = Source(Path(given.teacher).name, given.text, before)
    learning = []
    for item in given.students:
        name, _, taps = item.partition("=")
        learning.append(Student(work.made(name), *start(int(taps or 0)), source))
    settings = Settings(given.seconds, given.batch, given.learning_rate, given.seed)
    squeeze(learning, FrozenTeacher(*of_teacher(teacher)), text, held_out, settings)


def _teach(work: Work, given: argparse.Namespace) -> None:
    for name in given.tasks:
        if name == "embed":
            teach.tell_vectors(work, given.vectors)
        else:
            teach.teach(work, name)


def _teach_languages(work: Work, given: argparse.Namespace) -> None:
    for name in given.tasks:
        if name == "embed":
            languages.tell_vectors(work)
        else:
            languages.teach(work, name)


def _student(work: Work, given: argparse.Namespace) -> None:
    for name in given.tasks:
        students.learn(work, given.student, name, given.seed)


def _heads(work: Work, given: argparse.Namespace) -> None:
    heads.learn(work, given.student)


def _frozen(work: Work, given: argparse.Namespace) -> None:
    for name in given.encoders:
        is_made = work.made(f"{name}.json").is_file()
        found = work.encoder(name, "squeeze") if is_made else earlier(name, 0)
        frozen.measure(work, name, *found)


def _student_languages(work: Work, given: argparse.Namespace) -> None:
    for name in given.tasks:
        languages.learn(work, given.student, name, given.without)


def _checkpoint(work: Work, given: argparse.Namespace) -> None:
    write_checkpoint(work, given.encoder, given.tokenizer, given.output, given.head)


def _tokenizer(checkpoint: str) -> Path:
    return Path(find_checkpoint(checkpoint)) / "tokenizer.json"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("work", type=Path)
    steps = parser.add_subparsers(required=True)

    step = steps.add_parser("prepare")
    step.add_argument("--data", type=Path, required=True)
    step.add_argument("--tokenizer", required=True)
    step.add_argument("--misleading", type=Path, required=True)
    step.set_defaults(run=_prepare)

    step = steps.add_parser("prepare-languages")
    step.add_argument("--data", type=Path, required=True)
    step.add_argument("--text", type=Path, required=True)
    step.add_argument("--tokenizer", required=True)
    step.set_defaults(run=_prepare_languages)

    step = steps.add_parser("weights")
    step.add_argument("teachers", nargs="+", metavar="NAME=CHECKPOINT")
    step.set_defaults(run=_weights)

    step = steps.add_parser("squeeze")
    step.add_argument("students", nargs="+", metavar="NAME=TAPS")
    step.add_argument("--teacher", required=True)
    step.add_argument("--text", choices=["english", "languages"], required=True)
    step.add_argument("--from", dest="earlier")
    step.add_argument("--groups", type=int, default=2)
    step.add_argument("--neurons", type=int)
    step.add_argument("--seconds", type=float, required=True)
    step.add_argument("--batch", type=int, default=128)
    step.add_argument("--learning-rate", type=float, default=Settings.learning_rate)
    step.add_argument("--seed", type=int, default=0)
    step.set_defaults(run=_squeeze)

    for name, run, tasks in (
        ("teach", _teach, [*teach.LEARNT, "embed"]),
        ("teach-languages", _teach_languages, [*languages.TEACHERS, "embed"]),
    ):
        step = steps.add_parser(name)
        step.add_argument("tasks", nargs="+", choices=tasks)
        step.set_defaults(run=run)
        if run is _teach:
            step.add_argument("--vectors", default="minilm", help="the teacher of embed")

    step = steps.add_parser("student")
    step.add_argument("student")
    step.add_argument("tasks", nargs="+", choices=list(students.SMALL))
    step.add_argument("--seed", type=int, default=0)
    step.set_defaults(run=_student)

    step = steps.add_parser("frozen")
    step.add_argument("encoders", nargs="+", help="made here, or checkpoints")
    step.set_defaults(run=_frozen)

    step = steps.add_parser("heads")
    step.add_argument("student")
    step.set_defaults(run=_heads)

    step = steps.add_parser("student-languages")
    step.add_argument("student")
    step.add_argument("tasks", nargs="+", choices=list(languages.STUDENTS))
    step.add_argument("--without", type=int)
    step.set_defaults(run=_student_languages)

    step = steps.add_parser("checkpoint")
    step.add_argument("encoder")
    step.add_argument("--tokenizer", required=True)
    step.add_argument("--head", choices=list(heads.SHARES))
    step.add_argument("-o", "--output", type=Path, required=True)
    step.set_defaults(run=_checkpoint)
    return parser


if __name__ == "__main__":
    sys.exit(main())
