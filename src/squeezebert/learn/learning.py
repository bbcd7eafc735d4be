"""From labelled rows to a head: features, search, fit, and what it is worth."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from squeezebert.bundle import HeadSpec, Quantised, TaskSpec
from squeezebert.bundle.quantise import quantise_rows
from squeezebert.bundle.tensors import Floats, Tensor
from squeezebert.data.split import held_out
from squeezebert.data.tasks.classification import LabelledText
from squeezebert.data.twins import Places, among
from squeezebert.errors import QualityGateError
from squeezebert.evaluation import Evaluation
from squeezebert.evaluation.baselines import gram
from squeezebert.evaluation.baselines.linear import Block, Weights, fit
from squeezebert.evaluation.baselines.sparse import by_bucket
from squeezebert.evaluation.known import Sketch
from squeezebert.learn.balance import favours, guessing, has_rare_labels
from squeezebert.learn.examples import Examples
from squeezebert.learn.material import FEW, Material, Progress, read
from squeezebert.learn.scoring import Lead, Scored, score
from squeezebert.learn.search import (
    ALWAYS_TAUGHT,
    Duals,
    Sample,
    Setting,
    Trial,
    cross_validate,
    fit_all,
    fold_of,
    search,
    search_ngrams,
)
from squeezebert.learn.store import Chained, Portion, Store, joined
from squeezebert.pipelines import Embedder
from squeezebert.pipelines.learnt import LearntHead
from squeezebert.training.baseline import Baseline, most_frequent_answer

HEAD = "learnt"

_TRIALS = 17  # at most
_STEPS = 25  # about
_EXACT = 3e-3  # part of its first length to which the gradient of the last fits shrinks
_MANY = 20_000  # rows, of which another draw would alter the gradient by more than is left
_ENOUGH = 1e-2  # of so many
_SURE = 2.0  # standard errors; one is exceeded by chance too often, with settings to choose from
_TIE = 0.1  # in logits: of answers as near as this, none is the right one
_LOST = 0.01  # part of the rows whose answer rounding may change


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """What came of learning.

    Attributes:
        spec: of the head.
        tensors: of the head, under the names of `LearntHead`.
        count: how many rows there were.
        setting: what the search chose.
        named: whether the names of the labels were learnt from too.
        baseline: the score of the most frequent answer on the rows held out; where labels are
            rare, that of guesses.
        ngrams: how n-grams alone did on them.
        learnt: how this kind of model did on them, without having seen them.
        rows: that were held out.
        parts: when each of them was, from 0; rows of one part were held out together.
        examples: that were learnt from.
        way: in which they were, in words.
        weights: of the head before they were rounded.
        lead: how far what was learnt is ahead of n-grams alone, on all rows held out.
        alike: how many of the rows are like an earlier one, but for case, spaces, punctuation and
            digits.
        are_apart: whether such rows were held out together.
        cut: how many of the rows are longer than the encoder reads.
        sketch: by which the rows are recognised later.
        about_encoder: what to tell of the encoder and these rows.
        languages: that the encoder was made for, if it reads the rows.
    """

    spec: HeadSpec
    tensors: dict[str, Tensor]
    count: int
    setting: Setting
    named: bool
    baseline: Baseline
    ngrams: Scored
    learnt: Scored
    rows: list[LabelledText]
    parts: npt.NDArray[np.int64]
    examples: Examples
    way: str
    weights: Weights
    lead: Lead
    alike: int
    are_apart: bool
    cut: int
    sketch: Sketch
    about_encoder: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()

    @property
    def knows_something(self) -> bool:
        """Whether it beats the baseline by more than two standard errors."""
        return self.baseline.is_beaten_by(self.learnt.evaluation, _SURE)

    @property
    def reads_words_alone(self) -> bool:
        """Whether what was learnt has no use for the encoder's vectors."""
        return not self.setting.vectors

    def on_one_part(self) -> "Learnt":
        """The same, scored only on rows that were held out together, and learnt without them.

        Of few rows that is a fifth of all, of more all that were held out.
        """
        if not self.parts.any():
            return self
        places = np.flatnonzero(self.parts == 0).tolist()
        rows = [self.rows[place] for place in places]
        learnt, ngrams = (
            score(self.examples, self.spec, scored.outputs[places], rows)
            for scored in (self.learnt, self.ngrams)
        )
        return replace(
            self,
            learnt=learnt,
            ngrams=ngrams,
            baseline=_baseline(self.examples, learnt.evaluation, rows),
            rows=rows,
            parts=self.parts[places],
            way=f"{len(rows):,} rows, learnt from the others",
        )


