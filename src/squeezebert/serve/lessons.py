"""Learning for people without a shell: a file that was sent becomes a model, in a process beside.

The process is of lower priority, so that requests are answered meanwhile, and can be ended at any
time. Files and models lie in a folder of this machine that is removed when the server stops.
"""

import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from squeezebert.bundle.heads import ProblemType
from squeezebert.data.columns import Columns, label_columns, open_table, text_columns
from squeezebert.data.formats import KINDS, file_kind, open_rows
from squeezebert.data.formats.unpacking import PACKINGS, extent
from squeezebert.data.rows import Row, Rows
from squeezebert.errors import DataError, SqueezeBertError
from squeezebert.learn.saving import REPORT
from squeezebert.serve.refusals import Busy, NotFound, Unusable
from squeezebert.serve.registry import Model

if TYPE_CHECKING:
    from squeezebert.data.tasks.classification import Table

State: TypeAlias = Literal["sent", "learning", "learnt", "failed"]

_ROWS_SHOWN = 5
_KEPT = 8  # lessons; the oldest of more is forgotten, unless it learns or is served
_BUNDLE = "bundle"
_NAME_BYTES = 200  # of a file's name at most
_UNPACKED, _AT_ONCE = 1 << 30, 8 << 20  # bytes at most of a file, and of what is read at once


@dataclass(frozen=True, slots=True)
class Guess:
    """What the columns of a file seem to be.

    Attributes:
        columns: all of them.
        text, pair, label: those that were guessed; None where that could not be.
        rows: the first ones.
        note: why a column could not be guessed.
    """

    columns: Sequence[str]
    text: str | None
    pair: str | None
    label: str | None
    rows: Sequence[Row]
    note: str | None


@dataclass(slots=True, eq=False)
class Lesson:
    """A file that was sent, and what becomes of it.

    Attributes:
        folder: its own.
        file: the name of the file in there.
        doing, done, total: how far the learning is.
        notes: what to know of how the file was read.
        scores: of each way to answer on rows held out, when it has ended.
        error: why there is no model.
        model: that was learnt.
        served: the name that it is served under, if it is.
    """

    id: str
    folder: Path
    file: str
    state: State = "sent"
    doing: str = ""
    done: int = 0
    total: int = 0
    notes: Sequence[str] = ()
    scores: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    model: Model | None = None
    served: str | None = None
    process: multiprocessing.process.BaseProcess | None = None

    @property
    def source(self) -> Path:
        """The file."""
        return self.folder / self.file

    @property
    def report(self) -> Path:
        """The page about what was learnt."""
        return self.folder / _BUNDLE / REPORT


