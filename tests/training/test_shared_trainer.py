"""What the library's trainer tells."""

from typing import Any

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from squeezebert.training.shared_trainer import Bar


def test_what_is_measured_is_told_in_words(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = TrainingArguments(output_dir=str(tmp_path_factory.mktemp("out")), use_cpu=True)
    state, control = TrainerState(max_steps=60, global_step=20), TrainerControl()
    bar: Any = Bar()
    bar.on_train_begin(arguments, state, control)
    bar.on_log(arguments, state, control, {"loss": 10.789, "grad_norm": 2.0, "epoch": 0.4})
    bar.on_log(arguments, state, control, {"eval_error_layer_6": 0.4321, "epoch": 0.4})
    bar.on_log(arguments, state, control, {"train_runtime": 13.0, "total_flos": 1e9})
    bar.on_train_end(arguments, state, control)
    told = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert told == ["step 20/60: loss 10.79", "step 20/60: error layer 6 0.4321"]