def learn_from(
    examples: Examples,
    embed: Embedder,
    progress: Progress = lambda what, done, total: None,
) -> Learnt:
    """Learns to label texts or pairs of texts, or to give them values.

    Args:
        examples: at least two of each label.
        embed: gives texts their vectors.
        progress: told how far it is.

    Raises:
        InputError: a text can't be used; the message names its place.
        QualityGateError: what was learnt can't be stored without harm.
    """
    with closing(Store()) as taught, closing(Store()) as kept:
        return _learn(read(examples, embed, taught, kept, progress), embed, progress)


def _learn(material: Material, embed: Embedder, progress: Progress) -> Learnt:
    examples = material.examples
    spec = examples.spec(embed.spec.max_length)
    drawn, sample = sample_of(material)
    best, named, words = _search(material, sample, progress)
    tried = [(best, named)]
    if named or best.setting != words.setting:
        tried.append((words, False))
    found: list[tuple[Weights | None, Floats]]
    if material.is_small:
        scored = sample.folds != ALWAYS_TAUGHT
        found = [(None, trial.outputs[scored]) for trial, _ in tried]
        parts = sample.folds[scored]
        way = "each fifth of the rows in its turn, learnt from the others"
    else:
        found = [_held_out(material, drawn, *each, progress) for each in tried]
        parts = np.zeros(len(material.kept_rows), np.int64)
        way = f"{len(material.kept_rows):,} rows, learnt from the others"
    candidates = [
        _candidate(material, spec, *each, *how) for each, how in zip(tried, found, strict=True)
    ]
    first, ngrams = candidates[0], candidates[-1]
    baseline = _baseline(examples, first.scored.evaluation, material.kept_rows)
    # A lower loss may come with a lower score.
    is_behind = first.scored.lead(ngrams.scored, baseline.metric).is_behind
    kept = ngrams if is_behind else first
    weights = _unscaled(examples, _from_all_rows(material, drawn, sample, kept, progress))
    # Of a pair, dense features are always read; how much they count is in the weights.
    setting = kept.trial.setting
    vectors = setting.vectors or float(material.recipe.pairs)
    recipe = replace(material.recipe, vectors=vectors, ngrams=setting.ngrams)
    head = HeadSpec.of(kept.scored.spec, HEAD, prefix=f"{HEAD}.", features=recipe)
    tensors = _tensors(weights, head)
    _check_rounding(material, weights, tensors)
    return Learnt(
        spec=head,
        tensors=tensors,
        count=examples.rows,
        setting=setting,
        named=kept.named,
        baseline=baseline,
        ngrams=ngrams.scored,
        learnt=kept.scored,
        rows=material.kept_rows,
        parts=parts,
        examples=examples,
        way=way,
        weights=weights,
        lead=kept.scored.lead(ngrams.scored, baseline.metric),
        alike=material.alike,
        are_apart=material.are_apart,
        cut=material.cut,
        sketch=material.sketch,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A model that may be kept.

    Attributes:
        trial: its setting, and where to start from.
        named: whether it learns from the names of the labels too.
        start: what was learnt without the rows held out; of few rows None.
        favoured: what is added to the output of each label.
        scored: its answers to the rows held out.
    """

    trial: Trial
    named: bool
    start: Weights | None
    favoured: Floats
    scored: Scored


def _candidate(
    material: Material,
    spec: TaskSpec,
    trial: Trial,
    named: bool,
    start: Weights | None,
    outputs: Floats,
) -> _Candidate:
    examples, rows = material.examples, material.kept_rows
    favoured = np.zeros(outputs.shape[1], np.float32)
    if has_rare_labels(examples):
        favoured = favours(outputs, examples.targets([row.label for row in rows]))
    scored = score(examples, spec, outputs + favoured, rows)
    return _Candidate(trial, named, start, favoured, scored)


def _from_all_rows(
    material: Material, drawn: Portion, sample: Sample, kept: _Candidate, progress: Progress
) -> Weights:
    if kept.start is None:
        some = sample if kept.named else sample.part(sample.folds != ALWAYS_TAUGHT)
        weights = _weights(material, drawn, kept.trial.setting, fit_all(some, kept.trial))
    else:
        rows = Chained(material.taught, material.kept, _named(material, kept.named))
        what = "learning from all rows"
        weights = _fit(material, kept.trial.setting, rows, kept.start, what, progress)
    return weights._replace(bias=weights.bias + kept.favoured)


def _baseline(examples: Examples, evaluation: Evaluation, rows: list[LabelledText]) -> Baseline:
    if has_rare_labels(examples):
        return guessing(evaluation)
    return most_frequent_answer(evaluation, rows)


def sample_of(material: Material) -> tuple[Portion, Sample]:
    """Rows to search with, and behind them the names of the labels, if there are such."""
    if material.is_small:
        drawn, twins = joined(list(material.taught.portions())), material.twins
    else:
        drawn, twins = _drawn(material)
    folds = fold_of(drawn.targets, twins)
    if material.names is not None:
        drawn = joined([drawn, material.names])
        folds = np.append(folds, np.full(len(material.names.targets), ALWAYS_TAUGHT))
    dense = drawn.dense.astype(np.float64)
    return drawn, Sample(
        loss=material.examples.loss,
        vectors=dense @ dense.T,
        ngrams=gram.products(drawn.ngrams, material.rarity),
        targets=drawn.targets,
        outputs=len(material.examples.space.names),
        counts=drawn.counts,
        folds=folds,
    )


def _drawn(material: Material) -> tuple[Portion, Places]:
    """Some of the rows to learn from, and of each the first of them that is like it."""
    taught = material.taught
    classes = None
    if material.examples.loss == "softmax":
        classes = [str(each) for part in taught.portions() for each in part.targets.tolist()]
    drawn = np.array(held_out(classes, taught.rows, FEW / taught.rows, seed=1), np.int64)
    return taught.rows_at(drawn), among(material.twins, drawn)


def _search(material: Material, sample: Sample, progress: Progress) -> tuple[Trial, bool, Trial]:
    """The best trial, whether the names of the labels help it, and the best of n-grams alone."""
    tried = 0

    def advance() -> None:
        nonlocal tried
        tried += 1
        progress("searching", min(tried, _TRIALS - 1), _TRIALS)

    rows = sample.folds != ALWAYS_TAUGHT
    plain = sample.part(rows)
    best = search(plain, may_leave_out=not material.recipe.pairs, advance=advance)
    words = search_ngrams(plain, best, advance)
    if words.beats(best) and not material.recipe.pairs:
        best = words
    words = _padded(words, sample)
    if rows.all():
        progress("searching", _TRIALS, _TRIALS)
        return best, False, words
    named = cross_validate(sample, best.setting, best)
    progress("searching", _TRIALS, _TRIALS)
    return (named, True, words) if named.beats(best) else (_padded(best, sample), False, words)


def _padded(trial: Trial, sample: Sample) -> Trial:
    """With outputs for the rows that are never held out too, which nobody asks for."""
    outputs = np.zeros((len(sample.folds), sample.outputs), np.float32)
    outputs[sample.folds != ALWAYS_TAUGHT] = trial.outputs
    return replace(trial, outputs=outputs)


def _held_out(
    material: Material, drawn: Portion, trial: Trial, named: bool, progress: Progress
) -> tuple[Weights, Floats]:
    """What was learnt without the rows held out, and what that says of them."""
    weights = _fit(
        material,
        trial.setting,
        Chained(material.taught, _named(material, named)),
        _weights(material, drawn, trial.setting, trial.mean()),
        "learning" if trial.setting.vectors else "learning from n-grams alone",
        progress,
    )
    answers = [weights(block.dense, block.by_text) for block in material.kept]
    return weights, np.concatenate(answers)


def _weights(material: Material, drawn: Portion, setting: Setting, duals: Duals) -> Weights:
    """The weights of features that follow from what each of some rows adds to them."""
    rows = np.zeros((len(drawn.targets), len(duals.bias)), np.float32)
    rows[: len(duals.rows)] = duals.rows
    ngrams = np.zeros((material.recipe.buckets, len(duals.bias)), np.float32)
    by_bucket(drawn.ngrams).add_product(rows, ngrams)
    ngrams *= (np.float32(setting.ngrams) * material.rarity[:, None]) ** 2
    dense = np.float32(setting.vectors**2) * (drawn.dense.T @ rows)
    return Weights(dense, ngrams, duals.bias)


def _fit(
    material: Material,
    setting: Setting,
    blocks: Iterable[Block],
    start: Weights,
    what: str,
    progress: Progress,
) -> Weights:
    steps = 0

    def advance() -> None:
        nonlocal steps
        steps += 1
        progress(what, steps, max(steps + 1, _STEPS))

    dense = np.full(len(start.dense), setting.vectors, np.float32)
    weights = fit(
        blocks,
        material.examples.loss,
        setting.penalty,
        start,
        (dense, np.float32(setting.ngrams) * material.rarity),
        tolerance=_EXACT if material.examples.rows <= _MANY else _ENOUGH,
        advance=advance,
    )
    progress(what, 1, 1)
    return weights


def _named(material: Material, named: bool) -> Iterable[Block]:
    return [material.names.block] if named and material.names is not None else []


def _unscaled(examples: Examples, weights: Weights) -> Weights:
    """Weights that give values as they are in the rows."""
    deviation = np.float32(examples.deviation)
    return Weights(
        weights.dense * deviation,
        weights.ngrams * deviation,
        weights.bias * deviation + np.float32(examples.mean),
    )


def _tensors(weights: Weights, head: HeadSpec) -> dict[str, Tensor]:
    assert head.features is not None
    return LearntHead.tensors(
        np.ascontiguousarray(weights.dense.T) if head.features.vectors else np.empty(0, np.float32),
        quantise_rows(weights.ngrams) if head.features.ngrams else None,
        weights.bias,
    )


def _check_rounding(material: Material, weights: Weights, tensors: dict[str, Tensor]) -> None:
    """Lets a head pass whose integers say what its floats say.

    Raises:
        QualityGateError: too many answers to known rows differ.
    """
    table = next((each for each in tensors.values() if isinstance(each, Quantised)), None)
    if table is None:
        return
    rounded = Weights(weights.dense, table.dequantise(), weights.bias)
    changed = rows = 0.0
    for block in material.taught:
        outputs, again = (each(block.dense, block.by_text) for each in (weights, rounded))
        if material.examples.loss == "softmax":
            chosen = np.take_along_axis(outputs, again.argmax(1)[:, None], 1)[:, 0]
            changed += float((outputs.max(1) - chosen > _TIE).sum())
        elif material.examples.loss == "sigmoid":
            differ = ((outputs > 0) != (again > 0)) & (np.abs(outputs) > _TIE)
            changed += float(differ.mean(1).sum())
        else:
            changed += float((np.abs(outputs - again) > _LOST * material.examples.deviation).sum())
        rows += len(outputs)
    if changed > _LOST * rows:
        raise QualityGateError(
            f"With 8-bit weights, {changed / rows:.1%} of the answers differ. Nothing was written. "
            "Please report this, with the data if you can."
        )
