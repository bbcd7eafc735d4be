"""Routes what a user says: to a FAQ, to an intent, or to a text that may hold the answer.

Talk to it by `python examples/assistant.py`; pipe turns into it, a line each, to time them. Given
one model with the tasks by `--assistant`, it reads each turn once. docs/assistant.md says
more.
"""

import argparse
import csv
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, TypeVar

import squeezebert
from squeezebert.bundle import OUT_OF_SCOPE

LIBRARY = Path(__file__).parent / "library"

NEAR = 0.55
"""Cosine from which on a turn asks for what an entry of the FAQ says."""

Kind = TypeVar("Kind")


class Step(NamedTuple):
    """What was asked at once: for what, what was found, and how long it took."""

    model: str
    found: list[str]
    seconds: float


@dataclass
class Turn:
    """What was done about something that the user said."""

    steps: list[Step] = field(default_factory=list)
    answer: str = ""

    def ask(self, model: str, pipeline: Any, item: Any, say: Callable[[Any], str]) -> Any:
        """A pipeline's prediction for one item, which ``say`` puts into words."""
        started = time.perf_counter()
        [prediction] = pipeline([item])
        seconds = time.perf_counter() - started
        self.steps.append(Step(model, [say(prediction)], seconds))
        return prediction

    def read(
        self,
        assistant: squeezebert.MultiTaskPipeline,
        tasks: dict[str, str],
        text: str,
        say: dict[str, Callable[[Any], str]],
    ) -> dict[str, Any]:
        """The predictions of several tasks in one pass, by the models that they stand for."""
        started = time.perf_counter()
        [predictions] = assistant([text], tasks=tasks.values())
        seconds = time.perf_counter() - started
        found = {model: predictions[task] for model, task in tasks.items()}
        self.steps.append(Step("read", [say[model](found[model]) for model in found], seconds))
        return found


class Assistant:
    """Asks one model after the other, until one has an answer; or one model for all at once.

    Args:
        models: a built-in name or a folder for each of "embed", "intent", "ner" and "qa".
        faq: csv with the columns question and answer.
        passage: text in which to look for all other answers.
        together: a bundle with a head for each of them, in their place; "qa" may be missing.

    Raises:
        SqueezeBertError: a model or the FAQ can't be used.
    """

    def __init__(
        self, models: dict[str, str], faq: Path, passage: Path, together: str | None = None
    ) -> None:
        self.faq = read_faq(faq)
        self.passage = passage.read_text(encoding="utf-8")
        self.together = None if together is None else squeezebert.load([together])
        self.tasks = {} if self.together is None else tasks_of(self.together)
        self.models: dict[str, Any] = {
            model: self.together.task(self.tasks[model])
            if self.together is not None and model in self.tasks
            else load(model, models, kind)
            for model, kind in KINDS.items()
        }
        self.entries = self.models["embed"].vectors([" ".join(entry) for entry in self.faq])
        self.say: dict[str, Callable[[Any], str]] = {
            "embed": self._say_nearest,
            "intent": say_intent,
            "ner": say_entities,
            "qa": say_reading,
        }

    def __call__(self, text: str) -> Turn:
        turn = Turn()
        known: dict[str, Any] = {}
        if self.together is not None:
            asked = {model: task for model, task in self.tasks.items() if model != "qa"}
            known = turn.read(self.together, asked, text, self.say)

        def found(model: str) -> Any:
            if model not in known:
                item = (text, self.passage) if model == "qa" else text
                known[model] = turn.ask(model, self.models[model], item, self.say[model])
            return known[model]

        entry, cosine = self._nearest(found("embed"))
        if cosine >= NEAR:
            turn.answer = self.faq[entry][1]
            return turn
        intent = found("intent")
        if intent.label != OUT_OF_SCOPE:
            found("ner")
            turn.answer = f"[{intent.label} would be done here]"
            return turn
        turn.answer = found("qa").answer or "I don't know."
        return turn

    def _nearest(self, found: Any) -> tuple[int, float]:
        """Of the FAQ, the entry whose vector is nearest, and its cosine."""
        cosines = self.entries @ found.vector
        entry = int(cosines.argmax())
        return entry, float(cosines[entry])

    def _say_nearest(self, found: Any) -> str:
        entry, cosine = self._nearest(found)
        return f"nearest in the FAQ: {self.faq[entry][0]} ({cosine:.2f})"


