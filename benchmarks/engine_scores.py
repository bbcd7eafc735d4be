"""What precision and instruction set cost the built-in bundles, on the data that they name.

    python benchmarks/engine_scores.py --data DATA [BUNDLE ...]

DATA is a folder in which the data are called as in the bundles' manifests. Prints a table of each
bundle's own metric, in percent: by NumPy in float32; by the native engine at every precision and on
every instruction set of this machine; and by it in int8 with the word table in 4 bits.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from squeezebert.bundle import Bundle, HeadSpec, installed_bundles, read_bundle
from squeezebert.bundle.quantise import quantise_blocks
from squeezebert.bundle.tensors import as_floats
from squeezebert.data.columns import Columns
from squeezebert.data.tasks import READERS
from squeezebert.evaluation import evaluate
from squeezebert.pipelines import Pipeline
from squeezebert.pipelines.tasks import HEADS, PIPELINES
from squeezebert.runtime import NativeEngine, NumpyEngine, native_engine
from squeezebert.runtime.engine import Engine
from squeezebert.runtime.native_engine import ISA_VARIABLE, Precision
from squeezebert.tokenizer import Tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("bundles", nargs="*", help="all, if none is named")
    arguments = parser.parse_args()
    engines: dict[str, Callable[[Bundle], Engine]] = {"NumPy": numpy_engine}
    for instruction_set in native_engine.instruction_sets():
        for precision in get_args(Precision):
            engines[f"{instruction_set} {precision}"] = native(instruction_set, precision)
    engines["int8, words in 4 bits"] = words_in_4_bits
    print("| bundle | metric |", *(f"{name} |" for name in engines))
    print("| --- " * (2 + len(engines)) + "|")
    for name in arguments.bundles or installed_bundles():
        bundle = read_bundle(installed_bundles()[name])
        for head in bundle.manifest.heads:
            scored = next(score for score in bundle.manifest.scores if score.head == head.name)
            examples = READERS[head.task](
                str(arguments.data / scored.data), "validation", Columns()
            )
            shown = f"`{name}`" if len(bundle.manifest.heads) == 1 else f"`{name}`, {head.name}"
            print(f"| {shown} | {scored.metric} |", end="", flush=True)
            for engine in engines.values():
                pipeline = pipeline_of(bundle, head, engine(bundle))
                score = evaluate(pipeline, examples).metrics[scored.metric]
                print(f" {100 * score:.2f} |", end="", flush=True)
            print()


def pipeline_of(bundle: Bundle, head: HeadSpec, engine: Engine) -> Pipeline:
    return PIPELINES[head.task](
        Tokenizer.from_json(bundle.tokenizer_json),
        HEADS[head.task](engine, bundle.tensors, bundle.manifest.architecture, head),
        head,
    )


def numpy_engine(bundle: Bundle) -> Engine:
    return NumpyEngine(bundle.manifest.architecture, bundle.tensors)


def native(instruction_set: str, precision: Precision) -> Callable[[Bundle], Engine]:
    def engine(bundle: Bundle) -> Engine:
        os.environ[ISA_VARIABLE] = instruction_set  # it is read when an engine is made
        return NativeEngine(bundle.manifest.architecture, bundle.tensors, precision)

    return engine


def words_in_4_bits(bundle: Bundle) -> Engine:
    name = "embeddings.word_embeddings.weight"
    table = quantise_blocks(as_floats(bundle.tensors[name]))
    os.environ.pop(ISA_VARIABLE, None)
    return NativeEngine(bundle.manifest.architecture, bundle.tensors | {name: table}, "int8")


if __name__ == "__main__":
    main()
