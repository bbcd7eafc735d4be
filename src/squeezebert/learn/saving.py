"""What was learnt as a bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from squeezebert.bundle import Bundle, write_bundle
from squeezebert.learn.learning import Learnt
from squeezebert.learn.work import Work

REPORT = "report.html"


def save_bundle(
    path: Path, learnt: Learnt, encoder: Bundle, source: str, work: Work, *, shared: bool
) -> None:
    """Writes the encoder with the head that was learnt.

    Args:
        path: folder of the bundle.
        learnt: the head.
        encoder: the bundle that it was learnt on.
        source: what it was learnt from.
        work: what learning took.
        shared: leave parts of the encoder that an installed model has to that.

    Raises:
        BundleError: it can't be written.
        InputError: ``path`` exists and is no bundle.
    """
    evaluation = learnt.learnt.evaluation
    provenance = {
        "learnt_from": Path(source).name,
        "rows": learnt.count,
        "texts": learnt.sketch.as_text(),
        "encoder": encoder.path.name,
        "features": {"vectors": learnt.setting.vectors, "ngrams": learnt.setting.ngrams},
        "penalty": learnt.setting.penalty,
        "label_names": learnt.named,
        "held_out": learnt.way,
        "work": work.as_json(),
        "with": {name: version(name) for name in ("squeezebert", "numpy", "tokenizers")},
    }
    scores = [
        {
            "head": learnt.spec.name,
            "data": f"{Path(source).name}, {learnt.way}",
            "metric": evaluation.headline,
            "bundle": evaluation.metrics[evaluation.headline],
            "examples": evaluation.examples,
        }
    ]
    head = replace(learnt.spec, languages=learnt.languages)
    tensors = encoder.manifest.tensors
    write_bundle(
        path,
        heads=[head],
        architecture=encoder.manifest.architecture,
        tensors={
            name: tensor
            for name, tensor in encoder.tensors.items()
            if tensors[name].part != "heads"
        },
        head_tensors={
            f"{learnt.spec.prefix}{name}": tensor for name, tensor in learnt.tensors.items()
        },
        tokenizer_json=encoder.tokenizer_json,
        provenance=provenance,
        evaluation=scores,
        card=_card(path.resolve().name, learnt, encoder.manifest.heads[0].languages, provenance),
        shared=shared,
    )


def _card(
    name: str, learnt: Learnt, languages: Sequence[str], provenance: Mapping[str, Any]
) -> str:
    lines = [
        f"# {name}",
        "",
        "A linear model over vectors of a SqueezeBERT (Iandola et al. 2020, arXiv 2006.11316) and "
        f"hashed n-grams, learnt from {provenance['rows']:,} rows of {provenance['learnt_from']} "
        f"by `squeezebert learn`. The encoder is that of `{provenance['encoder']}`.",
        "",
        f"- labels: {', '.join(learnt.spec.labels)}",
        f"- reads {'pairs of texts' if _pairs(learnt) else 'texts'} of up to "
        f"{learnt.spec.max_length} tokens; of longer ones the n-grams still see the whole",
        *([f"- its encoder was made for: {', '.join(languages)}"] if languages else []),
        "",
        f"## Scores on {learnt.way}",
        "",
        "| model | metric | score | 95 % interval |",
        "| --- | --- | --- | --- |",
        f"| {learnt.baseline.way} | {learnt.baseline.metric} | {learnt.baseline.score:.4f} | |",
    ]
    metric = learnt.baseline.metric
    for row, scored in (("n-grams alone", learnt.ngrams), ("this bundle", learnt.learnt)):
        low, high = scored.evaluation.intervals.get(metric, (float("nan"),) * 2)
        score = scored.evaluation.metrics[metric]
        lines.append(f"| {row} | {metric} | {score:.4f} | {low:.4f} to {high:.4f} |")
    return "\n".join(
        [
            *lines,
            "",
            "## Data, licence and limits",
            "",
            "It knows what its rows show. Whoever learnt it stated nothing about them: ask before "
            "you rely on it.",
            "",
        ]
    )


def _pairs(learnt: Learnt) -> bool:
    return learnt.spec.features is not None and learnt.spec.features.pairs
