"""From process start to a printed answer, and the memory of a process with a model loaded."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median

from squeezebert.bench.contenders.contract import DESCRIPTION, environment
from squeezebert.bench.contenders.conversion import convert
from squeezebert.bench.entrants import Ours
from squeezebert.bench.peers import PeerModel
from squeezebert.bench.results import Figure, Results, by_key
from squeezebert.bench.turns.processes import contenders
from squeezebert.bench.turns.turns import prepare
from squeezebert.bundle import Task, find_bundle, read_bundle
from squeezebert.bundle.reading import read_manifest

BUILT_IN = "sentiment"
"""Started in place of a shape or a checkpoint, which have no answers to give."""

_SENTENCE = "A gripping, beautifully shot film."
_LENGTH = 128  # tokens encoded before memory is read
_SIZES = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"),
    *("intermediate_size", "max_position_embeddings"),
)

_TRANSFORMERS = """
import sys, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1]).eval()
with torch.no_grad():
    scores = model(**tokenizer(sys.argv[2], return_tensors="pt")).logits.softmax(-1)[0]
print(model.config.id2label[scores.argmax().item()], scores.max().item())
"""


def measure_cold_start(
    model: str, folder: Path, transformers: bool, threads: int, repeats: int
) -> Results:
    """Runs `squeezebert predict` for one sentence in fresh processes.

    Args:
        model: a bundle, by path or built-in name.
        folder: for what the processes read: a checkpoint of the same shape, a context.
        transformers: whether a script with transformers' Auto classes takes turns with it.
    """
    bundle = find_bundle(model)
    folder.mkdir()
    squeezebert = Path(sys.executable).with_name("squeezebert")
    arguments = ["predict", "--model", model]
    commands = {"squeezebert": [squeezebert, *arguments, _SENTENCE]}
    if read_manifest(bundle).heads[0].task == Task.QUESTION_ANSWERING:
        context = folder / "context.txt"
        context.write_text(_SENTENCE, encoding="utf-8")
        commands["squeezebert"] += ["--context", context]
    problems: list[str] = []
    if transformers:
        problems = _write_checkpoint(bundle, folder, threads)
        if not problems:
            script = [sys.executable, "-W", "ignore", "-c", _TRANSFORMERS]
            commands["transformers"] = [*script, folder, _SENTENCE]
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    try:
        for round_ in range(repeats + 1):
            for name, command in commands.items():
                taken = _seconds([str(part) for part in command], threads)
                if round_:  # the first fills the file cache and writes byte code
                    seconds[name].append(taken)
    except (subprocess.CalledProcessError, OSError) as error:
        return Results(problems=(*problems, f"cold start: {error}"))
    typical = {name: median(times) for name, times in seconds.items()}
    started = " ".join(["squeezebert", *arguments])
    ours = typical["squeezebert"]
    figures = [Figure("cold_start_seconds", ours, started)]
    if "transformers" in typical:
        ratio = typical["transformers"] / ours
        peer = "a script on transformers"
        figures.append(Figure("cold_start_transformers_over_ours", ratio, started, peer))
    return Results(
        figures=by_key(*figures),
        facts={"cold_start_seconds": {name: round(each, 4) for name, each in typical.items()}},
        problems=tuple(problems),
    )


def measure_memory(ours: Ours) -> Results:
    """Peak memory of a process that loaded the default engine and encoded one sequence."""
    default = ours.engines[0]
    length = min(_LENGTH, read_manifest(ours.bundle).architecture.max_position_embeddings)
    with contenders([default]) as (processes, unloaded):
        ready, unready = prepare(processes, [[length]])
        figures = [
            Figure("peak_memory_megabytes", process.peak_megabytes(), default.name)
            for process in ready
        ]
    return Results(figures=by_key(*figures), problems=unloaded + unready)


def _write_checkpoint(bundle: Path, folder: Path, threads: int) -> list[str]:
    opened = read_bundle(bundle)
    shape = opened.manifest.architecture
    settings = {name: getattr(shape, name) for name in _SIZES}
    settings |= {f"{kind}_groups": groups for kind, groups in shape.groups.items()}
    settings["embedding_size"] = shape.hidden_size
    (folder / DESCRIPTION).write_text(
        json.dumps(asdict(PeerModel(bundle.name, "squeezebert", settings)))
    )
    (folder / "tokenizer.json").write_bytes(opened.tokenizer_json)
    return convert(folder, ["transformers"], threads)


def _seconds(command: list[str], threads: int) -> float:
    variables = environment(threads, {})
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    subprocess.run(command, env=variables, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start
