"""``predict --ray``: the files of a pattern on a cluster, through `squeezebert.scale`."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import typer

from squeezebert.bundle import find_bundle
from squeezebert.bundle.manifest import MANIFEST
from squeezebert.cli.notes import note
from squeezebert.cli.predicting.answers import Write, writer_to
from squeezebert.cli.predicting.asking import (
    Tally,
    ask,
    chunked,
    remark_on_language,
    skipped_records,
)
from squeezebert.cli.predicting.choice import Choice
from squeezebert.cli.predicting.inputs import Records
from squeezebert.cli.predicting.request import Request
from squeezebert.cli.progress import progress
from squeezebert.cli.tasks.multi_task import rendering_of
from squeezebert.data.columns import Columns, open_table
from squeezebert.errors import InputError
from squeezebert.pipelines import MultiTaskPipeline, Pipeline
from squeezebert.scale import Job, Outcome, answer_files, claim_folder, jobs_of
from squeezebert.tokenizer import Item

_TOLD = 3  # of a file's skipped records

_DECISIVE = (
    "task", "text_column", "pair_column", "label_column", "keep", "on_error", "labels",
    "multi_label", "template", "top",
)  # fmt: skip
"""What answers depend on, beside the files that are read and the options of the pipeline."""


@dataclass(frozen=True)
class FileAnswers:
    """Answers the records of a file; sent to the workers with `pickle`.

    Attributes:
        options: of the pipeline.
        keep: names of the columns to take over, with commas between them; None for all.
        skips: whether bad records are left out.
        remark: says what there is to tell of the first items of a file, if anything.
        elsewhere, kept_elsewhere: as of `Records`.
    """

    pipeline: Pipeline | MultiTaskPipeline
    options: Mapping[str, Any]
    columns: Columns
    keep: str | None
    skips: bool
    remark: Callable[[Sequence[Item]], str | None] | None = None
    elsewhere: Sequence[str] = ()
    kept_elsewhere: Sequence[str] = ()

    def __call__(self, source: Path, target: Path) -> Outcome:
        """Reads a file and writes its answers, as `squeezebert.scale.Answer` says."""
        skipped: list[str] = []
        skip = (lambda error: skipped.append(str(error))) if self.skips else None
        records = Records(
            open_table(source, self.columns.text, self.columns.pair),
            self.columns,
            self.keep,
            skip,
            everything=self.keep is None,
            elsewhere=self.elsewhere,
            kept_elsewhere=self.kept_elsewhere,
        )
        with self._writer(target, records.kept_types) as write:
            tally = ask(self.pipeline, self.options, chunked(records), write, skip=skip)
        remark = None if self.remark is None else self.remark(tally.first)
        return Outcome(
            records=tally.records,
            truncated=tally.truncated,
            blank=tally.blank,
            skipped=len(skipped),
            reasons=skipped[:_TOLD],
            notes=[*records.notes, *filter(None, [remark])],
        )

    @contextmanager
    def _writer(self, target: Path, types: Mapping[str, Any]) -> Iterator[Write]:
        if target.suffix == ".parquet":
            from squeezebert.scale.parquet import prediction_columns

            with prediction_columns(target, types) as columns:
                yield columns.write
            return
        rendering = rendering_of(self.pipeline)
        # All columns have the names that they have in the file: none is called "text" again.
        names = () if self.keep is None else rendering.names
        with writer_to(str(target), replace(rendering, names=names)) as write:
            yield write


def predict_files(asked: Request, choice: Choice) -> None:
    """Answers all files of a pattern that are not answered yet, and tells of it on stderr.

    Args:
        asked: its file is the pattern, its output the folder for the results, and its ray the
            address of the cluster, see `squeezebert.scale.answer_files`.
        choice: what answers.

    Raises:
        InputError: there is no such file or cluster, the folder is another run's, or a file could
            not be answered; the others are.
    """
    folder = Path(asked.output)
    jobs = jobs_of(str(asked.file), folder)
    claim_folder(folder, _everything_asked(asked, choice.options))
    left = [job for job in jobs if not job.finished]
    if len(left) < len(jobs):
        note(f"{len(jobs) - len(left)} of {len(jobs)} files are answered already.")
    if not left:
        return
    outcomes = _outcomes(left, asked, choice)
    facts = dict.fromkeys(fact for outcome in outcomes for fact in outcome.notes)
    for fact in (*facts, *_total(outcomes).notes(choice.limit)):
        note(fact)
    if skipped := sum(outcome.skipped for outcome in outcomes):
        note(skipped_records(skipped))
    if failed := sum(outcome.error is not None for outcome in outcomes):
        raise InputError(
            f"{failed} of {len(left)} files could not be answered; the others are in {folder}. "
            "Mend those and run the same command again: it goes on with them."
        )


def _everything_asked(asked: Request, options: Mapping[str, Any]) -> dict[str, Any]:
    """What answers depend on, to be compared with that of an earlier run.

    Files count by what they hold, a data set of the hub by its name.
    """
    read = {
        "model": find_bundle(asked.model) / MANIFEST,
        "examples": asked.learn_from,
        "similar_to": asked.similar_to,
    }
    digests = {name: _digest(Path(file)) for name, file in read.items() if file is not None}
    given = {name: getattr(asked, name) for name in _DECISIVE}
    return {
        **digests,
        **{name: value for name, value in given.items() if value is not None},
        **options,
    }


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else str(file)


def _outcomes(jobs: Sequence[Job], asked: Request, choice: Choice) -> list[Outcome]:
    """What became of each file; faults and skipped records are told when they come."""
    answer = FileAnswers(
        choice.pipeline,
        choice.options,
        Columns(asked.text_column, asked.pair_column),
        asked.keep,
        asked.on_error == "skip",
        partial(remark_on_language, asked.model, choice.model),
        choice.elsewhere,
        choice.kept_elsewhere,
    )
    sizes = {str(job.source): job.source.stat().st_size for job in jobs}
    folder, address = Path(asked.output), str(asked.ray)
    found: list[Outcome] = []
    done = 0
    with progress() as show:
        for outcome in answer_files(
            jobs, answer, folder, address=address, cores_each=asked.threads or 1
        ):
            found.append(outcome)
            done += sizes[outcome.source]
            show("answering (MB)", done / 1e6, sum(sizes.values()) / 1e6)
            _tell(outcome)
    return found


def _tell(outcome: Outcome) -> None:
    if outcome.error is not None:
        typer.secho(f"error: {outcome.error}", err=True, fg=typer.colors.RED)
    for reason in outcome.reasons:
        typer.echo(f"skipped: {reason}", err=True)
    if more := outcome.skipped - len(outcome.reasons):
        typer.echo(f"skipped: {more} more of {outcome.source}", err=True)


def _total(outcomes: Sequence[Outcome]) -> Tally:
    return Tally(
        records=sum(outcome.records for outcome in outcomes),
        truncated=sum(outcome.truncated for outcome in outcomes),
        blank=sum(outcome.blank for outcome in outcomes),
    )
