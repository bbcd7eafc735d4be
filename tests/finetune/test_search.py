"""Searching settings: the best trial is kept, and a stopped search goes on the same way."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from squeezebert.data.tasks.classification import Table, read_classification
from squeezebert.errors import CheckpointError, InputError
from squeezebert.finetune.finetune import finetune
from squeezebert.finetune.settings import Decided, Settings

Interruption = Callable[[str], Callable[[str], None]]
GIVEN = Decided(freeze_embeddings=False, epochs=1, learning_rate=3e-3, batch_size=4, max_length=16)
ROWS = [
    *[("a good film", "1"), ("a bad film", "0"), ("very good plot", "1"), ("very bad plot", "0")],
    *[("not good", "0"), ("not bad", "1"), ("not a good film", "0"), ("not a bad plot", "1")],
]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    path = tmp_path / "films.tsv"
    path.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in ROWS * 2))
    return read_classification(path)


def found_in(output: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((output / "search.json").read_text())
    return found


def test_the_best_trial_is_the_result_also_of_a_search_that_was_stopped(
    tmp_path: Path, encoder: Path, table: Table, interrupted_at: Interruption
) -> None:
    whole, output = tmp_path / "whole", tmp_path / "stopped"
    said: list[str] = []
    done = finetune(str(encoder), table, table, whole, GIVEN, trials=3, say=said.append)

    assert "Trial 1 of 3: learning rate 0.003, epochs 1, batch size 4" in said
    assert sum(line.startswith("Trial") for line in said) == 3
    trials = found_in(whole)
    assert len(trials) == 3
    assert trials[0]["accuracy"] == max(trial["accuracy"] for trial in trials)
    report = json.loads((whole / "report.json").read_text())
    assert {name: report[name] for name in trials[0] if name != "accuracy"} == {
        name: value for name, value in trials[0].items() if name != "accuracy"
    }
    assert done.evaluation.metrics["accuracy"] == trials[0]["accuracy"]

    for stop, resume in (("Trial 2 of 3", False), ("epoch 1.0", True)):
        with pytest.raises(KeyboardInterrupt):
            finetune(
                str(encoder), table, table, output, GIVEN,
                trials=3, resume=resume, say=interrupted_at(stop),
            )  # fmt: skip
    assert (output / "report.json").exists(), "the best so far"
    with pytest.raises(InputError, match=r"other settings: epochs was 1, is 2"):
        finetune(
            str(encoder), table, table, output, replace(GIVEN, epochs=2), trials=3, resume=True
        )
    resumed = finetune(str(encoder), table, table, output, GIVEN, trials=3, resume=True)
    assert found_in(output) == trials
    assert resumed.evaluation.metrics == done.evaluation.metrics


def test_word_embeddings_are_searched_unless_they_are_decided(
    tmp_path: Path, encoder: Path, table: Table
) -> None:
    said: list[str] = []
    opened = Settings(epochs=1, learning_rate=3e-3, batch_size=4, max_length=16)
    finetune(str(encoder), table, table, tmp_path / "out", opened, trials=2, say=said.append)
    first = "Trial 1 of 2: learning rate 0.003, epochs 1, batch size 4, freeze embeddings yes"
    assert first in said
    assert {trial["freeze_embeddings"] for trial in found_in(tmp_path / "out")} <= {True, False}


def test_a_damaged_record_of_trials_is_named_with_what_to_remove(
    tmp_path: Path, encoder: Path, table: Table, interrupted_at: Interruption
) -> None:
    output = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        finetune(
            str(encoder), table, table, output, GIVEN, trials=2, say=interrupted_at("Trial 2 of 2")
        )
    (tmp_path / "out.run" / "study.log").write_text("not JSON at all\n")
    with pytest.raises(CheckpointError, match=r"study\.log is damaged .*Remove .*out\.run"):
        finetune(str(encoder), table, table, output, GIVEN, trials=2, resume=True)


def test_a_search_has_a_trial(tmp_path: Path, encoder: Path, table: Table) -> None:
    with pytest.raises(InputError, match="trials must be at least 1"):
        finetune(str(encoder), table, table, tmp_path / "out", GIVEN, trials=0)