KINDS: dict[str, type] = {
    "embed": squeezebert.Embedder,
    "intent": squeezebert.Classifier,
    "ner": squeezebert.EntityFinder,
    "qa": squeezebert.QuestionAnswerer,
}


def tasks_of(assistant: squeezebert.MultiTaskPipeline) -> dict[str, str]:
    """The task that stands for each model: the only one of its kind.

    For intents it is the one that can say that a text is out of scope. There need be none for
    questions, which are not asked of every turn.

    Raises:
        InputError: there is none for another of them, or more than one.
    """
    tasks = {}
    for model, kind in KINDS.items():
        fitting = [
            name
            for name in assistant.tasks
            if isinstance(assistant.task(name), kind)
            and (model != "intent" or assistant.task(name).spec.threshold is not None)
        ]
        if model == "qa" and not fitting:
            continue
        if len(fitting) != 1:
            raise squeezebert.InputError(
                f"--assistant needs just one task in place of {model!r}; of "
                f"{', '.join(assistant.tasks)} it has {', '.join(fitting) or 'none'}."
            )
        [tasks[model]] = fitting
    return tasks


def say_intent(found: squeezebert.Classification) -> str:
    return f"intent: {found.label} ({found.score:.2f})"


def say_entities(found: squeezebert.Entities) -> str:
    named = [f"{entity.text} ({entity.type})" for entity in found.entities]
    return f"entities: {', '.join(named) or 'none'}"


def say_reading(found: squeezebert.Answer) -> str:
    return f"in the passage: {found.answer or 'nothing'} ({found.score:.2f})"


def load(model: str, models: dict[str, str], kind: type[Kind]) -> Kind:
    """The pipeline of one of the models.

    Raises:
        SqueezeBertError: there is none, it can't be used, or it is for another task.
    """
    try:
        pipeline = squeezebert.load(models[model])
    except squeezebert.SqueezeBertError as error:
        raise type(error)(f"{error} Name another model by --{model}.") from error
    if not isinstance(pipeline, kind):
        raise squeezebert.InputError(
            f"--{model} {models[model]} is a model for {pipeline.spec.task}, "
            f"and its pipeline no {kind.__name__}. Name another."
        )
    return pipeline


def read_faq(file: Path) -> list[tuple[str, str]]:
    """Questions with their answers.

    Raises:
        InputError: the file has no rows, or one without these columns.
    """
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
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
    for model in ("embed", "intent", "ner", "qa"):
        parser.add_argument(f"--{model}", default=model, help="built-in model or folder")
    parser.add_argument("--assistant", help="a bundle with a head for each of them, in their place")
    parser.add_argument("--faq", type=Path, default=LIBRARY / "faq.csv", help="csv file")
    parser.add_argument("--passage", type=Path, default=LIBRARY / "about.txt", help="text file")
    options = vars(parser.parse_args(arguments))
    try:
        assistant = Assistant(
            options, options["faq"], options["passage"], together=options["assistant"]
        )
    except (squeezebert.SqueezeBertError, OSError) as error:
        parser.error(str(error))

    seconds: dict[str, list[float]] = defaultdict(list)
    for text in lines():
        try:
            turn = assistant(text)
        except squeezebert.InputError as error:  # such as a question too long for the passage
            print(f"  {error}\n")
            continue
        for step in turn.steps:
            seconds[step.model].append(step.seconds)
            print(f"  {step.model:6} {1000 * step.seconds:5.1f} ms  {'; '.join(step.found)}")
        seconds["turn"].append(sum(step.seconds for step in turn.steps))
        print(f"{turn.answer}  ({1000 * seconds['turn'][-1]:.1f} ms)\n")
    print("medians:")
    for name, all_of_it in seconds.items():
        print(f"  {name:6} {1000 * median(all_of_it):5.1f} ms in {len(all_of_it)} turns")


if __name__ == "__main__":
    main()
