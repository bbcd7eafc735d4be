"""From names or paths to the pipelines of the bundles found there."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, overload
from weakref import WeakValueDictionary

from squeezebert.bundle import (
    Bundle,
    HeadSpec,
    Task,
    TaskSpec,
    Tensor,
    find_bundle,
    installed_bundles,
    read_bundle,
)
from squeezebert.bundle.installed import name_of
from squeezebert.bundle.manifest import MANIFEST, TOKENIZER
from squeezebert.errors import BundleError, InputError
from squeezebert.pipelines.embedding import Embedder
from squeezebert.pipelines.heads import MeanHead
from squeezebert.pipelines.learnt import LearntClassifier, LearntHead
from squeezebert.pipelines.multi_task import MultiTaskPipeline
from squeezebert.pipelines.origin import Origin, Reloaded
from squeezebert.pipelines.tasks import HEADS, PIPELINES, Pipeline
from squeezebert.pipelines.zero_shot import EntailmentClassifier
from squeezebert.runtime import Engine
from squeezebert.runtime.remembering import RememberingEngine
from squeezebert.runtime.sharing import shared_engine
from squeezebert.tokenizer import Tokenizer

_KEPT = 8  # pipelines that were sent to this process, to be handed out again

Through: TypeAlias = Callable[[Engine], Engine]

_tokenizers: WeakValueDictionary[Hashable, Tokenizer] = WeakValueDictionary()


@overload
def load(
    name_or_path: str | Path, threads: int | None = ..., *, through: Through | None = ...
) -> Any: ...


@overload
def load(
    name_or_path: Iterable[str | Path], threads: int | None = ..., *, through: Through | None = ...
) -> MultiTaskPipeline: ...


def load(
    name_or_path: str | Path | Iterable[str | Path],
    threads: int | None = None,
    *,
    through: Through | None = None,
) -> Any:
    """Loads a built-in bundle by its name, or the bundle in a folder; or several together.

    A name wins over a folder of that name; write ``./name`` for the folder. What bundles have in
    common, such as their encoder, is in a process once, however often it is loaded.

    Args:
        name_or_path: name of a built-in bundle, or a bundle's folder; or a list of them.
        threads: how many the engine uses at most; by default, as many as there are processors.
        through: makes of the engine the one that the pipeline calls, such as one that waits for
            its turn among many callers; by default, it is the engine itself.

    Returns:
        The `Pipeline` of the bundle's task; of a bundle with several heads, or of a list, the
        `MultiTaskPipeline` of all. In a list, the only head of a bundle is called what the bundle
        is called.

    Raises:
        InputError: there is no such model, in which case the message suggests near names; two
            tasks would have one name; or less than one thread.
        BundleError: a bundle can't be used; the message says which file and what to do.
    """
    if isinstance(name_or_path, Iterable) and not isinstance(name_or_path, str):
        return _load_together(list(name_or_path), threads, through)
    bundle = read_bundle(find_bundle(name_or_path))
    heads = bundle.manifest.heads
    origin = _origin([name_or_path], [bundle], threads) if through is None else None
    if len(heads) > 1:
        return _multi_task({head.name: (bundle, head) for head in heads}, threads, through, origin)
    engine = shared_engine(bundle, threads)
    pipeline = _pipeline(bundle, heads[0], engine if through is None else through(engine))
    if isinstance(pipeline, Reloaded):
        pipeline.origin = origin
    return pipeline


def load_task(
    name_or_path: str | Path,
    threads: int | None = None,
    *,
    task: str | None = None,
    through: Through | None = None,
) -> Pipeline:
    """Loads the pipeline of one task of a bundle.

    Args:
        name_or_path, threads, through: as for `load`.
        task: its name; None for the only one.

    Raises:
        InputError: as of `load`; or the bundle has no such task, or several and none is named.
        BundleError: the bundle can't be used.
    """
    pipeline: Pipeline | MultiTaskPipeline = load(name_or_path, threads, through=through)
    if isinstance(pipeline, MultiTaskPipeline):
        if task is None:
            raise InputError(
                f"{name_or_path} has several tasks: {', '.join(pipeline.tasks)}."
            ).giving(task="NAME")
        return pipeline.task(task)
    known = pipeline.spec.name if isinstance(pipeline.spec, HeadSpec) else pipeline.spec.task
    if task not in (None, known):
        raise InputError(f"There is no task {task!r} in {name_or_path}; there is {known}.")
    return pipeline


def load_embedder(bundle: Bundle, threads: int | None = None) -> Embedder:
    """Vectors of a bundle's encoder, whatever its heads are for.

    Args:
        bundle: that was read.
        threads: how many the engine uses at most; by default, as many as there are processors.

    Raises:
        InputError: less than one thread.
        BundleError: the bundle can't be used.
    """
    head = bundle.manifest.heads[0]
    tokenizer, engine = _tokenizer(bundle, head), shared_engine(bundle, threads)
    embedder = _embedder(tokenizer, engine, head.max_length)
    embedder.origin = replace(_origin([bundle.path], [bundle], threads), load=_embedder_again)
    return embedder


def _load_together(
    sources: Sequence[str | Path], threads: int | None, through: Through | None
) -> MultiTaskPipeline:
    """The pipeline of all tasks of several bundles."""
    if not sources:
        raise InputError("Name at least one model to load.")
    bundles = [read_bundle(find_bundle(source)) for source in sources]
    heads: dict[str, tuple[Bundle, HeadSpec]] = {}
    for source, bundle in zip(sources, bundles, strict=True):
        of_bundle = bundle.manifest.heads
        for head in of_bundle:
            name = name_of(source) if len(of_bundle) == 1 else head.name
            if name in heads:
                raise InputError(
                    f"Two tasks would be called {name!r}. Load their bundles one by one, or give "
                    "one as a folder of another name: the only head of a bundle is called what its "
                    "folder is."
                )
            heads[name] = bundle, head
    origin = _origin(sources, bundles, threads, together=True) if through is None else None
    return _multi_task(heads, threads, through, origin)


def _multi_task(
    heads: Mapping[str, tuple[Bundle, HeadSpec]],
    threads: int | None,
    through: Through | None,
    origin: Origin | None,
) -> MultiTaskPipeline:
    engines: dict[Engine, RememberingEngine] = {}
    pipelines = {}
    for name, (bundle, head) in heads.items():
        engine = shared_engine(bundle, threads)
        if engine not in engines:
            engines[engine] = RememberingEngine(engine if through is None else through(engine))
        pipelines[name] = pipeline = _pipeline(bundle, head, engines[engine])
        if isinstance(pipeline, Reloaded) and origin is not None:
            pipeline.origin = replace(origin, task=name)
    together = MultiTaskPipeline(pipelines, list(engines.values()))
    together.origin = origin
    return together


def _origin(
    sources: Sequence[str | Path],
    bundles: Sequence[Bundle],
    threads: int | None,
    *,
    together: bool = False,
) -> Origin:
    names = []
    digest = hashlib.sha256()
    for source, bundle in zip(sources, bundles, strict=True):
        is_installed = installed_bundles().get(str(source)) == bundle.path
        names.append(str(source) if is_installed else str(bundle.path.resolve()))
        digest.update((bundle.path / MANIFEST).read_bytes())
    return Origin(tuple(names) if together else names[0], digest.hexdigest(), threads, _load_again)


def _pipeline(bundle: Bundle, head: HeadSpec, engine: Engine) -> Pipeline:
    tokenizer = _tokenizer(bundle, head)
    weights = _weights(bundle, head)
    try:
        if head.features is not None:
            return LearntClassifier.of(_embedder(tokenizer, engine, head.max_length), head, weights)
        architecture = bundle.manifest.architecture
        built = HEADS[head.task](engine, weights, architecture, head)
        if head.entailment is not None:
            return EntailmentClassifier(tokenizer, built, head)
        return PIPELINES[head.task](tokenizer, built, head)
    except InputError as error:  # of labels that are none of the task's
        raise BundleError(f"{bundle.path} can't be used. {error}") from error


def _embedder(tokenizer: Tokenizer, engine: Engine, max_length: int) -> Embedder:
    return Embedder(
        tokenizer, MeanHead(engine, {}), TaskSpec(task=Task.EMBEDDING, max_length=max_length)
    )


@lru_cache(maxsize=_KEPT)
def _load_again(origin: Origin) -> Pipeline | MultiTaskPipeline:
    """The pipeline of an origin, in another process.

    Raises:
        InputError: there is no such bundle here.
        BundleError: it can't be used, or is another one than it was.
    """
    if origin.task is not None:
        together = _load_again(replace(origin, task=None))
        assert isinstance(together, MultiTaskPipeline)
        return together.task(origin.task)
    pipeline: Pipeline | MultiTaskPipeline = load(origin.name, origin.threads)
    if isinstance(pipeline, Reloaded):
        _require_same(pipeline, origin)
    return pipeline


@lru_cache(maxsize=_KEPT)
def _embedder_again(origin: Origin) -> Embedder:
    """What `load_embedder` gave, in another process; errors as of `_load_again`."""
    embedder = load_embedder(read_bundle(str(origin.name)), origin.threads)
    _require_same(embedder, origin)
    return embedder


def _require_same(pipeline: Reloaded, origin: Origin) -> None:
    if pipeline.origin != origin:
        raise BundleError(
            f"The bundle {origin.name} has changed since the pipeline was sent to this process. "
            "Load it anew, or keep each version in a folder of its own."
        )


def _tokenizer(bundle: Bundle, head: HeadSpec) -> Tokenizer:
    """The bundle's tokenizer, which bundles with the same one have in common.

    Raises:
        BundleError: it can't be used, or fits neither the encoder nor the longest input.
    """
    shape = bundle.manifest.architecture
    tables = shape.vocab_size, shape.type_vocab_size
    key = bundle.manifest.files[TOKENIZER].sha256, tables
    tokenizer = _tokenizers.get(key)
    if tokenizer is None:
        try:
            tokenizer = Tokenizer.from_json(bundle.tokenizer_json, tables)
        except (InputError, BundleError) as error:
            raise BundleError(f"{bundle.path}: its tokenizer can't be used. {error}") from error
        tokenizer = _tokenizers.setdefault(key, tokenizer)
    if tokenizer.vocab_size > shape.vocab_size:
        raise BundleError(
            f"{bundle.path}: its tokenizer has {tokenizer.vocab_size} tokens, but its encoder only "
            f"{shape.vocab_size}. Export it again with the matching tokenizer."
        )
    special = tokenizer.special_tokens(pair=True)
    if head.max_length < special + 2:
        raise BundleError(
            f"{bundle.path}: max_length {head.max_length} has no room for two texts beside "
            f"{special} special tokens. Export it again with a larger one."
        )
    return tokenizer


def _weights(bundle: Bundle, head: HeadSpec) -> dict[str, Tensor]:
    """The head's tensors under the names that its task gives them.

    Raises:
        BundleError: one is missing, or doesn't fit the labels.
    """
    labels = len(head.labels)
    architecture = bundle.manifest.architecture
    encoder = architecture.shapes()
    shapes = (
        HEADS[head.task].shapes(architecture, labels)
        if head.features is None
        else LearntHead.shapes(head.features, architecture.hidden_size, labels)
    )
    weights = {}
    for plain, shape in shapes.items():
        name = plain if plain in encoder else head.prefix + plain
        found = bundle.tensors[name].shape if name in bundle.tensors else None
        if found != shape:
            raise BundleError(
                f"{bundle.path}: tensor {name} must have shape {shape} for {labels} labels, but "
                f"it {'is missing' if found is None else f'has shape {found}'}. "
                "Export the bundle again."
            )
        weights[plain] = bundle.tensors[name]
    return weights
