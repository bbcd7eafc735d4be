"""What ``predict`` is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Request:
    """The texts and options of the command, whose help says what they mean."""

    texts: Sequence[str] | None
    model: str
    task: str | None
    file: str | None
    stdin_format: Literal["txt", "csv", "tsv", "jsonl"] | None
    output: str
    ray: str | None
    text_column: str | None
    pair_column: str | None
    label_column: str | None
    keep: str | None
    on_error: Literal["stop", "skip"]
    context: Path | None
    pair: str | None
    labels: str | None
    labels_column: str | None
    multi_label: bool
    template: str | None
    learn_from: str | None
    similar_to: Path | None
    top: int | None
    long: Literal["cut", "windows"] | None
    min_score: float | None
    always_answer: bool
    answer_tokens: int | None
    threads: int | None

    @property
    def chooses_labels(self) -> bool:
        """Whether texts are given labels of the caller's."""
        return self.labels is not None or self.labels_column is not None
