"""From a fine-tuned checkpoint to a bundle that was verified and scored."""

import json
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from squeezebert.bundle import read_bundle, write_bundle
from squeezebert.data.classification import Table
from squeezebert.errors import CheckpointError, InputError
from squeezebert.evaluation import load_predictor
from squeezebert.evaluation.predictor import without_progress_bars
from squeezebert.export.card import model_card
from squeezebert.export.convert import architecture_of, quantised_tensors
from squeezebert.export.gate import Comparison, check, compare
from squeezebert.export.provenance import provenance
from squeezebert.export.verify import verify
from squeezebert.model import SqueezeBertForSequenceClassification
from squeezebert.model.checkpoint import load_classifier_model
from squeezebert.pipelines import load

_VERIFIED_EXAMPLES = 32


@dataclass(frozen=True, slots=True)
class Export:
    """What an export did.

    Attributes:
        comparison: scores of the checkpoint and the bundle.
        difference: largest absolute difference between the engine's results and torch's with the
            bundle's weights.
        bytes: size of the bundle, all files together.
    """

    comparison: Comparison
    difference: float
    bytes: int


def export_classifier(
    checkpoint: Path,
    table: Table,
    output: Path,
    *,
    tolerance: float = 0.5,
    card: Path | None = None,
) -> Export:
    """Quantises a fine-tuned SqueezeBERT to int8 and writes it as a bundle, if it stays as good.

    Args:
        checkpoint: Hugging Face folder of a `SqueezeBertForSequenceClassification`.
        table: labelled examples on which checkpoint and bundle are compared.
        output: folder of the bundle; an earlier bundle there is replaced.
        tolerance: points, of 100, that the bundle may lose.
        card: Markdown file about data, licence and limits, for the model card.

    Raises:
        CheckpointError: the checkpoint is missing, damaged or no SqueezeBERT classifier.
        DataError: the table can't be used or doesn't fit the model.
        InputError: the tolerance or the card can't be used, or ``output`` is not a bundle.
        QualityGateError: the bundle lost more than tolerated. Nothing was written.
    """
    if not tolerance >= 0:
        raise InputError(f"--tolerance {tolerance} is not a number of points of 0 or more.")
    human_part = None if card is None else _read_text(card)
    before = load_predictor(checkpoint)
    model = _read_model(checkpoint)
    fields: dict[str, Any] = {
        "task": "classification",
        "labels": before.labels,
        "problem_type": before.problem_type,
        "architecture": architecture_of(model.config),
        "max_length": before.max_length,
        "tensors": quantised_tensors(model),
        "tokenizer_json": _compact((checkpoint / "tokenizer.json").read_bytes()),
        "provenance": provenance(checkpoint),
    }
    with TemporaryDirectory() as scratch:
        trial = Path(scratch) / "bundle"
        write_bundle(trial, **fields, evaluation=[])
        comparison = compare(before, load(trial), table)
        check(comparison, tolerance)
        samples = [example.item for example in islice(table, _VERIFIED_EXAMPLES)]
        difference = verify(model, read_bundle(trial), samples)
    evaluation = [asdict(comparison)]
    write_bundle(
        output,
        **fields,
        evaluation=evaluation,
        card=model_card(
            name=output.resolve().name,
            labels=before.labels,
            max_length=before.max_length,
            architecture=fields["architecture"],
            evaluation=evaluation,
            provenance=fields["provenance"],
            human_part=human_part,
        ),
    )
    return Export(comparison, difference, sum(file.stat().st_size for file in output.iterdir()))


def _read_model(checkpoint: Path) -> SqueezeBertForSequenceClassification:
    with without_progress_bars():
        model = load_classifier_model(checkpoint)
    if not isinstance(model, SqueezeBertForSequenceClassification):
        raise CheckpointError(
            f"{checkpoint} is a {type(model).__name__}; bundles hold SqueezeBERT. Make one from it "
            "with `squeezebert squeeze`, then fine-tune that."
        )
    return model


def _compact(text: bytes) -> bytes:
    """JSON without its layout, which is a third of a tokenizer that transformers saved."""
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")).encode()


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text. Save it as such.") from error
