"""Routes what a user says: to a FAQ, to an intent, or to a text that may hold the answer.

Talk to it by `python examples/assistant.py`; pipe turns into it, a line each, to time them. Given
a model with several tasks, it reads each turn once for all of them. docs/assistant.md says more.
"""

import argparse
import csv
import io
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import squeezebert
from squeezebert.bundle import OUT_OF_SCOPE

LIBRARY = Path(__file__).parent / "library"

NEAR = 0.55
"""Cosine from which on a turn asks for what an entry of the FAQ says."""


class Step(NamedTuple):
    """What was read: the turn or the passage, what was found there, and how long it took."""

    name: str
    found: list[str]
    seconds: float


@dataclass
class Turn:
    """What was done about something that the user said."""

    steps: list[Step] = field(default_factory=list)
    answer: str = ""


class Assistant:
    """Asks several tasks about a turn at once, and reads a passage if nothing else has an answer.

    Args:
        models: built-in names or folders of bundles, which have between them one task of each
            kind: embeddings, intents with texts out of scope, entities, questions.
        faq: csv with the columns question and answer.
        passage: text in which to look for all other answers.

    Raises:
        SqueezeBertError: a model or the FAQ can't be used, or a task is missing.
    """

    def __init__(self, models: Sequence[str], faq: Path, passage: Path) -> None:
        self.faq = read_faq(faq)
        self.passage = read_text(passage)
        self.models = squeezebert.load(models)
        self.tasks = tasks_of(self.models)
        embedder: Any = self.models.task(self.tasks["nearest"])
        self.entries = embedder.vectors([" ".join(entry) for entry in self.faq])

    def __call__(self, text: str) -> Turn:
        turn = Turn()
        found = self._read(turn, "turn", text, ("nearest", "intent", "entities"))
        entry, cosine = self._nearest(found["nearest"])
        if cosine >= NEAR:
            turn.answer = self.faq[entry][1]
        elif found["intent"].label != OUT_OF_SCOPE:
            turn.answer = f"[{found['intent'].label} would be done here]"
        else:
            found = self._read(turn, "passage", (text, self.passage), ("answer",))
            turn.answer = found["answer"].answer or "I don't know."
        return turn

    def _read(self, turn: Turn, step: str, item: Any, asked: Sequence[str]) -> dict[str, Any]:
        """The predictions for what is asked, in one pass."""
        started = time.perf_counter()
        [predictions] = self.models([item], tasks=[self.tasks[name] for name in asked])
        seconds = time.perf_counter() - started
        found = {name: predictions[self.tasks[name]] for name in asked}
        turn.steps.append(Step(step, [self._say(*pair) for pair in found.items()], seconds))
        return found

    def _nearest(self, embedding: Any) -> tuple[int, float]:
        """Of the FAQ, the entry whose vector is nearest, and its cosine."""
        cosines = self.entries @ embedding.vector
        entry = int(cosines.argmax())
        return entry, float(cosines[entry])

    def _say(self, name: str, found: Any) -> str:
        if name == "nearest":
            entry, cosine = self._nearest(found)
            return f"nearest in the FAQ: {self.faq[entry][0]} ({cosine:.2f})"
        if name == "intent":
            return f"intent: {found.label} ({found.score:.2f})"
        if name == "entities":
            named = [f"{entity.text} ({entity.type})" for entity in found.entities]
            return f"entities: {', '.join(named) or 'none'}"
        return f"in the passage: {found.answer or 'nothing'} ({found.score:.2f})"


KINDS: dict[str, type] = {
    "nearest": squeezebert.Embedder,
    "intent": squeezebert.Classifier,
    "entities": squeezebert.EntityFinder,
    "answer": squeezebert.QuestionAnswerer,
}
"""What is asked, and the kind of task that answers it."""


def tasks_of(models: squeezebert.MultiTaskPipeline) -> dict[str, str]:
    """The task for each thing that is asked: the only one of its kind.

    For intents it is the one that can say that a text is out of scope.

    Raises:
        InputError: there is none for one of them, or more than one.
    """
    tasks = {}
    for asked, kind in KINDS.items():
        fitting = [
            name
            for name in models.tasks
            if isinstance(models.task(name), kind)
            and (asked != "intent" or models.task(name).spec.threshold is not None)
        ]
        if len(fitting) != 1:
            raise squeezebert.InputError(
                f"--models must have just one {kind.__name__} for {asked!r}; of "
                f"{', '.join(models.tasks)} it is {', '.join(fitting) or 'none'}."
            )
        [tasks[asked]] = fitting
    return tasks


def read_text(file: Path) -> str:
    """A file's text, without the mark that Excel begins one with.

    Raises:
        InputError: it is not in UTF-8.
    """
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise squeezebert.InputError(f"{file} is not in UTF-8. Save it as UTF-8.") from error


def read_faq(file: Path) -> list[tuple[str, str]]:
    """Questions with their answers.

    Raises:
        InputError: the file has no rows, or one without these columns.
    """
    rows = list(csv.DictReader(io.StringIO(read_text(file), newline="")))
    if not rows or not all(row.get("question") and row.get("answer") for row in rows):
        raise squeezebert.InputError(
            f"{file} must have the columns question and answer, and both in every row."
        )
    return [(row["question"], row["answer"]) for row in rows]


def lines() -> Iterator[str]:
    """What the user types, or the lines of a pipe, which are shown; empty ones are skipped."""
    typed = sys.stdin.isatty()
    while True:
        try:
            line = input("> " if typed else "")
        except EOFError:
            return
        if line.strip():
            if not typed:
                print(f"> {line}")
            yield line


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument(
        "--models",
        nargs="+",
        default=["assistant", "qa"],
        help="built-in names or folders: embeddings, intents, entities and questions in all",
    )
    parser.add_argument("--faq", type=Path, default=LIBRARY / "faq.csv", help="csv file")
    parser.add_argument("--passage", type=Path, default=LIBRARY / "about.txt", help="text file")
    options = parser.parse_args(arguments)
    try:
        assistant = Assistant(options.models, options.faq, options.passage)
    except (squeezebert.SqueezeBertError, OSError) as error:
        parser.error(str(error))
    try:
        talk(assistant)
    except BrokenPipeError:  # whoever read this has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def talk(assistant: Assistant) -> None:
    """Answers turn after turn, and ends with the median times."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for text in lines():
        try:
            turn = assistant(text)
        except squeezebert.InputError as error:  # such as a question too long for the passage
            print(f"  {error}\n")
            continue
        for step in turn.steps:
            seconds[step.name].append(step.seconds)
            print(f"  {step.name:7} {1000 * step.seconds:5.1f} ms  {'; '.join(step.found)}")
        seconds["whole"].append(sum(step.seconds for step in turn.steps))
        print(f"{turn.answer}  ({1000 * seconds['whole'][-1]:.1f} ms)\n")
    print("medians:")
    for name, all_of_it in seconds.items():
        print(f"  {name:7} {1000 * median(all_of_it):5.1f} ms in {len(all_of_it)} turns")


if __name__ == "__main__":
    main()
