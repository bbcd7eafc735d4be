"""Searching settings by the dev metric, one training after another.

Trials are chosen by optuna (Akiba et al. 2019, arXiv 1907.10902) with its tree-structured Parzen
estimator (Bergstra et al. 2011, "Algorithms for hyper-parameter optimization", section 4).
"""

import json
from dataclasses import replace
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from squeezebert.errors import CheckpointError, InputError
from squeezebert.evaluation import evaluate
from squeezebert.evaluation.scores import LOWER_IS_BETTER
from squeezebert.files import replacing_file
from squeezebert.finetune.run import FineTuned, Run
from squeezebert.finetune.settings import Decided
from squeezebert.training.predictor import load_predictor

_FACTOR = 5  # the learning rate is searched between a fifth and five times the one given
_RANDOM_TRIALS = 4  # before the estimator guides; optuna's ten would be all that most can wait for
_STUDY = "study.log"


def search(run: Run, settings: Decided, trials: int, *, embeddings: bool) -> FineTuned:
    """Trains with several settings, the given ones first, and keeps the best in the output.

    Args:
        run: what to train; the search that its session holds goes on.
        settings: where to start; epochs are searched up to twice, batch sizes from half to twice
            and learning rates from a fifth to five times those given.
        trials: how many trainings.
        embeddings: whether to try word embeddings that stay and such as are trained.

    Raises:
        InputError: there is less than one trial.
        CheckpointError: the checkpoint can't be used, or the record of the trials is damaged.
    """
    if trials < 1:
        raise InputError(f"trials must be at least 1, and it is {trials}.")
    space = _space(settings, embeddings)
    study = _study(run, {name: getattr(settings, name) for name in space})
    metric = run.task.metric
    done: FineTuned | None = None
    while (finished := len(study.get_trials(states=(TrialState.COMPLETE,)))) < trials:
        number, values = _next_trial(study, space, settings.seed)
        shown = ", ".join(
            f"{name.replace('_', ' ')} {_shown(value)}" for name, value in values.items()
        )
        run.session.say(f"Trial {finished + 1} of {trials}: {shown}")
        trained = run.train(replace(settings, **values))
        if not finished or _better(metric, trained.score, study.best_value):
            done = trained.save()
            study.set_user_attr("is_squeezebert", done.is_squeezebert)
        run.session.forget_checkpoints()  # the next trial must not go on from these
        study.tell(number, trained.score)
        run.session.keep()
        run.session.say(f"dev {metric} {trained.score:.4f}, best so far {study.best_value:.4f}")
    _write_trials(run, study)
    if done is None:  # the best came before the search was stopped
        evaluation = evaluate(load_predictor(run.session.output), run.task.dev)
        done = run.outcome(evaluation, study.user_attrs["is_squeezebert"])
    return done


def _study(run: Run, first: dict[str, Any]) -> optuna.Study:
    """The study in the state's folder; a new one tries the values of ``first`` first."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = run.session.folder / _STUDY
    try:
        study = optuna.create_study(
            study_name="search",
            storage=JournalStorage(JournalFileBackend(str(journal))),
            direction="minimize" if run.task.metric in LOWER_IS_BETTER else "maximize",
            load_if_exists=True,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{journal} is damaged ({error}). Remove {run.session.folder} to start anew."
        ) from error
    if not study.trials:
        study.enqueue_trial(first)
    return study


def _space(settings: Decided, embeddings: bool) -> dict[str, BaseDistribution]:
    rate, size = settings.learning_rate, settings.batch_size
    space: dict[str, BaseDistribution] = {
        "learning_rate": FloatDistribution(rate / _FACTOR, rate * _FACTOR, log=True),
        "epochs": IntDistribution(1, 2 * settings.epochs),
        "batch_size": CategoricalDistribution(sorted({max(1, size // 2), size, 2 * size})),
    }
    if embeddings:
        space["freeze_embeddings"] = CategoricalDistribution([True, False])
    return space


def _shown(value: float | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}"


def _next_trial(
    study: optuna.Study, space: dict[str, BaseDistribution], seed: int
) -> tuple[int, dict[str, Any]]:
    """Number and values of the trial that was stopped, or of a new one.

    A new one follows from the seed and the trials before it, so that a resumed search goes the
    same way.
    """
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if trial.params.keys() == space.keys():
            return trial.number, trial.params
        study.tell(trial.number, state=TrialState.FAIL)  # stopped while its values were chosen
    seed += len(study.trials)
    study.sampler = TPESampler(n_startup_trials=_RANDOM_TRIALS, seed=seed)
    new = study.ask(space)
    return new.number, new.params


def _better(metric: str, score: float, than: float) -> bool:
    return score < than if metric in LOWER_IS_BETTER else score > than


def _write_trials(run: Run, study: optuna.Study) -> None:
    """All trials, the best first, as ``search.json`` beside the result."""
    finished = study.get_trials(states=(TrialState.COMPLETE,))
    rows = [{run.task.metric: trial.value, **trial.params} for trial in finished]
    rows.sort(key=lambda row: row[run.task.metric], reverse=run.task.metric not in LOWER_IS_BETTER)
    with replacing_file(run.session.output / "search.json") as aside:
        aside.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
