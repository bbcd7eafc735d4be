"""From a name or path to the pipeline of the bundle found there."""

from pathlib import Path

from squeezebert.bundle import find_bundle, read_bundle
from squeezebert.errors import BundleError, InputError
from squeezebert.pipelines.classification import Classifier, classifier_of
from squeezebert.runtime import NumpyEngine
from squeezebert.tokenizer import Tokenizer

_PIPELINES = {"classification": classifier_of}


def load(name_or_path: str | Path) -> Classifier:
    """Loads a built-in bundle by its name, or the bundle in a folder.

    A name wins over a folder of that name; write ``./name`` for the folder.

    Raises:
        InputError: there is no such model; the message suggests near names.
        BundleError: the bundle can't be used; the message says which file and what to do.
    """
    bundle = read_bundle(find_bundle(name_or_path))
    manifest = bundle.manifest
    if manifest.task not in _PIPELINES:
        raise BundleError(
            f"{bundle.path} is for the task {manifest.task!r}; this squeezebert knows "
            f"{', '.join(_PIPELINES)}. Install a newer squeezebert."
        )
    try:
        tokenizer = Tokenizer.from_json(bundle.tokenizer_json)
    except InputError as error:
        raise BundleError(f"{bundle.path}: its tokenizer can't be used. {error}") from error
    if tokenizer.vocab_size > manifest.architecture.vocab_size:
        raise BundleError(
            f"{bundle.path}: its tokenizer has {tokenizer.vocab_size} tokens, but its encoder only "
            f"{manifest.architecture.vocab_size}. Export it again with the matching tokenizer."
        )
    engine = NumpyEngine(manifest.architecture, bundle.tensors)
    return _PIPELINES[manifest.task](bundle, tokenizer, engine)
