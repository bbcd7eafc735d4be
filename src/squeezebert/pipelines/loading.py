"""From a name or path to the pipeline of the bundle found there."""

from collections.abc import Callable
from pathlib import Path

from squeezebert.bundle import Bundle, HeadSpec, Tensor, find_bundle, read_bundle
from squeezebert.errors import BundleError, InputError
from squeezebert.pipelines.tasks import HEADS, PIPELINES, Pipeline
from squeezebert.runtime import Engine, load_engine
from squeezebert.tokenizer import Tokenizer


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
    bundle = read_bundle(find_bundle(name_or_path))
    manifest = bundle.manifest
    [head] = manifest.heads
    try:
        tokenizer = Tokenizer.from_json(bundle.tokenizer_json)
    except InputError as error:
        raise BundleError(f"{bundle.path}: its tokenizer can't be used. {error}") from error
    if tokenizer.vocab_size > manifest.architecture.vocab_size:
        raise BundleError(
            f"{bundle.path}: its tokenizer has {tokenizer.vocab_size} tokens, but its encoder only "
            f"{manifest.architecture.vocab_size}. Export it again with the matching tokenizer."
        )
    weights = _weights(bundle, head)
    engine = load_engine(manifest.architecture, bundle.tensors, threads=threads)
    if through is not None:
        engine = through(engine)
    return PIPELINES[head.task](tokenizer, HEADS[head.task](engine, weights), head)


def _weights(bundle: Bundle, head: HeadSpec) -> dict[str, Tensor]:
    """The head's tensors under the names that its task gives them.

    Raises:
        BundleError: one is missing, or doesn't fit the labels.
    """
    labels = len(head.labels)
    shapes = HEADS[head.task].shapes(bundle.manifest.architecture.hidden_size, labels)
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
