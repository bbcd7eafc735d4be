"""``squeezebert info``: what a shape, a bundle or a checkpoint costs, beside BERT."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from squeezebert.cli.notes import note_namesakes

if TYPE_CHECKING:
    from squeezebert.bundle import Architecture, HeadSpec


def info(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL|SHAPE",
            help="shape:mini, shape:base or shape:LAYERSxHIDDEN; or a checkpoint or a bundle.",
            callback=note_namesakes,
        ),
    ] = None,
    length: Annotated[int, typer.Option(min=1, help="Tokens of the sequence.")] = 128,
    groups: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Groups of a shape's 1x1 convolutions.  [default: 4; for mini, those "
            "of the built-in models]",
        ),
    ] = None,
    kernel_size: Annotated[
        int,
        typer.Option(min=1, help="Taps of a shape's layers; above 1 they are depthwise separable."),
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    machine: Annotated[
        bool, typer.Option("--machine", help="Tell which engine runs models here, and how.")
    ] = False,
) -> None:
    """Count parameters, bytes and FLOPs by kind of layer, beside BERT of the same shape.

    Of a bundle, list its heads too.
    """
    from squeezebert.bundle.costs import as_bert, costs, total
    from squeezebert.cli.tables import print_table
    from squeezebert.errors import InputError

    if machine:
        facts = _machine()
        if as_json:
            typer.echo(json.dumps(facts, indent=2))
        else:
            print_table(("name", "fact"), facts.items(), left=("fact",), named=False)
        return
    if model is None:
        raise InputError("Name a shape, a checkpoint or a bundle, or ask for --machine.")
    architecture, heads = _read(model, groups, kernel_size)
    ours, berts = costs(architecture, length), costs(as_bert(architecture), length)
    rows = [*zip(ours, berts, strict=True), (total(ours), total(berts))]
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "model": model,
                    "length": length,
                    "costs": {
                        our.kind: {
                            name: {
                                "parameters": cost.parameters,
                                "flops": cost.flops,
                                "bytes": {p: cost.bytes(p) for p in ("fp32", "fp16", "int8")},
                            }
                            for name, cost in (("squeezebert", our), ("bert", bert))
                        }
                        for our, bert in rows
                    },
                    "heads": [
                        {"name": head.name, "task": head.task, "labels": list(head.labels)}
                        for head in heads
                    ],
                },
                indent=2,
            )
        )
        return
    print_table(
        (f"{length} tokens", "parameters", "of BERT", "MFLOPs", "of BERT"),
        [
            (
                our.kind,
                f"{our.parameters:,}",
                f"{bert.parameters:,}",
                f"{our.flops / 1e6:,.1f}",
                f"{bert.flops / 1e6:,.1f}",
            )
            for our, bert in rows
        ],
    )
    typer.echo("")
    print_table(
        ("stored as", "MB", "of BERT"),
        [
            (precision, *(f"{cost.bytes(precision) / 1e6:,.1f}" for cost in rows[-1]))
            for precision in ("fp32", "fp16", "int8")
        ],
    )
    if heads:
        typer.echo("")
        print_table(
            ("head", "task", "labels", "longest input in tokens"),
            [
                (head.name or "", head.task, str(len(head.labels) or ""), str(head.max_length))
                for head in heads
            ],
            left=("task",),
        )


def _machine() -> dict[str, str | int]:
    from squeezebert.runtime import native_engine
    from squeezebert.runtime.processors import processors

    if not native_engine.available():
        return {"engine": "numpy", "processors": processors()}
    return {
        "engine": "native",
        "instruction set": native_engine.chosen_instruction_set(),
        "usable": ", ".join(native_engine.instruction_sets()),
        "processors": processors(),
    }


def _read(
    model: str, groups: int | None, kernel_size: int
) -> tuple["Architecture", tuple["HeadSpec", ...]]:
    from squeezebert.bundle import find_bundle, look_up
    from squeezebert.bundle.architecture import Mixer
    from squeezebert.bundle.costs import shape_named
    from squeezebert.bundle.reading import read_manifest

    meaning = look_up(model)
    if meaning.kind == "shape":
        mixer = Mixer.GROUPED if kernel_size == 1 else Mixer.SEPARABLE
        return shape_named(meaning.name, groups, mixer, kernel_size), ()
    is_hub_id = meaning.kind == "unknown" and "/" in model and model[0] not in "/.~"
    if meaning.kind == "checkpoint" or is_hub_id:
        return _checkpoint_architecture(str(meaning.path or model)), ()
    manifest = read_manifest(find_bundle(model))
    return manifest.architecture, tuple(manifest.heads)


def _checkpoint_architecture(model: str) -> "Architecture":
    from huggingface_hub.errors import StrictDataclassError

    from squeezebert.errors import CheckpointError
    from squeezebert.export.convert import architecture_of
    from squeezebert.model import SqueezeBertConfig, SqueezeBertSeparableConfig

    try:
        values, _ = SqueezeBertConfig.get_config_dict(model)
        kinds = {kind.model_type: kind for kind in (SqueezeBertConfig, SqueezeBertSeparableConfig)}
        config = kinds[values["model_type"]].from_dict(values)
    except KeyError as error:
        raise CheckpointError(
            f"{model} is no SqueezeBERT checkpoint: its config is of another kind."
        ) from error
    except (OSError, ValueError, TypeError, StrictDataclassError) as error:
        raise CheckpointError(f"{model} is no SqueezeBERT checkpoint: {error}") from error
    return architecture_of(config)
