"""Which installed encoder's vectors to learn from."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from squeezebert.bundle import (
    Bundle,
    HeadSpec,
    Task,
    TaskSpec,
    installed_bundles,
    read_bundle,
)
from squeezebert.bundle.costs import costs, total
from squeezebert.bundle.manifest import CARD
from squeezebert.bundle.reading import read_manifest
from squeezebert.data.reservoir import Reservoir
from squeezebert.data.tasks.classification import LabelledText
from squeezebert.evaluation.baselines.linear import Doubles
from squeezebert.learn.examples import Examples, table_of
from squeezebert.learn.learning import Learnt, sample_of
from squeezebert.learn.material import Progress, read
from squeezebert.learn.search import cross_validate, first_setting
from squeezebert.learn.store import Store
from squeezebert.pipelines.loading import load_embedder
from squeezebert.pipelines.words.languages import foreign_to, remedy_for
from squeezebert.tokenizer import Tokenizer

DEFAULT = "embed"

_TOKENS = 128  # of a text whose arithmetic is compared, as `info` has it
_ROWS = 600  # to compare encoders on
_BETTER = 0.98  # times the loss with the default: another encoder costs more time and disk
_CLEAR = 2.0  # standard errors of the difference on the same rows


def choose_encoder(examples: Examples, progress: Progress) -> str:
    """The installed encoder that does best on some of the rows.

    Others than the default have to be clearly better: by more than two standard errors of the
    difference on the same rows. One of several languages need not, where texts are in another
    language than the default's.

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
    usual = _losses(some, first)
    at_home = set(_languages(first))
    is_foreign = _is_foreign_to(first, some)
    best, least = first, usual.mean() * _BETTER
    for done, name in enumerate(others, 1):
        progress("choosing an encoder", done, len(others) + 1)
        losses = _losses(some, name)
        gain = usual - losses
        speaks_more = not at_home.issuperset(_languages(name))
        by_chance = 0.0 if is_foreign and speaks_more else gain.std() / len(gain) ** 0.5
        if gain.mean() > _CLEAR * by_chance and losses.mean() < least:
            best, least = name, losses.mean()
    progress("choosing an encoder", 1, 1)
    return best


def candidates() -> list[str]:
    """The default, and the installed bundles only for embeddings or for several languages."""
    return [
        DEFAULT,
        *(
            name
            for name, path in installed_bundles().items()
            if name != DEFAULT and all(map(_is_general, read_manifest(path).heads))
        ),
    ]


def times_the_arithmetic(encoder: Path) -> float:
    """How many times the default encoder's operations 128 tokens take with another one."""
    ours, others = (
        total(costs(read_manifest(folder).architecture, _TOKENS)).flops
        for folder in (installed_bundles()[DEFAULT], encoder)
    )
    return others / ours


def with_remarks(
    learnt: Learnt, encoder: Bundle, tokenizer: Tokenizer, *, is_chosen: bool
) -> Learnt:
    """What was learnt, with what to tell of its encoder.

    Args:
        learnt: from rows, some of which were held out.
        encoder: whose vectors were learnt from.
        tokenizer: of it.
        is_chosen: whether it was compared with all that are installed.
    """
    name, languages = encoder.path.name, encoder.manifest.heads[0].languages
    found = foreign_to(tokenizer, languages, (row.item for row in learnt.rows))
    remarks = []
    if found is not None:
        spec = TaskSpec(task=Task.EMBEDDING, max_length=learnt.spec.max_length)
        if is_chosen and name != DEFAULT:
            remedy = " Of the installed encoders it did best all the same."
        elif is_chosen and len(candidates()) > 1:
            remedy = " Of the installed encoders none did clearly better."
        else:
            remedy = remedy_for(name, spec, found.language)
        remarks.append(found.remark(name, languages) + remedy)
    if labels := taught_by_labels(encoder):
        remarks.append(labels)
    spoken = () if found is not None else languages
    return replace(learnt, about_encoder=tuple(remarks), languages=spoken)


def taught_by_labels(encoder: Bundle) -> str | None:
    """What to tell of an encoder that was trained for a task, as it may know the rows."""
    heads = encoder.manifest.heads
    # What was learnt from rows of somebody's stands on an encoder that has not seen them.
    if all(head.task == Task.EMBEDDING or head.features is not None for head in heads):
        return None
    scored_on = {str(score["data"]) for score in encoder.manifest.evaluation if "data" in score}
    data = f" and scored on {', '.join(sorted(scored_on))}" if scored_on else ""
    return (
        f"{encoder.path.name} was trained for its task on labelled data{data}; "
        f"{encoder.path / CARD} says on which. If your rows are among that, these scores flatter: "
        "score what was learnt on others."
    )


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


def _languages(name: str) -> tuple[str, ...]:
    """The languages that an installed encoder was made for."""
    return read_manifest(installed_bundles()[name]).heads[0].languages


def _is_foreign_to(name: str, examples: Examples) -> bool:
    """Whether texts are in another language than an installed encoder's."""
    tokenizer = load_embedder(read_bundle(installed_bundles()[name])).tokenizer
    items = (row.item for row in examples.table)
    return foreign_to(tokenizer, _languages(name), items) is not None


def _losses(examples: Examples, name: str) -> Doubles:
    """Of each row, held out in its turn, with the vectors of an encoder."""
    embed = load_embedder(read_bundle(installed_bundles()[name]))
    with closing(Store()) as taught, closing(Store()) as kept:
        material = read(examples, embed, taught, kept, lambda *how_far: None)
        _, sample = sample_of(material)
    return cross_validate(sample, first_setting(sample.loss)).losses
