"""From a name or path to the pipeline of the bundle found there."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from squeezebert.bundle import (
    Bundle,
    HeadSpec,
    TaskSpec,
    Tensor,
    find_bundle,
    installed_bundles,
    read_bundle,
)
from squeezebert.bundle.manifest import MANIFEST
from squeezebert.errors import BundleError, InputError
from squeezebert.pipelines.embedding import Embedder
from squeezebert.pipelines.heads import MeanHead
from squeezebert.pipelines.learnt import LearntClassifier, LearntHead
from squeezebert.pipelines.origin import Origin, Reloaded
from squeezebert.pipelines.tasks import HEADS, PIPELINES, Pipeline
from squeezebert.runtime import Engine, load_engine
from squeezebert.tokenizer import Tokenizer

_KEPT = 8  # pipelines that were sent to this process, to be handed out again


def load(
    name_or_path: str | Path,
    threads: int | None = None,
    *,
    through: Callable[[Engine], Engine] | None = None,
) -> Pipeline:
    """Loads a built-in bundle by its name, or the bundle in a folder.

    A name wins over a folder of that name; write ``./name`` for the folder.

    Args:
        name_or_path: name of a built-in bundle, or a bundle's folder.
        threads: how many the engine uses at most; by default, as many as there are processors.
        through: makes of the engine the one that the pipeline calls, such as one that waits for
            its turn among many callers; by default, it is the engine itself.

    Raises:
        InputError: there is no such model, in which case the message suggests near names; or less
            than one thread.
        BundleError: the bundle can't be used; the message says which file and what to do.
    """
    folder = find_bundle(name_or_path)
    bundle = read_bundle(folder)
    manifest = bundle.manifest
    if len(manifest.heads) > 1:
        names = ", ".join(head.name for head in manifest.heads)
        raise BundleError(f"{bundle.path} has several heads ({names}); only one can be loaded.")
    head = manifest.heads[0]
    tokenizer = _tokenizer(bundle, head)
    weights = _weights(bundle, head)
    engine = load_engine(manifest.architecture, bundle.tensors, threads=threads)
    if through is not None:
        engine = through(engine)
    try:
        pipeline = _pipeline(tokenizer, engine, head, weights)
    except InputError as error:  # of labels that are none of the task's
        raise BundleError(f"{bundle.path} can't be used. {error}") from error
    if isinstance(pipeline, Reloaded) and through is None:
        name = str(name_or_path)
        known = installed_bundles().get(name) == folder
        digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
        name = name if known else str(folder.resolve())
        pipeline.origin = Origin(name, digest, threads, _load_again)
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
    engine = load_engine(bundle.manifest.architecture, bundle.tensors, threads=threads)
    return _embedder(_tokenizer(bundle, head), engine, head.max_length)


def _pipeline(
    tokenizer: Tokenizer, engine: Engine, head: HeadSpec, weights: dict[str, Tensor]
) -> Pipeline:
    if head.features is not None:
        return LearntClassifier.of(_embedder(tokenizer, engine, head.max_length), head, weights)
    return PIPELINES[head.task](tokenizer, HEADS[head.task](engine, weights), head)


def _embedder(tokenizer: Tokenizer, engine: Engine, max_length: int) -> Embedder:
    return Embedder(
        tokenizer, MeanHead(engine, {}), TaskSpec(task="embedding", max_length=max_length)
    )


@lru_cache(maxsize=_KEPT)
def _load_again(origin: Origin) -> Pipeline:
    """The pipeline of an origin, in another process.

    Raises:
        InputError: there is no such bundle here.
        BundleError: it can't be used, or is another one than it was.
    """
    pipeline = load(origin.name, origin.threads)
    if isinstance(pipeline, Reloaded) and pipeline.origin != origin:
        raise BundleError(
            f"The bundle {origin.name} has changed since the pipeline was sent to this process. "
            "Load it anew, or keep each version in a folder of its own."
        )
    return pipeline


def _tokenizer(bundle: Bundle, head: HeadSpec) -> Tokenizer:
    """The bundle's tokenizer.

    Raises:
        BundleError: it can't be used, or fits neither the encoder nor the longest input.
    """
    shape = bundle.manifest.architecture
    tables = shape.vocab_size, shape.type_vocab_size
    try:
        tokenizer = Tokenizer.from_json(bundle.tokenizer_json, tables)
    except (InputError, BundleError) as error:
        raise BundleError(f"{bundle.path}: its tokenizer can't be used. {error}") from error
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
    hidden = bundle.manifest.architecture.hidden_size
    shapes = (
        HEADS[head.task].shapes(hidden, labels)
        if head.features is None
        else LearntHead.shapes(head.features, hidden, labels)
    )
    weights = {}
    for plain, shape in shapes.items():
        name = head.prefix + plain
        found = bundle.tensors[name].shape if name in bundle.tensors else None
        if found != shape:
            raise BundleError(
                f"{bundle.path}: tensor {name} must have shape {shape} for {labels} labels, but "
                f"it {'is missing' if found is None else f'has shape {found}'}. "
                "Export the bundle again."
            )
        weights[plain] = bundle.tensors[name]
    return weights
