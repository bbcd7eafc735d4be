"""From a fine-tuned checkpoint to a bundle that was verified and scored."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

from transformers import PreTrainedModel

from squeezebert.bundle import HeadSpec, Task, TaskSpec, write_bundle
from squeezebert.bundle.manifest import MANIFEST
from squeezebert.bundle.quantise import WordBits
from squeezebert.bundle.tolerance import TOLERANCE
from squeezebert.data.read_once import ReadOnce
from squeezebert.data.tasks import Examples
from squeezebert.errors import CheckpointError, InputError
from squeezebert.evaluation import Evaluation, evaluate
from squeezebert.export.card import model_card
from squeezebert.export.convert import architecture_of, quantised_tensors
from squeezebert.export.gate import Comparison, check, check_knowledge, compare
from squeezebert.export.heads import RememberedHead, bundle_heads
from squeezebert.export.provenance import provenance
from squeezebert.export.verify import verify
from squeezebert.files import require_replaceable
from squeezebert.model import SqueezeBertPreTrainedModel
from squeezebert.model.checkpoint import load_checkpoint
from squeezebert.pipelines import Pipeline
from squeezebert.pipelines.tasks import PIPELINES
from squeezebert.tokenizer import Tokenizer
from squeezebert.training.baseline import most_frequent_answer
from squeezebert.training.predictor import without_progress_bars

_VERIFIED_EXAMPLES = 32


@dataclass(frozen=True, slots=True)
class Export:
    """What an export did.

    Attributes:
        comparison: scores of the checkpoint and the bundle.
        difference: largest absolute difference between the engine's results and torch's with the
            bundle's weights.
        bytes: size of the bundle, all files together.
        spec: what the bundle is for, with all that was fitted.
        calibration_errors: of the checkpoint, before its temperature was fitted and after; None
            where there are no probabilities of classes.
    """

    comparison: Comparison
    difference: float
    bytes: int
    spec: TaskSpec
    calibration_errors: tuple[float, float] | None


def export_checkpoint(
    checkpoint: Path,
    examples: Examples,
    output: Path,
    *,
    tolerance: float = TOLERANCE,
    card: Path | None = None,
    entailment: str | None = None,
    max_length: int | None = None,
    word_bits: WordBits | None = None,
    languages: Sequence[str] = (),
    untrained: bool = False,
) -> Export:
    """Quantises a fine-tuned SqueezeBERT to int8 and writes it as a bundle, if it stays as good.

    What the examples say about the best values of the `TaskSpec`, such as a threshold, the
    checkpoint is scored with and the bundle keeps.

    Args:
        checkpoint: Hugging Face folder of a SqueezeBERT for one of the tasks.
        examples: of the task, on which checkpoint and bundle are compared.
        output: folder of the bundle; an earlier bundle there is replaced.
        tolerance: points, of 100, that the bundle may lose.
        card: Markdown file about data, licence and limits, for the model card.
        entailment: the label by which a model of natural language inference says that the second
            text follows from the first.
        max_length: tokens that the bundle reads at once; None for what the model was trained with.
        word_bits: of a value of the word embeddings; see `quantise_table`.
        languages: that it is for, as ISO 639-1 codes.
        untrained: let a model pass that is no better than always giving the most frequent answer.

    Raises:
        CheckpointError: the checkpoint is missing, damaged or no fine-tuned SqueezeBERT.
        DataError: the examples can't be used or don't fit the model.
        InputError: the model has no such label or length, a language is no code, the tolerance or
            the card can't be used, or ``output`` is not a bundle.
        QualityGateError: the checkpoint has learnt nothing, or the bundle lost more than tolerated.
            Nothing was written.
    """
    if not tolerance >= 0:
        raise InputError(f"tolerance {tolerance} is not a number of points of 0 or more.")
    require_replaceable(output, MANIFEST)
    human_part = None if card is None else _read_text(card)
    with without_progress_bars():
        source = load_checkpoint(checkpoint)
    model = _squeezebert(source.model, checkpoint)
    spec = source.spec
    if entailment is not None:
        spec = _with_entailment(spec, entailment)
    if max_length is not None:
        spec = _shortened(spec, max_length)
    spec = replace(spec, languages=_codes(languages))
    architecture = architecture_of(model.config)
    tensors = quantised_tensors(model, architecture, spec, word_bits)
    tokenizer_json = _compact((checkpoint / "tokenizer.json").read_bytes())
    tokenizer = Tokenizer.from_json(tokenizer_json)
    # A row of words is as wide as the vocabulary, and nothing is fitted to them.
    remembers = spec.task != Task.FILL_MASK
    outputs = RememberedHead(source.head) if remembers else source.head
    examples = ReadOnce(examples)

    def float_model(spec: TaskSpec) -> Pipeline:
        return PIPELINES[spec.task](tokenizer, outputs, spec)

    uncalibrated = before = evaluate(float_model(spec), examples)
    if not untrained:
        check_knowledge(before, most_frequent_answer(before, examples))
    if before.fitted:
        spec = replace(spec, **before.fitted)
        before = evaluate(float_model(spec), examples)
    samples = [example.item for example in islice(examples, _VERIFIED_EXAMPLES)]
    difference = verify(model, architecture, tensors, tokenizer, spec, samples)
    after = {
        name: evaluate(PIPELINES[spec.task](tokenizer, head, spec), examples)
        for name, head in bundle_heads(architecture, tensors, spec)
    }
    comparison = compare(examples.name, before, after)
    check(comparison, tolerance, tensors)
    evaluation = [asdict(comparison)]
    origin = provenance(checkpoint)
    encoder = architecture.shapes().keys()
    write_bundle(
        output,
        heads=[HeadSpec.of(spec)],
        architecture=architecture,
        tensors={name: tensor for name, tensor in tensors.items() if name in encoder},
        head_tensors={name: tensor for name, tensor in tensors.items() if name not in encoder},
        tokenizer_json=tokenizer_json,
        provenance=origin,
        evaluation=evaluation,
        card=model_card(
            name=output.resolve().name,
            spec=spec,
            architecture=architecture,
            evaluation=evaluation,
            provenance=origin,
            human_part=human_part,
        ),
    )
    return Export(
        comparison,
        difference,
        bytes=sum(file.stat().st_size for file in output.iterdir()),
        spec=spec,
        calibration_errors=_calibration_errors(uncalibrated, before),
    )


def _calibration_errors(before: Evaluation, after: Evaluation) -> tuple[float, float] | None:
    if not before.reliability:
        return None
    return before.metrics["calibration_error"], after.metrics["calibration_error"]


def _with_entailment(spec: TaskSpec, label: str) -> TaskSpec:
    if label not in spec.labels:
        raise InputError(
            f"entailment {label!r}: the model has no such label; it has "
            f"{', '.join(spec.labels) or 'none'}."
        )
    return replace(spec, entailment=label)


def _codes(languages: Sequence[str]) -> tuple[str, ...]:
    for code in languages:
        if not re.fullmatch("[a-z]{2,3}", code):
            raise InputError(f"{code!r} is no code of a language. Give two letters, such as de.")
    return tuple(sorted(set(languages)))


def _shortened(spec: TaskSpec, max_length: int) -> TaskSpec:
    if not 1 <= max_length <= spec.max_length:
        raise InputError(
            f"max_length {max_length}: the model was trained to read {spec.max_length} tokens at "
            "once. Give that or fewer."
        )
    return replace(spec, max_length=max_length)


def _squeezebert(model: PreTrainedModel, checkpoint: Path) -> SqueezeBertPreTrainedModel:
    if not isinstance(model, SqueezeBertPreTrainedModel):
        raise CheckpointError(
            f"{checkpoint} is of the class {type(model).__name__}; bundles hold SqueezeBERT. Make "
            "one from it with `squeezebert squeeze`, then fine-tune that."
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
