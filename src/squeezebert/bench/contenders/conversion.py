"""Turns a peer into the files that the frameworks read.

    python -m squeezebert.bench.contenders.conversion FRAMEWORK FOLDER

takes a framework's steps in a process of its own, so that their memory goes with it; "export" in
its place takes the first step of all that read ONNX.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from squeezebert.bench.contenders.contract import environment

EXPORTED = "exported.onnx"
FUSED = "onnxruntime-fp32.onnx"
DYNAMIC_INT8 = "onnxruntime-int8.onnx"
STATIC_INT8 = "openvino-int8.xml"

_FUSIBLE = ("bert", "distilbert")  # ONNX Runtime's tool finds nothing to fuse in the others
_CALIBRATION = 4  # batches; with random weights there is no accuracy to keep


def export(folder: Path) -> None:
    """Writes the model as ONNX, with batch and length left open.

    Exported with eager attention, which ONNX Runtime's fusions recognise; OpenVINO computes that
    and a graph exported with sdpa equally fast.
    """
    import torch

    from squeezebert.bench.contenders.stock import build

    model = build(folder, attention="eager")

    class HiddenStates(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.model(
                input_ids=input_ids, attention_mask=attention_mask
            ).last_hidden_state
            return states

    ids = torch.ones(2, 16, dtype=torch.long)
    names = ["input_ids", "attention_mask"]
    axes = {0: "batch", 1: "length"}
    torch.onnx.export(
        HiddenStates().eval(),
        (ids, ids),
        folder / EXPORTED,
        input_names=names,
        output_names=["hidden"],
        dynamic_axes=dict.fromkeys((*names, "hidden"), axes),
        opset_version=17,
        dynamo=False,  # ONNX Runtime's fusions know the graphs of the older exporter
    )


def fuse(folder: Path) -> None:
    """Fuses attention, GELU and norms with ONNX Runtime's tool for transformers."""
    from onnxruntime.transformers import optimizer

    model_type, heads, hidden = _shape(folder)
    if model_type not in _FUSIBLE:
        (folder / FUSED).symlink_to(EXPORTED)
        return
    fused = optimizer.optimize_model(
        str(folder / EXPORTED), model_type="bert", num_heads=heads, hidden_size=hidden, opt_level=0
    )
    fused.save_model_to_file(str(folder / FUSED))


def quantise_dynamically(folder: Path) -> None:
    """Matrix products and embeddings to int8; grouped convolutions get slower and stay float."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        folder / FUSED,
        folder / DYNAMIC_INT8,
        op_types_to_quantize=["MatMul", "Attention", "Gather", "EmbedLayerNormalization"],
        weight_type=QuantType.QInt8,
        # Of what the fused operators give, it can't find out by itself.
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def quantise_statically(folder: Path) -> None:
    """Post-training quantisation with NNCF as it recommends for transformers, symmetric throughout.

    Bias correction is left out: it changes constants, not what is computed.
    """
    import nncf
    import numpy as np
    import openvino

    model = openvino.Core().read_model(folder / EXPORTED)
    random = np.random.default_rng(0)
    samples = [
        {
            "input_ids": random.integers(0, _vocab_size(folder), (1, 64)),
            "attention_mask": np.ones((1, 64), np.int64),
        }
        for _ in range(_CALIBRATION)
    ]
    quantised = nncf.quantize(
        model,
        nncf.Dataset(samples),
        model_type=nncf.ModelType.TRANSFORMER,
        preset=nncf.QuantizationPreset.PERFORMANCE,
        subset_size=_CALIBRATION,
        advanced_parameters=nncf.AdvancedQuantizationParameters(disable_bias_correction=True),
    )
    openvino.save_model(quantised, folder / STATIC_INT8, compress_to_fp16=False)


def save_checkpoint(folder: Path) -> None:
    """Writes a classifier as transformers does, beside a ``tokenizer.json`` that is there."""
    from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

    from squeezebert.bench.contenders.stock import config_of

    AutoModelForSequenceClassification.from_config(config_of(folder)).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)


_STEPS: dict[str, tuple[Callable[[Path], None], ...]] = {
    "torch": (),
    "transformers": (save_checkpoint,),
    "export": (export,),
    "onnxruntime": (fuse, quantise_dynamically),
    "openvino": (quantise_statically,),
}
_OF_EXPORT = ("onnxruntime", "openvino")


def convert(folder: Path, frameworks: Sequence[str], threads: int) -> list[str]:
    """Writes what the frameworks need for the peer that ``folder`` describes, side by side.

    Returns:
        what failed, if anything did, and why; later steps are left out then.
    """
    taking = [name for name in frameworks if name in _OF_EXPORT]
    if taking and (failed := _take(["export"], folder, threads)):
        [(_, why)] = failed
        return [f"{name}: {why}" for name in taking]
    return [f"{name}: {why}" for name, why in _take(frameworks, folder, threads)]


def _take(names: Sequence[str], folder: Path, threads: int) -> list[tuple[str, str]]:
    """Takes the steps of each name in a process of its own; which of them failed, and why."""
    failed = []
    with ExitStack() as stack:
        running = []
        for name in names:
            errors = stack.enter_context(tempfile.TemporaryFile("w+"))
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", __spec__.name, name, str(folder)],
                env=environment(threads, {}),
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            running.append((name, process, errors))
        for name, process, errors in running:
            if process.wait():
                errors.seek(0)
                last = errors.read().strip().splitlines()[-1:] or [f"status {process.returncode}"]
                failed.append((name, last[0]))
    return failed


def _shape(folder: Path) -> tuple[str, int, int]:
    from squeezebert.bench.contenders.stock import config_of

    config = config_of(folder)
    return config.model_type, config.num_attention_heads, config.hidden_size


def _vocab_size(folder: Path) -> int:
    from squeezebert.bench.contenders.stock import config_of

    size: int = config_of(folder).vocab_size
    return size


def main() -> None:
    """Takes all steps of one name."""
    name, folder = sys.argv[1:]
    for step in _STEPS[name]:
        try:
            step(Path(folder))
        except Exception as error:  # whatever a library raises is an answer about that library
            sys.exit(f"{step.__name__} failed: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
