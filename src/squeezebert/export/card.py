"""The model card that travels in a bundle."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from squeezebert.bundle import Architecture, Task, TaskSpec
from squeezebert.bundle.architecture import Mixer

_CUT = "the rest is cut, and the prediction says so"
_WINDOWS = "longer texts in overlapping windows"


class Kind(NamedTuple):
    """What the models of a task are called, and what becomes of long texts."""

    name: str
    long_texts: str


KINDS: Mapping[str, Kind] = {
    Task.CLASSIFICATION: Kind("A text classifier", _CUT),
    Task.EMBEDDING: Kind("Sentence embeddings", _CUT),
    Task.ENTITIES: Kind("A finder of named entities", _WINDOWS),
    Task.QUESTION_ANSWERING: Kind("An extractive question answerer", _WINDOWS),
    Task.FILL_MASK: Kind("A guesser of hidden words", _WINDOWS),
}

_NOT_STATED = """\
## Data, licence and limits

Whoever exported this bundle stated none. Ask before you rely on it.
"""


def model_card(
    *,
    name: str,
    spec: TaskSpec,
    architecture: Architecture,
    evaluation: Sequence[Mapping[str, Any]],
    provenance: Mapping[str, Any],
    human_part: str | None,
) -> str:
    """Markdown: what the exporter knows, then what a person wrote about data, licence and limits.

    Args:
        human_part: Markdown; None says in the card that nothing was stated.
    """
    mixer = (
        "grouped 1x1 convolutions"
        if architecture.mixer == Mixer.GROUPED
        else f"depthwise separable convolutions of {architecture.kernel_size} taps"
    )
    lines = [
        f"# {name}",
        "",
        f"{KINDS[spec.task].name}: SqueezeBERT (Iandola et al. 2020, arXiv 2006.11316), int8.",
        "",
        *([f"- labels: {', '.join(spec.labels)}"] if spec.labels else []),
        *([f"- languages: {', '.join(spec.languages)}"] if spec.languages else []),
        f"- encoder: {architecture.num_hidden_layers} layers of width {architecture.hidden_size}, "
        f"{mixer}",
        f"- reads up to {spec.max_length} tokens; {KINDS[spec.task].long_texts}",
        *(
            [f"- null threshold: {spec.null_threshold:.2f}; a question above it has no answer"]
            if spec.null_threshold is not None
            else []
        ),
        "",
        "## Scores",
        "",
        "| data | examples | metric | float checkpoint | this bundle | by instruction set |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {score['data']} | {score['examples']:,} | {score['metric']} "
            f"| {score['checkpoint']:.4f} | {score['bundle']:.4f} | {_by_set(score)} |"
            for score in evaluation
        ),
        "",
        "## How it was made",
        "",
        *_listed(provenance),
        "",
        human_part.strip() + "\n" if human_part else _NOT_STATED,
    ]
    return "\n".join(lines)


def _by_set(score: Mapping[str, Any]) -> str:
    scores: Mapping[str, float] = score["instruction_sets"]
    return ", ".join(f"{name} {value:.4f}" for name, value in scores.items())


def _listed(facts: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield f"{indent}- {name}:"
            yield from _listed(value, indent + "  ")
        else:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{indent}- {name}: `{shown}`"
