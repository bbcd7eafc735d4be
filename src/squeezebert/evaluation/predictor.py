"""From a name or path to what `evaluate` scores."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from squeezebert.pipelines import Classifier, load
from squeezebert.tokenizer import Tokenizer


def load_predictor(name_or_path: str | Path) -> Classifier:
    """Loads a bundle, by its folder or built-in name, or a fine-tuned checkpoint of any kind.

    Args:
        name_or_path: as `squeezebert.load` takes it, or the folder of a Hugging Face sequence
            classifier with its tokenizer.json. Only the latter needs torch.

    Raises:
        BundleError: the bundle can't be used.
        CheckpointError: the checkpoint can't be used.
        InputError: there is no such model.
    """
    folder = Path(name_or_path)
    if not (folder / "config.json").is_file():
        return load(name_or_path)
    from squeezebert.model.checkpoint import load_classifier_logits

    with without_progress_bars():
        classifier = load_classifier_logits(folder)
    return Classifier(
        Tokenizer.from_file(classifier.tokenizer_json),
        classifier.logits,
        classifier.labels,
        classifier.problem_type,
        classifier.max_length,
    )


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Keeps transformers from drawing bars for what takes a second."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
