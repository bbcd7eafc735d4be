"""From process start to a printed answer for one sentence: this package beside transformers.

Both run the same random weights in the shape of the mini model, as int8 bundle and as float
checkpoint, in fresh processes, in turn. Prints JSON.

    python benchmarks/cold_start.py [--repeats N]
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

SENTENCE = "A gripping, beautifully shot film."

# 6 layers of 384: the built-in models.
SHAPE: dict[str, Any] = {
    "vocab_size": 30_522,
    "hidden_size": 384,
    "embedding_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}

TRANSFORMERS_SCRIPT = """
import sys, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1]).eval()
with torch.no_grad():
    scores = model(**tokenizer(sys.argv[2], return_tensors="pt")).logits.softmax(-1)[0]
print(model.config.id2label[scores.argmax().item()], scores.max().item())
"""


class Cost(NamedTuple):
    """What a process took from start to end."""

    seconds: float
    processor_seconds: float  # over all cores: what remains comparable on a busy machine
    peak_megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make:
        make_models(arguments.make)
        return
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: a child's peak memory counts what its parent held at the start.
        subprocess.run([sys.executable, __file__, "--make", folder], check=True)
        print(json.dumps(measure(Path(folder), arguments.repeats), indent=1))


def measure(folder: Path, repeats: int) -> dict[str, Any]:
    """Runs both in turn; one uncounted round first fills the file cache and byte code."""
    command = Path(sys.executable).with_name("squeezebert")
    contenders = {
        "squeezebert": [command, "predict", "--model", folder / "bundle", SENTENCE],
        "transformers": [
            *(sys.executable, "-c", TRANSFORMERS_SCRIPT, folder / "checkpoint", SENTENCE)
        ],
    }
    runs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for round_ in range(repeats + 1):
        for name, argv in contenders.items():
            cost = run([str(part) for part in argv])
            if round_:
                runs[name].append(cost)
    results = {
        name: {
            "seconds": round(median(cost.seconds for cost in costs), 4),
            "seconds_least": round(min(cost.seconds for cost in costs), 4),
            "processor_seconds": round(median(cost.processor_seconds for cost in costs), 4),
            "peak_megabytes": round(median(cost.peak_megabytes for cost in costs), 1),
        }
        for name, costs in runs.items()
    }
    ours, theirs = results["squeezebert"], results["transformers"]
    return {
        "benchmark": "cold_start",
        "argv": sys.argv,
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "load_average": os.getloadavg(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "config": {
            "repeats": repeats,
            "shape": SHAPE,
            "sentence": SENTENCE,
            "versions": {
                name: version(name) for name in ("squeezebert", "numpy", "torch", "transformers")
            },
        },
        "results": results,
        "times_faster": round(theirs["seconds"] / ours["seconds"], 2),
        "times_less_processor": round(theirs["processor_seconds"] / ours["processor_seconds"], 2),
        "memory_share": round(ours["peak_megabytes"] / theirs["peak_megabytes"], 3),
    }


def run(argv: list[str]) -> Cost:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{argv[0]} failed with status {process.returncode}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def make_models(folder: Path) -> None:
    """Writes ``checkpoint`` and ``bundle``: the same random weights and made-up vocabulary."""
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    from squeezebert.bundle import TaskSpec, write_bundle
    from squeezebert.export.convert import architecture_of, quantised_tensors
    from squeezebert.model import SqueezeBertConfig, SqueezeBertForSequenceClassification

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz,."]
    words += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    words += [f"word{number}" for number in range(SHAPE["vocab_size"] - len(words))]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder / "checkpoint")
    config = SqueezeBertConfig(**SHAPE, id2label={0: "negative", 1: "positive"})
    model = SqueezeBertForSequenceClassification(config)
    model.save_pretrained(folder / "checkpoint")
    spec = TaskSpec(
        task="classification",
        labels=("negative", "positive"),
        problem_type="single_label_classification",
        max_length=128,
    )
    architecture = architecture_of(config)
    write_bundle(
        folder / "bundle",
        spec=spec,
        architecture=architecture,
        tensors=quantised_tensors(model, architecture, spec),
        tokenizer_json=tokenizer.to_str().encode(),
        provenance={"note": "random weights"},
        evaluation=[],
    )


if __name__ == "__main__":
    main()
