"""The models that a server has: loaded when first asked for, and replaced while it runs."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from squeezebert.bundle import Manifest, Task, TaskSpec, find_bundle, installed_bundles
from squeezebert.bundle.reading import read_manifest
from squeezebert.errors import InputError, SqueezeBertError
from squeezebert.pipelines import MultiTaskPipeline, Pipeline, load
from squeezebert.runtime import Engine
from squeezebert.serve.refusals import NotFound, SeveralTasks

Through: TypeAlias = Callable[[str, Engine], Engine]
"""Makes the engine that a model's pipeline calls; it is given the model's name."""

Report: TypeAlias = Callable[[str, str, str | None], object]
"""Is told of a model that was replaced: its name, its folder, and why it was not, if it was not."""

_State: TypeAlias = tuple[tuple[str, int, int, int], ...]  # of the files: name, inode, time, size

_WATCH_SECONDS = 1.0


def sources_of(names_or_paths: Iterable[str]) -> dict[str, Path]:
    """The folder of each model by the name it is served under; of none, all installed ones.

    An installed model is served under its name, a bundle under its folder's.

    Raises:
        InputError: there is no such model, or two have the same name.
        BundleError: a folder holds no bundle.
    """
    sources: dict[str, Path] = {}
    for given in names_or_paths:
        folder = find_bundle(given)
        name = given if given in installed_bundles() else folder.resolve().name
        if name in sources:
            raise InputError(
                f"Two models would be served as {name!r}: {sources[name]} and {folder}. "
                "Rename one of the folders."
            )
        read_manifest(folder)
        sources[name] = folder
    return sources or dict(installed_bundles())


@dataclass(slots=True)
class Model:
    """A model and where it comes from.

    Attributes:
        manifest: what its bundle says of itself.
        pipeline: None until it is loaded.
        state: of its folder's files, as they were read.
    """

    name: str
    folder: Path
    manifest: Manifest
    pipeline: Pipeline | MultiTaskPipeline | None = None
    state: _State = ()
    loading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def spec(self) -> TaskSpec:
        """What the model is for.

        Raises:
            SeveralTasks: it has several.
        """
        if len(self.manifest.heads) > 1:
            raise SeveralTasks(self.name, self.manifest.names)
        return self.manifest.heads[0]

    @classmethod
    def of(cls, name: str, folder: Path) -> "Model":
        """The model of a bundle, not loaded yet.

        Raises:
            BundleError: the folder holds none.
        """
        return cls(name, folder, read_manifest(folder))


class Registry:
    """Models by name.

    Args:
        sources: their folders.
        through: what their engines are called through.
        threads: of each engine.
        default: the model of requests that name none; the only model is it anyway.

    Raises:
        InputError: ``default`` is none of them.
        BundleError: a folder holds no bundle.
    """

    def __init__(
        self,
        sources: Mapping[str, Path],
        through: Through,
        *,
        threads: int | None = None,
        default: str | None = None,
    ) -> None:
        self._through = through
        self._threads = threads
        self._models: dict[str, Model] = {}
        for name, folder in sources.items():
            self.add(name, folder)
        if default is not None and default not in self._models:
            raise InputError(
                f"The default model {default!r} is not served. Serve it too, or name one of "
                f"{', '.join(self._models)}."
            )
        self._default = next(iter(sources)) if len(sources) == 1 else default
        self._given = tuple(sources)

    def add(self, name: str, folder: Path) -> None:
        """Serves another bundle, or another one under this name.

        Raises:
            BundleError: the folder holds no bundle.
        """
        self._models[name] = Model.of(name, folder)

    @property
    def default(self) -> str | None:
        """The model of requests that name none."""
        return self._default

    def default_for(self, task: Task) -> str | None:
        """The model of requests for a task that name none: the default if it is for that task.

        Else it is the only one for it; where there are none or several, the default after all.

        Models that were added later change nothing for such requests.
        """
        if self._default is not None:
            heads = self._models[self._default].manifest.heads
            if task in (head.task for head in heads):
                return self._default
        fitting = [
            name
            for name in self._given
            if [head.task for head in self._models[name].manifest.heads] == [task]
        ]
        return fitting[0] if len(fitting) == 1 else self._default

    @property
    def models(self) -> list[Model]:
        """All of them, in the order they were given."""
        return list(self._models.values())

    def find(self, name: str | None) -> Model:
        """The model of this name; without one, the default.

        Raises:
            NotFound: there is no such model, or no default.
        """
        known = ", ".join(self._models)
        if name is None and self._default is None:
            raise NotFound(
                "The request names no model, and the server has several and no default. Ask "
                "/models/NAME or /v1/models/NAME/predict, or have the server started with a "
                f"default; there are: {known}."
            )
        found = self._models.get(name if name is not None else self._default or "")
        if found is None:
            raise NotFound(f"There is no model {name!r} here; there are: {known}.")
        return found

    def pipeline(self, model: Model) -> Pipeline | MultiTaskPipeline:
        """Its pipeline, loaded if this is the first time.

        Raises:
            BundleError: the bundle can't be used.
        """
        if model.pipeline is None:
            with model.loading:
                if model.pipeline is None:
                    self._load(model)
        assert model.pipeline is not None
        return model.pipeline

    def refresh(self, report: Report) -> None:
        """Takes up the bundles that were replaced by others; keeps the old one of a broken one.

        Requests that have begun end with the model that they began with.
        """
        for model in self.models:
            state = _state(model.folder)
            if model.pipeline is None or not state or state == model.state:
                continue
            with model.loading:
                try:
                    self._load(model)
                except (SqueezeBertError, OSError) as error:
                    model.state = state  # it is looked at again when it has changed again
                    report(model.name, str(model.folder), str(error))
                else:
                    report(model.name, str(model.folder), None)

    def _load(self, model: Model) -> None:
        state = _state(model.folder)
        manifest = read_manifest(model.folder)
        model.pipeline = load(
            model.folder,
            threads=self._threads,
            through=lambda engine: self._through(model.name, engine),
        )
        model.manifest, model.state = manifest, state


class Watcher:
    """Looks after replaced bundles once a second, in a thread of its own."""

    def __init__(self, registry: Registry, report: Report) -> None:
        self._registry = registry
        self._report = report
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_WATCH_SECONDS):
            self._registry.refresh(self._report)


def _state(folder: Path) -> _State:
    """Of a folder's files; empty while it is being replaced."""
    try:
        found = ((file.name, file.stat()) for file in sorted(folder.iterdir()))
        return tuple((name, s.st_ino, s.st_mtime_ns, s.st_size) for name, s in found)
    except OSError:
        return ()
