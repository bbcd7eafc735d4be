"""Probes general checkpoints: how much of its teacher a student has kept, in minutes.

Three kinds of measure, the same work for every model: hidden states against the teacher's on
held-out text, similarity of sentences by mean-pooled embeddings, and short fine-tunings by one
fixed recipe.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from squeezebert.errors import CheckpointError, DataError
from squeezebert.evaluation.metrics import Correlations
from squeezebert.files import replacing_file
from squeezebert.model.checkpoint import longest_input
from squeezebert.model.hub import require_model
from squeezebert.probe.data import (
    ProbeData,
    ProbeExample,
    ProbeFiles,
    Similarity,
    read_probe_data,
)
from squeezebert.probe.encoder import LENGTHS, ProbeEncoder, batches, load_encoder
from squeezebert.probe.finetune import Recipe, TaskScore, fine_tuned_score
from squeezebert.squeeze.losses import relative_errors
from squeezebert.squeeze.teacher import Teacher
from squeezebert.tokenizer import Tokenizer
from squeezebert.training.checks import require_seed
from squeezebert.training.predictor import without_progress_bars
from squeezebert.training.session import Session

RECIPE = Recipe()
"""How every model is fine-tuned."""

_SCORES = "scores.json"

Advance = Callable[[str, float], None]
"""Called with what is being done and the part of it that is done, 0..1."""


@dataclass(frozen=True)
class Measure:
    """One score, 0..1 (a correlation: -1..1).

    Attributes:
        train, dev: examples learnt from and scored.
        chance: the score without looking at the text.
    """

    name: str
    metric: str
    train: int
    dev: int
    chance: float


@dataclass(frozen=True)
class ModelScores:
    """What one model scored.

    Attributes:
        scores: one for each measure.
        errors: relative error |s - t| / |t| of the hidden states on held-out text after each layer;
            None for the teacher, and for a model of another depth, width or vocabulary.
        truncated: scored texts that the model saw only a part of.
        seconds: wall time.
    """

    model: str
    scores: tuple[float, ...]
    errors: tuple[float, ...] | None
    truncated: int
    seconds: float


@dataclass(frozen=True)
class ProbeReport:
    """The scores of a teacher and of its students on the same work."""

    measures: tuple[Measure, ...]
    teacher: ModelScores
    students: tuple[ModelScores, ...]
    recipe: Recipe
    seed: int

    def retention(self, student: ModelScores) -> tuple[float, ...]:
        """The student's score over the teacher's, for each measure; NaN where that is 0 or less."""
        return self._kept(student, [0.0] * len(self.measures))

    def retention_above_chance(self, student: ModelScores) -> tuple[float, ...]:
        """The same of what both score above chance; NaN where the teacher scores no more."""
        return self._kept(student, [measure.chance for measure in self.measures])

    def as_json(self) -> dict[str, Any]:
        """Plain values, scores by the name of their measure; what is undefined is None."""
        return {
            "seed": self.seed,
            "recipe": asdict(self.recipe),
            "measures": [asdict(measure) for measure in self.measures],
            "teacher": self._plain(self.teacher),
            "students": [
                self._plain(student)
                | {
                    "retention": self._named(self.retention(student)),
                    "retention_above_chance": self._named(self.retention_above_chance(student)),
                    "mean_retention": _defined(mean(self.retention(student))),
                    "mean_retention_above_chance": _defined(
                        mean(self.retention_above_chance(student))
                    ),
                }
                for student in self.students
            ],
        }

    def _plain(self, model: ModelScores) -> dict[str, Any]:
        scores = self._named(model.scores)
        return asdict(model) | {"scores": scores, "seconds": round(model.seconds, 1)}

    def _named(self, values: Sequence[float]) -> dict[str, float | None]:
        return {
            measure.name: _defined(value)
            for measure, value in zip(self.measures, values, strict=True)
        }

    def _kept(self, student: ModelScores, floors: Sequence[float]) -> tuple[float, ...]:
        return tuple(
            (ours - floor) / (theirs - floor) if theirs > floor else math.nan
            for ours, theirs, floor in zip(student.scores, self.teacher.scores, floors, strict=True)
        )


def probe(
    checkpoints: Sequence[str],
    teacher: str,
    files: ProbeFiles,
    recipe: Recipe = RECIPE,
    seed: int = 0,
    advance: Advance = lambda what, part: None,
    session: Session | None = None,
) -> ProbeReport:
    """Scores general checkpoints and their teacher on the same work.

    Args:
        checkpoints: built-in names, Hugging Face folders or hub ids of encoders that are not
            fine-tuned.
        teacher: one of a family that `Teacher` knows.
        recipe: of the fine-tunings.
        seed: draws the examples, their order and the fresh heads.
        session: keeps the scores of each model, so that a stopped run need not find them again.

    Raises:
        CheckpointError: a model or the state of the session can't be used.
        DataError: data is missing or malformed.
        InputError: no generator of random numbers takes the seed.
    """
    require_seed(seed)
    files.check()
    for name in (teacher, *checkpoints):
        require_model(name)
    names = (teacher, *checkpoints)
    scored: dict[str, ModelScores] = {}
    if session is not None:
        paths = {name: str(path) for name, path in asdict(files).items()}
        session.claim({"models": names, "files": paths, "recipe": asdict(recipe), "seed": seed})
        scored = _kept_scores(session)
    with without_progress_bars():
        source = Teacher(teacher)
    encoders = {name: load_encoder(name) for name in names if name not in scored}
    advance("reading", 0.0)
    data = read_probe_data(files, seed)
    for name, encoder in encoders.items():
        above = None if name == teacher else source
        scored[name] = _scores(name, encoder, above, data, recipe, seed, advance)
        if session is not None:
            _keep_scores(session, scored)
    ours, *students = (scored[name] for name in names)
    return ProbeReport(_measures(data), ours, tuple(students), recipe, seed)


def _kept_scores(session: Session) -> dict[str, ModelScores]:
    """The scores that earlier sessions found, by model."""
    file = session.folder / _SCORES
    if not file.exists():
        return {}
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        return {
            row["model"]: ModelScores(
                **row
                | {
                    "scores": tuple(row["scores"]),
                    "errors": None if row["errors"] is None else tuple(row["errors"]),
                }
            )
            for row in rows
        }
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"{file} is damaged ({error}). Remove {session.folder} to start anew."
        ) from error


def _keep_scores(session: Session, scored: Mapping[str, ModelScores]) -> None:
    with replacing_file(session.folder / _SCORES) as aside:
        aside.write_text(json.dumps([asdict(scores) for scores in scored.values()]))
    session.keep()


def held_out_errors(
    student: ProbeEncoder, teacher: Teacher, paragraphs: Sequence[str]
) -> tuple[float, ...] | None:
    """Relative error of the hidden states after each layer, if the two can be compared.

    They can if they have the same depth and width and read the same token ids.

    Raises:
        DataError: no paragraph fills a sequence.
    """
    ours, theirs = student.model.config, teacher.config
    length = min(LENGTHS[-1], longest_input(student.model), longest_input(teacher.model))
    ids, same = (
        [encoding.ids for encoding in tokenizer.encode_batch(paragraphs, length)]
        for tokenizer in (Tokenizer(teacher.tokenizer), student.tokenizer)
    )
    shapes = {(c.num_hidden_layers, c.hidden_size) for c in (ours, theirs)}
    if ids != same or len(shapes) > 1:
        return None
    full = [row for row in ids if len(row) == length]
    if not full:
        raise DataError(f"No paragraph of the held-out text has {length} tokens. Give longer text.")
    # It only asks for hidden states, which every encoder gives.
    return tuple(relative_errors(cast(Any, student.model), teacher, torch.tensor(full)))


@torch.inference_mode()
def similarity_score(encoder: ProbeEncoder, similarity: Similarity) -> TaskScore:
    """Spearman's correlation of the cosine of mean-pooled embeddings with people's scores."""
    examples = [ProbeExample(text, None, ()) for pair in similarity.pairs for text in pair]
    encoded = encoder.encode(examples)
    embeddings = torch.empty(len(examples), encoder.model.config.hidden_size)
    for part in batches(encoded):
        embeddings[part] = encoder.vectors([encoded[index] for index in part])
    first, second = embeddings[0::2], embeddings[1::2]
    cosine: Tensor = F.cosine_similarity(first, second)
    spearman = Correlations(similarity.scores, cosine.numpy())()["spearman"]
    return TaskScore(spearman, sum(text.truncated for text in encoded))


def mean(values: Sequence[float]) -> float:
    """The mean; NaN if any value is."""
    return sum(values) / len(values)


def _scores(
    name: str,
    encoder: ProbeEncoder,
    teacher: Teacher | None,
    data: ProbeData,
    recipe: Recipe,
    seed: int,
    advance: Advance,
) -> ModelScores:
    began = time.monotonic()
    advance(f"{name}: held-out text and STS-B", 0.0)
    errors = None if teacher is None else held_out_errors(encoder, teacher, data.paragraphs)
    results = [similarity_score(encoder, data.similarity)]
    for task in data.tasks:
        told = partial(advance, f"{name}: {task.name}")
        results.append(fine_tuned_score(encoder, task, recipe, seed, told))
    return ModelScores(
        name,
        scores=tuple(result.score for result in results),
        errors=errors,
        truncated=sum(result.truncated for result in results),
        seconds=time.monotonic() - began,
    )


def _measures(data: ProbeData) -> tuple[Measure, ...]:
    similarity = Measure("STS-B", "Spearman", 0, len(data.similarity.pairs), chance=0.0)
    return (
        similarity,
        *(
            Measure(task.name, task.metric, len(task.train), len(task.dev), task.chance)
            for task in data.tasks
        ),
    )


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
