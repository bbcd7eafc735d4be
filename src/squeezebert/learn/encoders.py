"""Which installed encoder's vectors to learn from."""

from contextlib import closing
from dataclasses import replace

from squeezebert.bundle import HeadSpec, Task, installed_bundles, read_bundle
from squeezebert.bundle.reading import read_manifest
from squeezebert.data.reservoir import Reservoir
from squeezebert.data.tasks.classification import LabelledText
from squeezebert.learn.examples import Examples, table_of
from squeezebert.learn.learning import sample_of
from squeezebert.learn.material import Progress, read
from squeezebert.learn.search import cross_validate, first_setting
from squeezebert.learn.store import Store
from squeezebert.pipelines.loading import load_embedder

DEFAULT = "embed"

_ROWS = 600  # to compare encoders on
_BETTER = 0.98  # times the loss with the default: another encoder costs more time and disk


def choose_encoder(examples: Examples, progress: Progress) -> str:
    """The installed encoder that does best on some of the rows.

    Others than the default, such as one of several languages, have to be clearly better.

    Args:
        examples: to learn from.
        progress: told how far it is.

    Raises:
        InputError: a text can't be used; the message names its place.
    """
    first, *others = candidates()
    if not others:
        return first
    some = _some_of(examples)
    best, least = first, _loss(some, first) * _BETTER
    for done, name in enumerate(others, 1):
        progress("choosing an encoder", done, len(others) + 1)
        if (loss := _loss(some, name)) < least:
            best, least = name, loss
    progress("choosing an encoder", 1, 1)
    return best


def candidates() -> list[str]:
    """The default, and the installed bundles for embeddings or for several languages."""
    return [
        DEFAULT,
        *(
            name
            for name, path in installed_bundles().items()
            if name != DEFAULT and any(map(_is_general, read_manifest(path).heads))
        ),
    ]


def _is_general(head: HeadSpec) -> bool:
    return head.task == Task.EMBEDDING or len(head.languages) > 1


def _some_of(examples: Examples) -> Examples:
    """A few of the rows, drawn at random."""
    drawn = Reservoir(_ROWS, seed=0)
    rows: dict[int, LabelledText] = {}
    for row in examples.table:
        if (place := drawn.place()) is not None:
            rows[place] = row
    table = table_of([rows[place] for place in sorted(rows)], examples.table)
    return replace(examples, table=table, rows=len(rows))


def _loss(examples: Examples, name: str) -> float:
    """Of rows held out in turn, with the vectors of an encoder."""
    embed = load_embedder(read_bundle(installed_bundles()[name]))
    with closing(Store()) as taught, closing(Store()) as kept:
        material = read(examples, embed, taught, kept, lambda *how_far: None)
        _, sample = sample_of(material)
    return cross_validate(sample, first_setting(sample.loss)).loss