class Lessons:
    """What is learnt here, one file at a time.

    Args:
        encoder: name or folder of the bundle whose vectors are learnt from.
    """

    def __init__(self, encoder: str = "embed") -> None:
        self._encoder = encoder
        self._folder = Path(tempfile.mkdtemp(prefix="squeezebert-learn-"))
        self._lessons: dict[str, Lesson] = {}
        self._lock = threading.Lock()

    def place_for(self, name: str) -> Lesson:
        """A lesson whose file is yet to be written.

        Args:
            name: the file's.

        Raises:
            Unusable: it is of no kind that can be read.
        """
        plain = Path(name.replace("\\", "/")).name
        if "\0" in plain or len(plain.encode(errors="replace")) > _NAME_BYTES:
            raise Unusable(
                f"A file's name has {_NAME_BYTES} bytes at most, and no NUL. Rename the file."
            )
        id = uuid.uuid4().hex
        folder = self._folder / id
        # Of a .zip it is known when the file is there, by the name of what is packed in it.
        if file_kind(folder / plain) not in KINDS and Path(plain).suffix.lower() != ".zip":
            raise Unusable(
                f"{plain or 'A file without a name'} can't be read. Send a file that ends in "
                f"{', '.join(KINDS)}, packed or not ({', '.join(PACKINGS)}); save a spreadsheet "
                "as csv."
            )
        folder.mkdir()
        return Lesson(id, folder, plain)

    def add(self, lesson: Lesson) -> Guess:
        """Keeps a lesson whose file is written, and says what its columns seem to be.

        Raises:
            Unusable: the file can't be read.
        """
        try:
            _require_size(lesson.source)
            guess = _guessed(lesson.source)
        except SqueezeBertError as error:
            raise Unusable(self._told(lesson, error)) from error
        with self._lock:
            self._lessons[lesson.id] = lesson
            old = [
                each.id
                for each in self._lessons.values()
                if each.state != "learning" and each.served is None and each is not lesson
            ]
            too_many = old[: max(0, len(self._lessons) - _KEPT)]
        for each in too_many:
            self.forget(each)
        return guess

    def find(self, id: str) -> Lesson:
        """The lesson with an id.

        Raises:
            NotFound: there is none.
        """
        found = self._lessons.get(id)
        if found is None:
            raise NotFound("There is no such lesson here, or no more. Send the file again.")
        return found

    def learnt(self, id: str) -> tuple[Lesson, Model]:
        """A lesson that has ended well, and its model.

        Raises:
            NotFound: there is none.
        """
        lesson = self.find(id)
        if lesson.model is None:
            raise NotFound("Nothing has been learnt from this file yet.")
        return lesson, lesson.model

    def start(self, id: str, columns: Columns, problem_type: ProblemType | None) -> Lesson:
        """Begins to learn.

        Args:
            columns: text and label are named.
            problem_type: what the labels are; None to find out.

        Raises:
            NotFound: there is no such lesson.
            Busy: something else is being learnt.
            Unusable: it has been learnt from already, or has no such columns.
        """
        lesson = self.find(id)
        try:
            _require_columns(lesson.source, columns)
        except SqueezeBertError as error:
            raise Unusable(self._told(lesson, error)) from error
        with self._lock:
            if any(each.state == "learning" for each in self._lessons.values()):
                raise Busy(
                    "Another file is being learnt from, and one is at a time. Wait for it, or stop "
                    "it."
                )
            if lesson.model is not None:
                raise Unusable("This file has been learnt from. Send it again to learn anew.")
            lesson.state, lesson.error, lesson.scores = "learning", None, {}
            lesson.doing, lesson.done, lesson.total, lesson.notes = "", 0, 0, ()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        asked = (lesson.folder, lesson.file, self._encoder, columns, problem_type)
        lesson.process = context.Process(target=_learn, args=(theirs, *asked), daemon=True)
        lesson.process.start()
        theirs.close()
        threading.Thread(target=self._follow, args=(lesson, ours), daemon=True).start()
        return lesson

    def forget(self, id: str) -> None:
        """Ends the learning, if it goes on, and removes the file and what was learnt from it.

        Raises:
            NotFound: there is no such lesson.
            Unusable: the model is served.
        """
        lesson = self.find(id)
        if lesson.served is not None:
            raise Unusable(f"The model is served as {lesson.served!r}, and is kept for that.")
        with self._lock:
            self._lessons.pop(id, None)
        if lesson.process is not None:
            lesson.process.kill()
            lesson.process.join()
        shutil.rmtree(lesson.folder, ignore_errors=True)

    def discard(self, lesson: Lesson) -> None:
        """Removes a lesson that was not added."""
        shutil.rmtree(lesson.folder, ignore_errors=True)

    def packed(self, id: str) -> Path:
        """The bundle as one file, made when first asked for.

        Raises:
            NotFound: nothing has been learnt.
        """
        lesson, model = self.learnt(id)
        path = lesson.folder / f"{_stem(lesson.file)}.zip"
        with self._lock:
            if not path.exists():
                aside = path.with_suffix(".part")
                with zipfile.ZipFile(aside, "w") as packed:  # 8-bit weights hardly shrink
                    for file in sorted(model.folder.iterdir()):
                        packed.write(file, f"{_stem(lesson.file)}/{file.name}")
                aside.replace(path)
        return path

    def close(self) -> None:
        """Ends what is being learnt, and removes everything."""
        for lesson in list(self._lessons.values()):
            if lesson.process is not None:
                lesson.process.kill()
                lesson.process.join()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _follow(self, lesson: Lesson, messages: Connection) -> None:
        """Takes note of what the process says, to its end."""
        with messages, contextlib.suppress(EOFError, OSError):
            while lesson.state == "learning":
                match messages.recv():
                    case "doing", what, done, total:
                        lesson.doing, lesson.done, lesson.total = what, done, total
                    case "noted", notes:
                        lesson.notes = notes
                    case "learnt", scores:
                        lesson.scores = scores
                        lesson.model = Model.of(_stem(lesson.file), lesson.folder / _BUNDLE)
                        lesson.state = "learnt"
                    case "failed", message, scores:
                        lesson.error, lesson.scores = message, scores
                        lesson.state = "failed"
        if lesson.state == "learning":
            lesson.error = "The learning was ended, perhaps for want of memory. Send fewer rows."
            lesson.state = "failed"

    def _told(self, lesson: Lesson, error: SqueezeBertError) -> str:
        """A message without the folders of this machine."""
        return _told(error).replace(f"{lesson.folder}{os.sep}", "")


