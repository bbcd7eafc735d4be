"""The tasks of GLUE (Wang et al. 2018, arXiv 1804.07461): their files, metrics and others' scores.

Quoted are BERT-base, dev, from the page of transformers' run_glue, and TinyBERT of four layers,
test, from Jiao et al. 2020 (arXiv 1909.10351), table 1.
"""

from dataclasses import dataclass
from pathlib import Path

from squeezebert.data.columns import Columns
from squeezebert.data.tasks.classification import Table, read_classification

GUESSED = Columns()


@dataclass(frozen=True)
class GlueTask:
    """One task.

    Attributes:
        name: of its folder, and of its file in a submission.
        metric: ours, by which it is compared.
        bert: BERT-base's score, in points.
        tinybert: TinyBERT-4's.
        columns: of its training and dev files, where they can't be guessed.
        after: a built-in bundle of another task, to start from as well.
    """

    name: str
    metric: str
    bert: float | None = None
    tinybert: float | None = None
    columns: Columns = GUESSED
    after: str | None = None

    def file(self, data: Path, part: str) -> Path | None:
        """Where "train", "dev" or "test" is, packed or not; None if it isn't there."""
        found = sorted((data / self.name).glob(f"{part}.tsv*"))
        return found[0] if found else None

    def read(self, file: Path) -> Table:
        """The examples of a training or dev file."""
        table = read_classification(
            file,
            text_column=self.columns.text,
            pair_column=self.columns.pair,
            label_column=self.columns.label,
        )
        return table.of_type("regression") if self.metric == "pearson" else table


TASKS = (
    GlueTask("CoLA", "mcc", 56.5, 44.1, columns=Columns("4", None, "2")),
    GlueTask("SST-2", "accuracy", 92.3, 92.6),
    GlueTask("MRPC", "f1", 88.9, 86.4, after="nli"),
    GlueTask("STS-B", "pearson", 88.6, 80.4),
    GlueTask("QNLI", "accuracy", 90.7, 87.7, after="qa"),
    GlueTask("RTE", "accuracy", 65.7, 66.6, after="nli"),
    GlueTask("WNLI", "accuracy"),
)
SUBMITTED = (*(task.name for task in TASKS), "MNLI-m", "MNLI-mm", "QQP", "AX")
"""All files of a submission. Nothing is trained for the last four: AX is for models of MNLI."""
