"""Which learning rate, epochs and batch size fine-tuning needs, by the size of the data.

    OMP_NUM_THREADS=1 python -m benchmarks.finetune_defaults --data DATA -o RESULTS
    python -m benchmarks.finetune_defaults -o RESULTS --table

Public sets of each task are cut to 200 and 2,000 rows. For each, training starts with what is
chosen by default; the learning rate doubles, or else halves, while the dev metric gains. Then
twice and half the epochs, half the batch, and trained word embeddings are tried with the best
rate. Only dev data is looked at. Each training's result is kept as soon as it is there, so the
program can be stopped and run again; ``--table`` prints what is there.
"""

import argparse
import json
import tempfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from squeezebert.data.columns import Columns
from squeezebert.data.tasks import READERS, Examples
from squeezebert.files import replacing_file
from squeezebert.finetune.answers import Source
from squeezebert.finetune.defaults import Kind, choose
from squeezebert.finetune.held_out import HoldOut
from squeezebert.finetune.run import Run
from squeezebert.finetune.settings import Decided, Settings
from squeezebert.finetune.start import shape_of
from squeezebert.finetune.tasks import TASKS
from squeezebert.training.session import open_session

GUESSED = Columns()


@dataclass(frozen=True)
class Case:
    """A set cut to some rows, learnt from a checkpoint.

    Attributes:
        train, dev: files under the data folder; without a dev file, every third row is one in turn.
        kind: of what is learnt, by which settings are chosen.
        columns: of its tables, where they can't be guessed.
    """

    name: str
    train: str
    dev: str | None
    kind: Kind = Kind.CLASSES
    task: str = "classification"
    max_length: int = 64
    columns: Columns = GUESSED
    rows: int = 2000
    start: str = "mini"

    @property
    def folds(self) -> int:
        """How many trainings are averaged."""
        return 1 if self.dev is not None else 3

    @property
    def key(self) -> str:
        return f"{self.name} {self.rows} {self.start}"


TICKETS = Path(__file__).parents[1] / "examples" / "tickets.csv"
SETS = (
    Case("tickets", str(TICKETS), None, rows=80, columns=Columns(None, None, "topic")),
    Case("SST-2", "glue/SST-2/train.tsv", "glue/SST-2/dev.tsv"),
    Case("UMSAB english", "umsab/english.train.tsv", "umsab/english.val.tsv"),
    Case("CLINC150", "clinc150/data_full.json", "clinc150/data_full.json", Kind.MANY_CLASSES,
         max_length=32),
    Case("CoNLL-2003", "conll2003/eng.train", "conll2003/eng.testa", Kind.ENTITIES, "entities"),
    Case("MRPC", "glue/MRPC/train.tsv", "glue/MRPC/dev.tsv", Kind.PAIRS, max_length=96),
    Case("STS-B", "glue/STS-B/train.tsv", "glue/STS-B/dev.tsv", Kind.PAIRS, max_length=96),
    Case("NLI", "cad_nli/train.tsv", "cad_nli/dev.tsv", Kind.PAIRS),
    Case("BC5CDR", "bc5cdr/train.tsv", "bc5cdr/devel.tsv", Kind.ENTITIES, "entities"),
    Case("CoLA", "glue/CoLA/train.tsv", "glue/CoLA/dev.tsv", columns=Columns("4", None, "2")),
    Case("RTE", "glue/RTE/train.tsv", "glue/RTE/dev.tsv", Kind.PAIRS, max_length=128),
    Case("SQuAD", "squad/train-v1.1.json.xz", "squad/dev-v1.1.json", Kind.QUESTIONS,
         "question-answering", 192),
)  # fmt: skip
MOST_DEV_ROWS = {80: 40, 200: 250, 2000: 400, 15_000: 600}


def first_settings(case: Case) -> Decided:
    """What `train` chooses."""
    chosen = choose(case.kind, case.rows, *shape_of(case.start))
    return Settings(max_length=case.max_length).decided(chosen)