def _told(error: SqueezeBertError) -> str:
    """The message, with arguments to give as the fields of a request."""
    return error.told(lambda name, value: f'"{name.removesuffix("_column")}": "{value}"')


def _require_size(source: Path) -> None:
    """Raises DataError for a file of which too much would be in memory."""
    kind = file_kind(source)
    whole, line = extent(source, _UNPACKED)
    if whole > _UNPACKED:
        raise DataError(
            f"{source.name}: unpacked it has more than {_UNPACKED >> 30} GiB. Send fewer rows."
        )
    if kind == ".json" and whole > _AT_ONCE:
        raise DataError(
            f"{source.name}: a .json file is read as a whole, and has {_AT_ONCE >> 20} MiB at "
            "most. Write each object in a line of a .jsonl file."
        )
    if kind != ".parquet" and line > _AT_ONCE:
        raise DataError(
            f"{source.name}: a line has more than {_AT_ONCE >> 20} MiB. Split its text."
        )


def _stem(file: str) -> str:
    return file.partition(".")[0] or "model"


def _guessed(source: Path) -> Guess:
    text = pair = label = None
    rows, note = _opened(source)
    if note is None:
        try:
            text, pair, _ = text_columns(rows, labelled=True)
            labels, _ = label_columns(rows, (text, pair))
            label = ",".join(labels)
        except DataError as error:
            note = _told(error)
    note = note and note.replace(f"{source.parent}{os.sep}", "")
    shown = [row for _, row in islice(rows, _ROWS_SHOWN)]
    return Guess(rows.columns, text, pair, label, shown, note)


def _opened(source: Path) -> tuple[Rows, str | None]:
    """The rows; where the first line can't be a header, with numbered columns, and why."""
    try:
        return open_table(source), None
    except DataError as error:
        try:
            return open_rows(source, header=False), _told(error)
        except DataError:
            raise error from None


def _require_columns(source: Path, columns: Columns) -> None:
    """Raises a SqueezeBertError unless a file has the columns."""
    texts = (columns.text, columns.pair)
    rows = open_table(source, *texts, columns.label)
    text_columns(rows, *texts)
    label_columns(rows, texts, columns.label)


def _learn(
    messages: Connection,
    folder: Path,
    file: str,
    encoder: str,
    columns: Columns,
    problem_type: ProblemType | None,
) -> None:
    """Learns from a file; runs in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server ends it
    with contextlib.suppress(OSError, AttributeError):
        os.nice(10)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from squeezebert.data.tasks.classification import read_classification
    from squeezebert.learn import NothingLearntError, learn
    from squeezebert.learn.report import write_report

    os.chdir(folder)  # so that messages name the file alone
    try:
        table = read_classification(
            file,
            text_column=columns.text,
            pair_column=columns.pair,
            label_column=columns.label,
        )
        if problem_type is not None:
            table = table.of_type(problem_type)
        messages.send(("noted", _notes(table)))
        model = learn(
            table,
            encoder,
            progress=lambda what, done, total: messages.send(("doing", what, done, total)),
        )
        model.save(_BUNDLE)
        write_report(Path(_BUNDLE) / REPORT, model.learnt, model.work, table)
        messages.send(("learnt", _scores(model)))
    except NothingLearntError as error:
        messages.send(("failed", _told(error), _scores(error.model)))
    except SqueezeBertError as error:
        messages.send(("failed", _told(error), {}))
    except OSError as error:
        messages.send(("failed", f"The model could not be written: {error.strerror}.", {}))


def _notes(table: "Table") -> list[str]:
    """How the file was read, and how labels are learnt of which nothing was said."""
    numbers = None
    if table.problem_type is None:
        numbers = table.check().numbers_note(
            'problem_type "regression"', 'problem_type "single_label_classification"'
        )
    return [*table.notes, *([] if numbers is None else [numbers])]


def _scores(model: Any) -> dict[str, Any]:
    """The rows of the report, as JSON has them, and what to know of them."""
    from squeezebert.learn.remarks import remarks
    from squeezebert.learn.report import rows_of

    metric, rows = rows_of(model.learnt)
    return {
        "metric": metric,
        "on": model.learnt.way,
        "rows": [{"name": row.name, "score": row.score, "interval": row.interval} for row in rows],
        "remarks": remarks(model.learnt),
        "seconds": model.work.seconds,
        "joules": model.work.joules,
        "joules_are": model.work.how,
    }
