"""What a teacher says of the texts to learn from: asked once, and kept for later students."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from squeezebert.errors import DataError, InputError
from squeezebert.files import replacing_file
from squeezebert.finetune.encoding import EncodedExamples
from squeezebert.finetune.tasks import TrainingTask
from squeezebert.finetune.tasks.taught import Told
from squeezebert.tokenizer import Item
from squeezebert.training.predictor import load_predictor
from squeezebert.training.progress import progress

_DIGEST = 16  # bytes of the SHA-256 of an item
_ITEMS_AT_ONCE = 1024


@dataclass(frozen=True)
class Source:
    """Where a teacher's answers come from: the teacher, a file with its answers, or both.

    Attributes:
        teacher: a fine-tuned checkpoint or bundle; None for answers from the file alone.
        file: where answers are kept, and are taken from if it is there; None for a hidden file
            beside what is trained.
    """

    teacher: str | None = None
    file: Path | None = None

    @property
    def is_there(self) -> bool:
        """Whether there is anything to learn from but labels."""
        return self.teacher is not None or self.file is not None


@dataclass
class Answers:
    """A file of answers, by the digests of what was asked.

    It is a safetensors file with the tensors ``digests`` (uint8 ``[items, 16]``, the beginning of
    the SHA-256 of each text, or of the JSON list of a pair), ``rows`` (int64 ``[items]``, how many
    rows of values each has) and ``values`` (float32, the rows back to back). Its metadata say what
    was ``asked`` and whom, the digest of a ``teacher``.

    Attributes:
        file: where it is.
        asked: what the values are, such as the labels in order.
        teacher: that gave them; "" if unknown.
        told: what was said.
        places: where in it each item is, by digest.
    """

    file: Path
    asked: dict[str, Any]
    teacher: str = ""
    told: Told | None = None
    places: dict[bytes, int] = field(default_factory=dict)

    def add(self, digests: Sequence[bytes], told: Told) -> None:
        """Adds what was said of more items, and writes all of it."""
        for digest in digests:
            self.places[digest] = len(self.places)
        if self.told is not None:
            told = Told(*(torch.cat(both) for both in zip(self.told, told, strict=True)))
        self.told = told = Told(told.values.contiguous(), told.rows)
        known = np.frombuffer(b"".join(self.places), np.uint8).reshape(-1, _DIGEST)
        tensors = {"digests": torch.from_numpy(known.copy()), **told._asdict()}
        stated = {"asked": json.dumps(self.asked), "teacher": self.teacher}
        with replacing_file(self.file) as aside:
            save_file(tensors, aside, metadata=stated)

    def of(self, digests: Sequence[bytes]) -> Told:
        """What was said of items that are all known."""
        assert self.told is not None
        return self.told.of([self.places[digest] for digest in digests])


def read_answers(file: Path) -> Answers:
    """Reads a file of answers.

    Raises:
        DataError: it is damaged, or something else.
    """
    try:
        with safe_open(file, "pt") as opened:
            stated = opened.metadata() or {}
            digests, rows, values = map(opened.get_tensor, ("digests", "rows", "values"))
        asked = json.loads(stated["asked"])
        if int(rows.sum()) != len(values) or digests.shape != (len(rows), _DIGEST):
            raise ValueError("its parts don't fit together")
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise DataError(
            f"{file} holds no answers of a teacher that can be used: {error}. Name another file."
        ) from error
    places = {digest.tobytes(): place for place, digest in enumerate(digests.numpy())}
    return Answers(file, asked, stated.get("teacher", ""), Told(values, rows), places)


def taught(
    source: Source,
    task: TrainingTask,
    examples: EncodedExamples,
    folder: Path,
    say: Callable[[str], None],
) -> Tensor:
    """What the teacher says of the examples, a row for each, or for each token of all of them.

    It is asked about what the file doesn't hold, which then does.

    Args:
        folder: where answers are kept in a hidden folder, if no file is named.
        say: prints a line.

    Raises:
        DataError: the file is damaged.
        InputError: the teacher or the file is for something else, or the file lacks answers and
            there is no teacher to ask.
    """
    answers = _open(source, task.asked(examples), folder)
    digests = [digest_of(item) for item in task.items]
    missing = {
        digest: place for place, digest in enumerate(digests) if digest not in answers.places
    }
    if not missing:
        say(f"The teacher's answers are known from an earlier run: {answers.file}")
    elif source.teacher is None:
        first = task.items[min(missing.values())]
        raise InputError(
            f"{answers.file} has no answers for {len(missing):,} of {len(set(digests)):,} texts, "
            f"such as {_shown(first)!r}. Name the teacher too, to ask it about them."
        )
    else:
        predictor = load_predictor(source.teacher)
        task.check_teacher(predictor)
        say(f"Asking the teacher about {len(missing):,} texts, once.")
        parts, places = [], list(missing.values())
        with progress("teacher", len(missing), say) as advance:
            for start in range(0, len(places), _ITEMS_AT_ONCE):
                part = places[start : start + _ITEMS_AT_ONCE]
                parts.append(task.ask(predictor, examples, part))
                advance(len(part))
        answers.add(list(missing), Told(*map(torch.cat, zip(*parts, strict=True))))
    return task.placed(answers.of(digests), examples)


def digest_of(item: Item) -> bytes:
    """By which a file of answers knows a text or a pair."""
    text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()[:_DIGEST]


def _open(source: Source, asked: dict[str, Any], folder: Path) -> Answers:
    """The file, whether it is there or not yet."""
    teacher = "" if source.teacher is None else _identity(source.teacher)
    file = source.file
    if file is None:
        key = hashlib.sha256(f"{teacher} {json.dumps(asked)}".encode()).hexdigest()
        file = folder / ".teacher-answers" / f"{key[:16]}.safetensors"
    if not file.exists():
        if source.teacher is None:
            raise InputError(
                f"There is no file {file}. Name the teacher whose answers to keep there."
            )
        return Answers(file, asked, teacher)
    answers = read_answers(file)
    if answers.asked != asked:
        raise InputError(
            f"{file} has answers to something else: to {json.dumps(answers.asked)}, and the data "
            f"ask for {json.dumps(asked)}. Name another file."
        )
    if teacher and answers.teacher != teacher:
        raise InputError(
            f"{file} has the answers of another teacher than {source.teacher}. Name another file, "
            "or no teacher to use these."
        )
    return answers


def _shown(item: Item) -> str:
    text = item if isinstance(item, str) else item[0]
    return text[:50]


def _identity(teacher: str) -> str:
    """Changes when the teacher does: a digest of its files; for a built-in one, its name."""
    folder = Path(teacher)
    if not folder.is_dir():
        return f"{teacher} {version('squeezebert')}"
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in {".json", ".safetensors", ".bin", ".gz"}:
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()
