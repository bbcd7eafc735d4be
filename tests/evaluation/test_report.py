"""The report of an evaluation: what was answered wrongly, in any text, and no other folder lost."""

from dataclasses import replace
from pathlib import Path

import pytest

from squeezebert.errors import InputError
from squeezebert.evaluation import ClassScores, Evaluation
from squeezebert.evaluation.report import REPORT, write_evaluation
from squeezebert.evaluation.scores import KindScores, Mistake
from squeezebert.files import replacing_folder

SCORES = Evaluation(
    metrics={"f1": 0.5, "rmse": float("nan")},
    intervals={"f1": (0.25, 0.75)},
    per_class=(ClassScores("PER", 0.5, 0.4, 0.44, 1234),),
    per_kind=(KindScores("who", 7, {"f1": 0.5, "exact_match": 0.25}),),
    mistakes=(Mistake(3, "A `tick`\nand a line.", "Tim [PER]", ""),),
    wrong=2,
    task="entities",
    problem_type=None,
    labels=("O",),
    examples=9,
    truncated=1,
    seconds=1.0,
)


def test_all_parts_are_there(tmp_path: Path) -> None:
    write_evaluation(SCORES, "ner", "dev.conll", tmp_path)
    text = (tmp_path / REPORT).read_text()
    for line in (
        "`ner` on `dev.conll`: 9 examples, 1 of them truncated.",
        "| f1 | 0.5000 | 0.2500 to 0.7500 |",
        "| rmse | undefined |  |",
        "| PER | 0.5000 | 0.4000 | 0.4400 | 1,234 |",
        "| who | 0.5000 | 0.2500 | 7 |",
        "## Answered wrongly: 2",
        "The first 1:",
        "3: expected ` Tim [PER] `, predicted nothing:",
        "    A `tick`",
        "    and a line.",
    ):
        assert line in text.splitlines()
    assert {file.name for file in tmp_path.iterdir()} == {REPORT, "f1.png", "kinds.png"}
    write_evaluation(replace(SCORES, wrong=0, mistakes=()), "ner", "dev.conll", tmp_path)
    assert "wrongly" not in (tmp_path / REPORT).read_text()


def test_a_checkpoint_is_not_replaced_by_a_report(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "report.md").write_text("# Fine-tuning report")
    with pytest.raises(InputError, match="not be replaced"), replacing_folder(tmp_path, REPORT):
        pass


@pytest.mark.parametrize("label", ["好", "🙂", "$x^$", "50 % off $$"])
def test_labels_that_no_font_has_and_formulas_are_drawn_without_a_warning(
    label: str, tmp_path: Path
) -> None:
    scores = (ClassScores(label, 0.5, 0.4, 0.44, 3), ClassScores("good", 0.5, 0.4, 0.44, 3))
    for confusion in ((), ((2, 1), (1, 2))):
        evaluation = replace(SCORES, per_class=scores, confusion=confusion)
        write_evaluation(evaluation, "m", "dev", tmp_path)
        text = (tmp_path / REPORT).read_text()
        shown = f"1: {label}" if label in "好🙂" else label
        assert f"| {shown} | 0.5000 | 0.4000 | 0.4400 | 3 |" in text
