"""What a program calls to learn."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from squeezebert.bundle import find_bundle, read_bundle
from squeezebert.data.tasks.classification import Table
from squeezebert.errors import InputError, QualityGateError
from squeezebert.learn.encoders import choose_encoder, with_remarks
from squeezebert.learn.examples import Label, examples_of
from squeezebert.learn.learning import Learnt, learn_from
from squeezebert.learn.material import Progress
from squeezebert.learn.remarks import likely_reason
from squeezebert.learn.saving import save_bundle
from squeezebert.learn.work import Work
from squeezebert.pipelines import Embedder
from squeezebert.pipelines.learnt import LearntClassifier
from squeezebert.pipelines.loading import load_embedder
from squeezebert.tokenizer import Item


def _silent(what: str, done: int, total: int) -> None:
    """Says nothing."""


def learn(
    examples: Table | Iterable[tuple[Item, Label]],
    encoder: str | Path | None = None,
    *,
    anyway: bool = False,
    progress: Progress = _silent,
) -> "LearntModel":
    """Learns to classify texts, or pairs of texts, from labelled ones.

        >>> classify = squeezebert.learn([("Where is my parcel?", "delivery"), ...])
        >>> classify(["It never came."])[0].label
        >>> classify.save("tickets")

    Args:
        examples: texts, or pairs of texts, each with its label, with a list of labels, or with a
            number; or a table that was read from a file. A label has two examples or more. Texts
            labelled "out_of_scope" are no class: they show when to answer so.
        encoder: name or folder of a bundle, whose vectors are learnt from; by default, "embed", or
            another installed bundle, of embeddings or for several languages, that does clearly
            better on some of the rows.
        anyway: also return what is no better than the most frequent answer.
        progress: told what is being done, how far it is, and how far it goes.

    Raises:
        DataError: rows can't be used, or there are too few of a label.
        InputError: there is no such encoder, or a text can't be used.
        QualityGateError: nothing was learnt: the answers are no better than the most frequent one,
            or, where labels are rare, than guesses.
    """
    if not isinstance(encoder, str | Path | None):
        raise InputError(
            f"The encoder is of type {type(encoder).__name__}; give a name or a folder. Texts and "
            "labels are passed together: learn(zip(texts, labels))"
        )
    bundle = None if encoder is None else read_bundle(find_bundle(encoder))
    read = examples_of(examples)
    work = Work()
    with work.counting():
        if bundle is None:
            bundle = read_bundle(find_bundle(choose_encoder(read, progress)))
        embed = load_embedder(bundle)
        learnt = learn_from(read, embed, progress)
        learnt = with_remarks(learnt, bundle, embed.tokenizer, is_chosen=encoder is None)
    model = LearntModel(embed, learnt, bundle.path, read.table.name, work)
    if not anyway and not learnt.knows_something:
        raise NothingLearntError(model)
    return model


class LearntModel(LearntClassifier):
    """A classifier that was learnt, and what is known about it.

    Attributes:
        learnt: scores on rows held out, what the search chose, and so on.
        work: what learning took.
        source: what it was learnt from.
        encoder: the bundle whose vectors it reads.
    """

    def __init__(
        self, embed: Embedder, learnt: Learnt, encoder: Path, source: str, work: Work
    ) -> None:
        classifier = LearntClassifier.of(embed, learnt.spec, learnt.tensors)
        super().__init__(classifier.extract, classifier.head, learnt.spec)
        self.learnt = learnt
        self.source = source
        self.work = work
        self.encoder = encoder

    def __reduce_ex__(self, protocol: Any) -> Any:
        """For `pickle`: what classifies, without what it was learnt from."""
        return LearntClassifier, (self.extract, self.head, self.spec)

    def save(self, folder: str | Path, *, shared: bool = False) -> None:
        """Writes a bundle, which `load` takes; replaces a bundle that is there.

        Args:
            folder: of the bundle.
            shared: leave the encoder's parts to the installed model that has them.

        Raises:
            BundleError: it can't be written.
            InputError: the folder exists and is no bundle.
        """
        encoder = read_bundle(self.encoder)
        save_bundle(Path(folder), self.learnt, encoder, self.source, self.work, shared=shared)


class NothingLearntError(QualityGateError):
    """What was learnt is no better than the most frequent answer.

    Attributes:
        model: it.
    """

    def __init__(self, model: LearntModel) -> None:
        self.model = model
        baseline, evaluation = model.learnt.baseline, model.learnt.learnt.evaluation
        super().__init__(
            f"Nothing was learnt from {model.source}: {baseline.metric} is "
            f"{evaluation.metrics[baseline.metric]:.3f} on rows held out. Without reading them, "
            f"{baseline.way}: {baseline.score:.3f} (give or take "
            f"{baseline.error:.3f}). "
            f"{likely_reason(model.learnt)}"
        )


class FewShotClassifier(LearntClassifier):
    """Learns from a few examples, with an embedder that is loaded already; see `learn`.

    Args:
        embed: gives texts their vectors.
        examples: texts with their labels; at least two labels with two texts each, better eight.

    Raises:
        DataError: there are too few labels or texts of one, or a text can't be used.
        InputError: the embedder is for something else.
    """

    def __init__(self, embed: Embedder, examples: Table | Iterable[tuple[Item, Label]]) -> None:
        if not isinstance(embed, Embedder):
            raise InputError("A model of embeddings is needed to learn with.")
        learnt = learn_from(examples_of(examples), embed)
        classifier = LearntClassifier.of(embed, learnt.spec, learnt.tensors)
        super().__init__(classifier.extract, classifier.head, learnt.spec)
