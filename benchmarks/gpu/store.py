"""Files that the steps hand each other: arrays, and encoders with their shape and their record.

A step that finds a file missing says which step makes it, and stops.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from benchmarks.gpu.encoder import Parameters, Shape

from squeezebert.errors import InputError
from squeezebert.files import replacing_file

Array = npt.NDArray[Any]
Arrays = dict[str, Array]


def save_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Writes arrays to ``path``.npz, whole or not at all."""
    with replacing_file(_file(path)) as aside, aside.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # takes them for its option


def load_arrays(path: Path, made_by: str) -> Arrays:
    """Reads what `save_arrays` wrote.

    Args:
        made_by: The step that makes the file, for the message where there is none.

    Raises:
        InputError: There is none.
    """
    if not _file(path).is_file():
        raise InputError(f"{_file(path)} is missing. Run the step {made_by!r} first.")
    with np.load(_file(path)) as arrays:
        return dict(arrays)


def save_encoder(path: Path, parameters: Parameters, shape: Shape, record: Any = None) -> None:
    """Writes parameters, in float16, and beside them their shape and how they were made."""
    halves = {name: value.to("cpu", torch.float16) for name, value in parameters.items()}
    save_arrays(path, {name: value.numpy() for name, value in halves.items()})
    text = json.dumps({"shape": asdict(shape), "record": record}, indent=2)
    with replacing_file(path.with_name(path.name + ".json")) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def load_encoder(path: Path, made_by: str) -> tuple[Parameters, Shape, Any]:
    """Reads what `save_encoder` wrote: parameters in float32, their shape and their record.

    Raises:
        InputError: There is none.
    """
    arrays = load_arrays(path, made_by)
    facts = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
    parameters = {name: torch.from_numpy(value).float() for name, value in arrays.items()}
    return parameters, Shape(**facts["shape"]), facts["record"]


@dataclass(frozen=True)
class Work:
    """The folder that all steps share: data by name, and encoders by name."""

    folder: Path

    def data(self, name: str) -> Arrays:
        """Data that a step made.

        Raises:
            InputError: It did not.
        """
        return load_arrays(self.folder / "data" / name, "teach" if "told" in name else "prepare")

    def save(self, name: str, data: Mapping[str, Array]) -> None:
        """Keeps data for later steps."""
        save_arrays(self.folder / "data" / name, data)
        print(name, {key: value.shape for key, value in data.items()}, flush=True)

    def made(self, name: str) -> Path:
        """Where an encoder is."""
        return self.folder / "encoders" / name

    def has(self, name: str) -> bool:
        """Whether there is such an encoder."""
        return _file(self.made(name)).is_file()

    def encoder(self, name: str, made_by: str) -> tuple[Parameters, Shape]:
        """An encoder that a step made.

        Raises:
            InputError: It did not.
        """
        parameters, shape, _ = load_encoder(self.made(name), made_by)
        return parameters, shape


def _file(path: Path) -> Path:
    """Not ``with_suffix``: names have dots of their own."""
    return path.with_name(path.name + ".npz")