# A stage asks for trainings of a case: it yields settings and is sent their score.
Stage = Generator[Decided, float, None]


def rates(first: Decided) -> Stage:
    """Climbs from the first rate, upwards or else downwards, while it helps."""
    best = yield first
    for factor in (2, 0.5):
        rate = factor * first.learning_rate
        while (score := (yield replace(first, learning_rate=rate))) > best:
            best, rate = score, factor * rate
        if rate != factor * first.learning_rate:
            return


def longer(best: Decided) -> Stage:
    """Twice the epochs."""
    yield replace(best, epochs=2 * best.epochs)


def smaller_batches(best: Decided) -> Stage:
    """Half the batch."""
    yield replace(best, batch_size=best.batch_size // 2)


def trained_words(best: Decided) -> Stage:
    """Word embeddings that are trained too."""
    yield replace(best, freeze_embeddings=False)


def shorter(best: Decided) -> Stage:
    """Half the epochs."""
    yield replace(best, epochs=best.epochs // 2)


def named(*names: str, **changes: Any) -> list[Case]:
    return [replace(case, **changes) for case in SETS if case.name in names]


PLAN = (
    (rates, named("tickets")),
    (rates, named("SST-2", "UMSAB english", "CoNLL-2003", "CLINC150", "MRPC", rows=200)),
    (rates, named("CLINC150", "UMSAB english", "SST-2", "CoNLL-2003", "MRPC")),
    (longer, named("tickets")),
    (shorter, named("tickets")),
    (longer, named("SST-2", "UMSAB english", "CoNLL-2003", "MRPC", rows=200)),
    (rates, named("BC5CDR", "NLI", "STS-B", rows=200)),
    (shorter, named("SST-2", "UMSAB english", "CoNLL-2003", "CLINC150", "MRPC")),
    (longer, named("CoNLL-2003", "CLINC150")),
    (trained_words, named("CLINC150", "CoNLL-2003", "UMSAB english")),
    (rates, named("NLI", "SQuAD", "BC5CDR", "STS-B", "RTE", "CoLA")),
    (smaller_batches, named("CoNLL-2003", "CLINC150")),
    (rates, named("CLINC150", "SST-2", rows=15_000)),
)


class Results:
    """Trainings and what came of them, in a JSON file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []

    def find(self, case: Case, settings: Decided) -> dict[str, Any] | None:
        """The result of a training, if it has been done."""
        wanted = {"case": case.key, **shown(settings)}
        return next((row for row in self.rows if wanted.items() <= row.items()), None)

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        with replacing_file(self._path) as aside:
            aside.write_text(json.dumps(self.rows, indent=1) + "\n")

    def of(self, case: Case) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["case"] == case.key]


def shown(settings: Decided) -> dict[str, Any]:
    """What is varied of the settings."""
    names = ("learning_rate", "epochs", "batch_size", "freeze_embeddings")
    return {name: getattr(settings, name) for name in names}


def best_settings(results: Results, case: Case) -> Decided:
    """The best so far, with the words frozen."""
    rows = [row for row in results.of(case) if row["freeze_embeddings"]]
    best = max(rows, key=lambda row: row["score"], default={})
    first = first_settings(case)
    return replace(first, **{name: best[name] for name in shown(first) if name in best})


def cut(case: Case, data: Path, folder: Path, fold: int) -> tuple[Examples, Examples]:
    """Rows drawn from both files, as JSON lines."""
    read = READERS[case.task]
    files = {"train": case.train} if case.dev is None else {"train": case.train, "dev": case.dev}
    rows: dict[str, list[dict[str, Any]]] = {}
    for part, file in files.items():
        split = "train" if part == "train" else "validation"
        rows[part] = list(as_rows(case.task, read(data / file, split, case.columns)))
        Random(0).shuffle(rows[part])
    if case.dev is None:
        everything = rows["train"]
        rows["dev"] = everything[fold :: case.folds]
        rows["train"] = [row for i, row in enumerate(everything) if i % case.folds != fold]
    parts = []
    for part, most in (("train", case.rows), ("dev", MOST_DEV_ROWS[case.rows])):
        path = folder / f"{part}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows[part][:most]))
        parts.append(read(path, part, Columns()))
    return parts[0], parts[1]


def as_rows(task: str, examples: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Examples as the readers take them from JSON lines."""
    for example in examples:
        if task == "entities":
            entities = [span._asdict() for span in example.spans]
            yield {"text": example.text, "entities": entities}
        elif task == "question-answering":
            answers = [{"text": a.text, "answer_start": a.start} for a in example.answers]
            yield {
                "question": example.question,
                "context": example.context,
                "answers": answers,
            }
        elif example.label not in ("oos", "-"):
            row = {"text": example.text, "label": example.label}
            yield row if example.pair is None else row | {"pair": example.pair}


def train(case: Case, settings: Decided, data: Path) -> dict[str, Any]:
    """The score of a training, or the mean of its folds', and the dev metric at each half epoch."""
    done = [train_fold(case, settings, data, fold) for fold in range(case.folds)]
    return {
        **done[0],
        "score": sum(each["score"] for each in done) / len(done),
        "seconds": sum(each["seconds"] for each in done),
    }


def train_fold(case: Case, settings: Decided, data: Path, fold: int) -> dict[str, Any]:
    """One training."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        examples, dev = cut(case, data, folder, fold)
        with open_session(
            folder / "out", resume=False, clean=True, say=lambda line: None
        ) as session:
            task = TASKS[case.task](examples, dev, HoldOut(0, folder, folder), None)
            session.claim({})
            done = Run(case.start, Source(), case.name, task, session).train(settings)
        metric = f"eval_{task.metric}"
        history = [row[metric] for row in done.trainer.state.log_history if metric in row]
        lower = task.metric == "rmse"
        return {
            "case": case.key,
            **shown(settings),
            "metric": task.metric,
            "score": -done.score if lower else done.score,
            "history": [round(value, 4) for value in history],
            "seconds": round(done.elapsed.seconds),
        }


def measure(data: Path, results: Results, only: Sequence[str]) -> None:
    """Does what of the plan isn't done, of some sets."""
    for stage, cases in PLAN:
        for case in cases:
            if case.name not in only:
                continue
            start = first_settings(case) if stage is rates else best_settings(results, case)
            asked = stage(start)
            settings = next(asked)
            while True:
                row = results.find(case, settings)
                if row is None:
                    row = train(case, settings, data)
                    results.add(row | {"stage": stage.__name__})
                    print(case.key, shown(settings), row["metric"], round(row["score"], 4),
                          row["seconds"], "s", flush=True)  # fmt: skip
                try:
                    settings = asked.send(row["score"])
                except StopIteration:
                    break


def table(results: Results) -> None:
    """Prints each case's scores as Markdown, by rate, then with what was changed."""
    keys = dict.fromkeys(row["case"] for row in results.rows)
    for key in keys:
        rows = [row for row in results.rows if row["case"] == key]
        best = max(rows, key=lambda row: row["score"])
        print(f"\n{key}: {best['metric']}")
        for row in sorted(rows, key=lambda row: (row["stage"] != "rates", row["learning_rate"])):
            words = "frozen" if row["freeze_embeddings"] else "trained"
            mark = " *" if row is best else ""
            print(
                f"  {row['learning_rate']:.1e} x {row['epochs']:>2} epochs, batch "
                f"{row['batch_size']:>2}, words {words}: {100 * row['score']:.1f}"
                f" ({row['seconds']} s){mark}"
            )


def main() -> None:
    """Measures, or prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the sets")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON file of results")
    parser.add_argument(
        "--only", nargs="+", default=[case.name for case in SETS], help="names of sets"
    )
    parser.add_argument("--table", action="store_true", help="print what is there")
    arguments = parser.parse_args()
    results = Results(arguments.output)
    if not arguments.table:
        measure(arguments.data, results, arguments.only)
    table(results)


if __name__ == "__main__":
    main()
