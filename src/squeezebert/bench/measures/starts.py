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
from squeezebert.bench.results import Figure, Results
from squeezebert.bench.turns.processes import ContenderError, contenders
from squeezebert.bundle import find_bundle, read_bundle
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
    model: str, folder: Path, transformers: bool, threads: int, repeats: int, results: Results
) -> None:
    """Runs `squeezebert predict` for one sentence in fresh processes.

    Args:
        model: a bundle, by path or built-in name.
        folder: for what the processes read: a checkpoint of the same shape, a context.
        transformers: whether a script with transformers' Auto classes takes turns with it.
    """
    bundle = find_bundle(model)
    folder.mkdir()
    squeezebert = Path(sys.executable).with_name("squeezebert")
    commands = {"squeezebert": [squeezebert, "predict", "--model", model, _SENTENCE]}
    if read_manifest(bundle).heads[0].task == "question-answering":
        context = folder / "context.txt"
        context.write_text(_SENTENCE, encoding="utf-8")
        commands["squeezebert"] += ["--context", context]
    if transformers:
        if problems := _write_checkpoint(bundle, folder, threads):
            results.problems += problems
        else:
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
        results.problems.append(f"cold start: {error}")
        return
    results.facts["cold_start_seconds"] = {
        name: round(median(times), 4) for name, times in seconds.items()
    }
    ours = median(seconds["squeezebert"])
    started = f"squeezebert predict --model {model}"
    results.note(Figure("cold_start_seconds", ours, started))
    if "transformers" in seconds:
        ratio = median(seconds["transformers"]) / ours
        results.note(
            Figure("cold_start_transformers_over_ours", ratio, started, "a script on transformers")
        )


def measure_memory(ours: Ours, results: Results) -> None:
    """Peak memory of a process that loaded the default engine and encoded one sequence."""
    default = ours.engines[0]
    length = min(_LENGTH, read_manifest(ours.bundle).architecture.max_position_embeddings)
    with contenders([default], results.problems) as processes:
        for process in processes:
            try:
                process.prepare([[length]])
            except ContenderError as error:
                results.problems.append(f"{default.name}: {error}")
                continue
            results.note(Figure("peak_memory_megabytes", process.peak_megabytes(), default.name))


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
