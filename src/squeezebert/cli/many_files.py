"""``predict --ray``: the files of a pattern on a cluster, through `squeezebert.scale`."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from squeezebert.bundle import find_bundle
from squeezebert.bundle.manifest import MANIFEST
from squeezebert.cli.answers import Write, writer_to
from squeezebert.cli.asking import Tally, ask, chunked
from squeezebert.cli.inputs import Records
from squeezebert.cli.progress import progress
from squeezebert.cli.tasks.multi_task import rendering_of
from squeezebert.data.columns import Columns, open_table
from squeezebert.errors import InputError
from squeezebert.pipelines import MultiTaskPipeline, Pipeline
from squeezebert.scale import Outcome, answer_files, claim_folder, jobs_of
from squeezebert.tokenizer import Item

_TOLD = 3  # of a file's skipped records


@dataclass(frozen=True)
class FileAnswers:
    """Answers the records of a file; sent to the workers with `pickle`.

    Attributes:
        options: of the pipeline.
        keep: names of the columns to take over, with commas between them; None for all.
        skips: whether bad records are left out.
        remark: says what there is to tell of the first items of a file, if anything.
    """

    pipeline: Pipeline | MultiTaskPipeline
    options: Mapping[str, Any]
    columns: Columns
    keep: str | None
    skips: bool
    remark: Callable[[Sequence[Item]], str | None] | None = None

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


def predict_files(
    answer: FileAnswers,
    pattern: str,
    folder: Path,
    address: str,
    asked: Mapping[str, Any],
    limit: str,
    *,
    cores_each: int,
) -> None:
    """Answers all files of a pattern that are not answered yet, and tells of it on stderr.

    Args:
        folder: for the results.
        address: of the cluster; see `squeezebert.scale.answer_files`.
        asked: what the answers depend on; see `everything_asked`.
        limit: how much the model reads, such as "than 128 tokens".
        cores_each: processors of a worker.

    Raises:
        InputError: there is no such file or cluster, the folder is another run's, or a file could
            not be answered; the others are.
    """
    jobs = jobs_of(pattern, folder)
    claim_folder(folder, asked)
    left = [job for job in jobs if not job.finished]
    if len(left) < len(jobs):
        before = len(jobs) - len(left)
        typer.echo(f"note: {before} of {len(jobs)} files are answered already.", err=True)
    if not left:
        return
    sizes = {str(job.source): job.source.stat().st_size for job in left}
    total, skipped, failed = Tally(), 0, 0
    notes: dict[str, None] = {}  # a set in order
    megabytes = sum(sizes.values()) / 1e6
    done = 0
    with progress() as show:
        for outcome in answer_files(left, answer, folder, address=address, cores_each=cores_each):
            done += sizes[outcome.source]
            show("answering (MB)", done / 1e6, megabytes)
            if outcome.error is not None:
                typer.secho(f"error: {outcome.error}", err=True, fg=typer.colors.RED)
                failed += 1
            for reason in outcome.reasons:
                typer.echo(f"skipped: {reason}", err=True)
            if outcome.skipped > len(outcome.reasons):
                more = outcome.skipped - len(outcome.reasons)
                typer.echo(f"skipped: {more} more of {outcome.source}", err=True)
            skipped += outcome.skipped
            total.records += outcome.records
            total.truncated += outcome.truncated
            total.blank += outcome.blank
            notes |= dict.fromkeys(outcome.notes)
    for note in (*notes, *total.notes(limit)):
        typer.echo(f"note: {note}", err=True)
    if skipped:
        typer.echo(f"note: {skipped} records were skipped.", err=True)
    if failed:
        raise InputError(
            f"{failed} of {len(left)} files could not be answered; the others are in {folder}. "
            "Mend those and run the same command again: it goes on with them."
        )


def everything_asked(
    model: str, files: Mapping[str, str | Path | None], **given: Any
) -> dict[str, Any]:
    """What answers depend on, to be compared with that of an earlier run.

    Args:
        model: a built-in bundle's name, or a bundle's folder.
        files: that are read beside those to be answered, by what they are for; a data set of the
            hub counts by its name.
        given: options.
    """
    read = {"model": find_bundle(model) / MANIFEST, **files}
    told = {name: _digest(Path(file)) for name, file in read.items() if file is not None}
    return told | {name: value for name, value in given.items() if value is not None}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else str(file)
