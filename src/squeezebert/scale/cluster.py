"""A pool of workers on a Ray cluster, each with an engine of its own, that answers file by file.

A file is answered by one worker, written aside and moved to its place when it is whole. So a worker
that is killed leaves nothing, Ray gives its file to another, and a run that was stopped goes on
with the files that are not there yet.
"""

import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from squeezebert.errors import InputError, SqueezeBertError
from squeezebert.runtime.processors import processors
from squeezebert.scale.jobs import UNFINISHED, Job

_AUTO = "auto"
_PATIENCE = 5.0  # seconds, for a connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a file.

    Attributes:
        source: the file.
        records: that were answered.
        truncated: of how many the model saw only a part.
        blank: how many have no word that the model knows.
        skipped: how many records were left out.
        reasons: why, of the first of them.
        notes: what to tell of how the file was read.
        error: why there is no result; None if there is one.
    """

    source: str = ""
    records: int = 0
    truncated: int = 0
    blank: int = 0
    skipped: int = 0
    reasons: Sequence[str] = ()
    notes: Sequence[str] = ()
    error: str | None = None


class Answer(Protocol):
    """Reads a file and writes its answers; it is sent to the workers with `pickle`."""

    def __call__(self, source: Path, target: Path) -> Outcome:
        """Answers a file.

        Raises:
            SqueezeBertError: it can't be answered; others go on.
        """


def answer_files(
    jobs: Sequence[Job], answer: Answer, folder: Path, *, address: str, cores_each: int = 1
) -> Iterator[Outcome]:
    """Answers files on a cluster.

    Args:
        jobs: what to answer.
        answer: is sent once to each worker.
        folder: which all targets lie in; all machines of the cluster see it and the sources under
            the same paths.
        address: of the cluster; "auto" for the one that this machine belongs to, and if there is
            none, for one of this machine's processors that ends with the run.
        cores_each: processors of a worker.

    Yields:
        What came of each file, as they end.

    Raises:
        InputError: there is no cluster at that address.
    """
    with _cluster(address) as cores:
        yield from _outcomes(jobs, answer, folder, max(1, int(cores) // cores_each), cores_each)
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)


def _outcomes(
    jobs: Sequence[Job], answer: Answer, folder: Path, workers: int, cores_each: int
) -> Iterator[Outcome]:
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = [{"source": str(job.source), "target": str(job.target)} for job in jobs]
    most = min(workers, len(jobs))
    found = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        _Worker,  # type: ignore[arg-type]  # a class is taken too, and made by each worker
        fn_constructor_args=(answer, folder.resolve()),
        compute=ray.data.ActorPoolStrategy(min_size=1, initial_size=most, max_size=most),
        num_cpus=cores_each,
    )
    for row in found.iter_rows():
        yield Outcome(**json.loads(row["outcome"]))


class _Worker:
    """Answers one file after the other."""

    def __init__(self, answer: Answer, folder: Path) -> None:
        self._answer = answer
        self._unfinished = folder / UNFINISHED

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """What came of a file, as JSON, so that all rows have the same type."""
        source, target = Path(row["source"]), Path(row["target"])
        # Of no one else, also if a machine that was given up goes on writing.
        aside = self._unfinished / f"{uuid.uuid4().hex}-{target.name}"
        try:
            outcome = self._answer(source, aside)
            target.parent.mkdir(parents=True, exist_ok=True)
            aside.replace(target)
            found = asdict(outcome)
        except SqueezeBertError as error:
            found = {"error": str(error)}
        except OSError as error:
            found = {"error": f"{source}: {error.strerror or error}: {error.filename or target}"}
        finally:
            aside.unlink(missing_ok=True)
        return {"outcome": json.dumps(found | {"source": str(source)})}


def _require_reachable(address: str) -> None:
    """Raises InputError for an address at which nobody listens; Ray would wait for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> InputError:
    return InputError(
        f"There is no Ray cluster at {address}: {error}. Name the address of its head, such as "
        "10.0.0.1:6379, or auto."
    )


@contextlib.contextmanager
def _cluster(address: str) -> Iterator[float]:
    """Connects to a cluster, or starts one; yields how many processors it has."""
    if address != _AUTO:
        _require_reachable(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anyone
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray

    handler = signal.getsignal(signal.SIGTERM)
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        ray.init(address=address, **options)
    except ConnectionError as error:
        if address != _AUTO:
            raise _no_cluster(address, error) from error
        ray.init(address="local", num_cpus=processors(), include_dashboard=False, **options)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # Ray's would end us with another status
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield ray.cluster_resources().get("CPU", 1)
    finally:
        ray.shutdown()
