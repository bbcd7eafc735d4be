"""What a model is for, and what it may say: the heads over an encoder."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Literal, Self, TypeAlias, get_args

from squeezebert.bundle.checks import ManifestError, check_names, is_count
from squeezebert.bundle.features import FeatureRecipe

ProblemType: TypeAlias = Literal[
    "single_label_classification", "multi_label_classification", "regression"
]

Inputs: TypeAlias = Literal["text", "pair"]

_TEMPERATURES = 1e-3, 1e3  # beyond, logits of a float overflow or vanish

OUT_OF_SCOPE = "out_of_scope"
"""What a text is for which no label fits, in data and in predictions; no model has such a label."""


class Task(StrEnum):
    """What a model can be for. Each room maps a task to what it brings there."""

    CLASSIFICATION = "classification"
    EMBEDDING = "embedding"
    ENTITIES = "entities"
    QUESTION_ANSWERING = "question-answering"
    FILL_MASK = "fill-mask"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """What a model is for: all that a pipeline has to know besides tokenizer and weights.

    A field that only some tasks have is optional, so that earlier bundles still load.

    Attributes:
        task: what the pipeline does, one of `Task`.
        labels: label names in the order of the outputs; empty where outputs have no names.
        problem_type: as in a Hugging Face configuration; None where a task has but one kind.
        max_length: tokens that the model reads at once, special tokens included.
        null_threshold: by how much, in logits, the score of no answer may exceed that of the best
            span before a question has none; None where every question has an answer.
        temperature: divides the logits of a single-label problem before they become probabilities
            (Guo et al. 2017, arXiv 1706.04599).
        threshold: the probability that a single-label problem's best label must reach; below it
            the text is out of scope. None where every text has a label. Of a multi-label problem,
            the probability from which on a label is given; None is 0.5.
        entailment: the label by which a model of natural language inference says that the second
            text follows from the first; None for all other models.
        inputs: whether the model was trained on single texts or on pairs of texts; None where that
            is not known, and for tasks that leave no choice.
        languages: of the texts that it was made for, as ISO 639-1 codes; empty if not known.
        mask: of a model that guesses hidden words, the id of the token that hides one.

    Raises:
        ManifestError: a value is of the wrong kind or the values don't fit together.
    """

    task: str
    labels: tuple[str, ...] = ()
    problem_type: ProblemType | None = None
    max_length: int
    null_threshold: float | None = None
    temperature: float = 1.0
    threshold: float | None = None
    entailment: str | None = None
    languages: tuple[str, ...] = ()
    inputs: Inputs | None = None
    mask: int | None = None

    def __post_init__(self) -> None:
        if self.inputs not in (None, *get_args(Inputs)):
            raise ManifestError(f"inputs is {self.inputs!r}, neither 'text' nor 'pair'")
        if self.task not in tuple(Task):
            raise ManifestError(
                f"task is {self.task!r}; this squeezebert knows {', '.join(Task)}. "
                "Install a newer squeezebert"
            )
        check_names("labels", self.labels)
        check_names("languages", self.languages)
        if self.problem_type not in (None, *get_args(ProblemType)):
            raise ManifestError(f"problem_type is {self.problem_type!r}")
        if self.problem_type is not None and not self.labels:
            raise ManifestError(f"labels is empty, and a {self.problem_type} needs some")
        if self.problem_type == "regression" and len(self.labels) > 1:
            raise ManifestError("a regression has one label, the name of its value")
        if not is_count(self.max_length):
            raise ManifestError(f"max_length is {self.max_length!r}")
        names_mask = self.mask == 0 or is_count(self.mask)
        if not (names_mask if self.task == Task.FILL_MASK else self.mask is None):
            raise ManifestError(f"mask is {self.mask!r}, and the task is {self.task}")
        if self.null_threshold is not None and not isinstance(self.null_threshold, float):
            raise ManifestError(f"null_threshold is {self.null_threshold!r}, not a float")
        coldest, hottest = _TEMPERATURES
        if not isinstance(self.temperature, float) or not coldest <= self.temperature <= hottest:
            raise ManifestError(
                f"temperature is {self.temperature!r}, not in {coldest:g}..{hottest:g}"
            )
        if self.threshold is not None:
            if not isinstance(self.threshold, float) or not 0 <= self.threshold <= 1:
                raise ManifestError(f"threshold is {self.threshold!r}, not in 0..1")
            rejects = self.problem_type == "single_label_classification"
            if rejects and OUT_OF_SCOPE in self.labels:
                raise ManifestError(f"there is a threshold, but also a label {OUT_OF_SCOPE!r}")
            if not rejects and self.problem_type != "multi_label_classification":
                raise ManifestError("there is a threshold, but there are no classes")
        if self.entailment is not None and self.entailment not in self.labels:
            raise ManifestError(
                f"entailment is {self.entailment!r}, which is none of its labels: "
                f"{', '.join(self.labels)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec(TaskSpec):
    """One of the heads of a bundle: what it is for, and where its tensors are.

    Attributes:
        name: by which a user asks for this head.
        prefix: what the names of its tensors begin with, before the names that its task gives
            them; empty for the only head of a bundle.
        features: what it sees of an item if it was learnt on the finished encoder; None if it was
            trained with it and sees its output.

    Raises:
        ManifestError: a value is of the wrong kind or the values don't fit together.
    """

    name: str
    prefix: str = ""
    features: FeatureRecipe | None = None

    def __post_init__(self) -> None:
        TaskSpec.__post_init__(self)  # super() doesn't know a class with slots
        check_names("name", (self.name,))
        check_names("prefix", (self.prefix,))
        if not self.name:
            raise ManifestError("name is empty")
        if isinstance(self.features, dict):  # as JSON has it
            object.__setattr__(self, "features", _recipe(self.features))
        if not isinstance(self.features, FeatureRecipe | None):
            raise ManifestError(f"features is {self.features!r}")
        if self.features is not None and self.task != Task.CLASSIFICATION:
            raise ManifestError(f"features are for classification, not for {self.task}")

    @classmethod
    def of(
        cls,
        spec: TaskSpec,
        name: str | None = None,
        prefix: str = "",
        features: FeatureRecipe | None = None,
    ) -> Self:
        """The head of a model.

        Args:
            spec: what the model is for.
            name: of the head; by default, the task's.
            prefix: of the head's tensors among the bundle's.
            features: of a head that was learnt.
        """
        values = {field.name: getattr(spec, field.name) for field in fields(TaskSpec)}
        return cls(**values, name=name or str(spec.task), prefix=prefix, features=features)


def _recipe(values: dict[str, Any]) -> FeatureRecipe:
    try:
        return FeatureRecipe(**values)
    except TypeError as error:
        raise ManifestError(f"features has missing or unknown fields ({error})") from error
