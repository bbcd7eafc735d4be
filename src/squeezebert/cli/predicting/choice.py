"""Which pipeline answers: of which task, and with which labels, examples or texts around it."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from squeezebert.bundle import Task
from squeezebert.cli.notes import note
from squeezebert.cli.predicting.checks import require_context, require_pair
from squeezebert.cli.predicting.embeddings import SearchedFile, learn, search_in
from squeezebert.cli.predicting.request import Request
from squeezebert.cli.tasks import Rendering, of_best_labels, with_rows
from squeezebert.cli.tasks.multi_task import rendering_of
from squeezebert.data.columns import Columns
from squeezebert.errors import InputError
from squeezebert.pipelines import (
    Classifier,
    EntityFinder,
    MultiTaskPipeline,
    Pipeline,
    QuestionAnswerer,
    WordGuesser,
    ZeroShotClassifier,
    load,
)
from squeezebert.pipelines.learnt import LearntClassifier
from squeezebert.pipelines.loading import load_task
from squeezebert.pipelines.zero_shot import TEMPLATE

_FOUND = 3  # texts for each, unless it is said

_ANSWERS = "that answers questions, such as qa"
_MADE_FOR: Mapping[str, tuple[type, str, str]] = {
    "long": (Classifier, "--long", "that was trained on classes or values"),
    "min_score": (EntityFinder, "--min-score", "that finds entities, such as ner"),
    "always_answer": (QuestionAnswerer, "--always-answer", _ANSWERS),
    "longest_answer": (QuestionAnswerer, "--answer-tokens", _ANSWERS),
    "top": (WordGuesser, "--top", "of classes or of hidden words, or --similar-to"),
}
"""What an option of a pipeline is for, how it is called here, and of which model that is said."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What answers a request.

    Attributes:
        model: the model's own pipeline, which reads the texts.
        pipeline: that answers: the model's, or labels, examples or texts to search in around it.
        options: of the pipeline.
        best: how many labels to show the scores of; None for all, or where there are none.
        searched: the file that is searched in, if one is.
        taught: the columns of the file of examples.
    """

    model: Pipeline | MultiTaskPipeline
    pipeline: Pipeline | MultiTaskPipeline
    options: Mapping[str, Any]
    best: int | None
    searched: SearchedFile | None
    taught: Sequence[str]

    @property
    def elsewhere(self) -> Sequence[str]:
        """Columns of the file that is searched in or learnt from."""
        return (*self.kept_elsewhere, *self.taught)

    @property
    def kept_elsewhere(self) -> Sequence[str]:
        """Columns of the file that is searched in."""
        return () if self.searched is None else self.searched.columns

    @property
    def limit(self) -> str:
        """How much is read of a text, and what of longer ones, to follow "had more"."""
        if isinstance(self.pipeline, MultiTaskPipeline):
            return "than a task reads; the model saw only their beginnings"
        beginnings = (
            "of the rest, words and letters alone counted"
            if isinstance(self.pipeline, LearntClassifier) and self.pipeline.counts_words
            else "the model saw only their beginnings"
        )
        return f"than {self.pipeline.spec.max_length} tokens; {beginnings}"

    @property
    def rendering(self) -> Rendering:
        """How its answers are shown."""
        if self.searched is not None:
            return with_rows(self.searched.rows)
        return rendering_of(self.pipeline) if self.best is None else of_best_labels(self.best)


def choose(asked: Request) -> Choice:
    """Loads what answers a request.

    Raises:
        SqueezeBertError: there is no such model or task, it is for something else than what is
            asked, or the labels, examples or texts to search in can't be used.
    """
    model = _model(asked)
    if not isinstance(model, MultiTaskPipeline):
        require_context(asked, model)
    pipeline, searched, taught = _with_what_was_given(model, asked)
    best = asked.top if _has_classes(pipeline) else None
    if best is not None and asked.ray is not None:
        raise InputError("With --ray, the scores of all labels are written; leave out --top.")
    options = _options(
        pipeline,
        long=asked.long,
        min_score=asked.min_score,
        always_answer=asked.always_answer or None,
        longest_answer=asked.answer_tokens,
        top=asked.top if searched is None and best is None else None,
    )
    if not isinstance(pipeline, MultiTaskPipeline):
        require_pair(asked, pipeline)
    return Choice(model, pipeline, options, best, searched, taught)


def _model(asked: Request) -> Pipeline | MultiTaskPipeline:
    threads = asked.threads or (None if asked.ray is None else 1)
    if asked.task is not None:
        return load_task(asked.model, threads, task=asked.task)
    model: Pipeline | MultiTaskPipeline = load(asked.model, threads)
    if not isinstance(model, MultiTaskPipeline):
        return model
    asks = asked.context is not None or asked.always_answer or asked.answer_tokens is not None
    needs: dict[str, bool] = {
        Task.QUESTION_ANSWERING: asks,
        Task.EMBEDDING: asked.learn_from is not None or asked.similar_to is not None,
        Task.ENTITIES: asked.min_score is not None,
        Task.CLASSIFICATION: asked.long is not None,
        "entailment": asked.chooses_labels,
    }
    kinds = [kind for kind, needed in needs.items() if needed]
    if asked.top is not None and not kinds:
        guesses = any(model.task(name).spec.task == Task.FILL_MASK for name in model.tasks)
        kinds = [Task.FILL_MASK if guesses else Task.CLASSIFICATION]
    return _suited(model, kinds)


def _suited(model: MultiTaskPipeline, kinds: Sequence[str]) -> Pipeline | MultiTaskPipeline:
    """The only task of the kinds that options are for; all tasks, if there are no such options."""
    if not kinds:
        return model
    specs = {name: model.task(name).spec for name in model.tasks}
    suited = [
        name
        for name, spec in specs.items()
        if spec.task in kinds or ("entailment" in kinds and spec.entailment is not None)
    ]
    if not suited:
        raise InputError(
            f"The options are for {' and '.join(kinds)}, which is none of the model's tasks "
            f"({', '.join(specs)}). Give another model; `squeezebert models` lists them."
        )
    if len(suited) != 1:
        raise InputError(
            f"The options are for {' and '.join(kinds)}. That fits {len(suited)} of the model's "
            f"tasks ({', '.join(specs)}), and should fit one. Name the task with --task."
        )
    return model.task(suited[0])


def _with_what_was_given(
    model: Pipeline | MultiTaskPipeline, asked: Request
) -> tuple[Pipeline | MultiTaskPipeline, SearchedFile | None, Sequence[str]]:
    """The model with the labels, examples and texts to search in; those need one of one task.

    Returns:
        It, the file that is searched in, and the columns of the examples.
    """
    if isinstance(model, MultiTaskPipeline):
        return model, None, ()
    pipeline = model
    taught: Sequence[str] = ()
    if asked.chooses_labels:
        pipeline = _zero_shot(pipeline, asked)
    if asked.learn_from is not None:
        columns = Columns(asked.text_column, asked.pair_column, asked.label_column)
        pipeline, taught = learn(pipeline, asked.learn_from, columns, note)
    if asked.similar_to is None:
        return pipeline, None, taught
    searched = search_in(
        asked.similar_to,
        pipeline,
        asked.text_column,
        asked.keep if asked.ray is None else None,
        _FOUND if asked.top is None else asked.top,
        note,
        alone=asked.file is None,
    )
    return searched.search, searched, taught


def _zero_shot(pipeline: Pipeline, asked: Request) -> ZeroShotClassifier:
    if not isinstance(pipeline, Classifier) or pipeline.spec.entailment is None:
        why = (
            "none of this one's labels was named as that of entailment when it was exported"
            if isinstance(pipeline, Classifier)
            else f"this one is for {pipeline.spec.task}"
        )
        raise InputError(f"--labels needs a model of entailment, and {why}. Give --model nli.")
    return ZeroShotClassifier(
        pipeline,
        None if asked.labels is None else _labels(asked.labels),
        template=TEMPLATE if asked.template is None else asked.template,
        multi_label=asked.multi_label,
    )


def _labels(given: str) -> list[str]:
    if len(given.splitlines()) > 1:
        raise InputError(
            f"--labels {given!r} holds a line break. Put commas between the labels, and no breaks."
        )
    return next(csv.reader([given], skipinitialspace=True))


def _has_classes(pipeline: Pipeline | MultiTaskPipeline) -> bool:
    """Whether the answers are labels with scores."""
    if isinstance(pipeline, MultiTaskPipeline):
        return False
    spec = pipeline.spec
    return spec.task == Task.CLASSIFICATION and spec.problem_type != "regression"


def _options(pipeline: Pipeline | MultiTaskPipeline, **options: Any) -> dict[str, Any]:
    """Those that were given; raises InputError for one that the pipeline does not have."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        kind, option, what = _MADE_FOR[name]
        if name == "long" and isinstance(pipeline, LearntClassifier):
            raise InputError(
                "--long is not for what `learn` made, which reads no windows. Leave it out, or "
                "fine-tune a model with `train`."
            )
        if not isinstance(pipeline, kind):
            raise InputError(f"{option} needs a model {what}, without labels or texts of yours.")
    return given
