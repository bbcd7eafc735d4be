"""Cold starts of real processes."""

from collections.abc import Callable
from pathlib import Path

from squeezebert.bench.entrants import Ours
from squeezebert.bench.peers import choose_peers
from squeezebert.bench.run import Settings, _cold_start
from squeezebert.bench.target import bundle_for
from squeezebert.bench.texts import Texts
from squeezebert.bench.turns.turns import Effort
from squeezebert.training.energy import Prices

ONCE = Effort(1, 0, 1, 1, (1,), 1, 1, 0, starts=1)


def started(model: str, folder: Path) -> str:
    """The command whose start was measured for a model."""
    folder.mkdir()
    ours = Ours(model, bundle_for(model, folder / "ours"), 1)
    settings = Settings(model, choose_peers("none"), None, Texts({}), 1, ONCE, Prices())
    results = _cold_start(ours, settings, folder)
    assert results.problems == ()
    assert results.figures["cold_start_seconds"].value > 0
    return results.figures["cold_start_seconds"].ours


def test_the_bundle_that_is_measured_is_started(
    tmp_path: Path, make_bundle: Callable[..., Path]
) -> None:
    bundle = make_bundle(tmp_path / "mine")
    assert started(str(bundle), tmp_path / "one") == f"squeezebert predict --model {bundle}"


def test_a_bundle_that_answers_questions_is_given_something_to_read(
    tmp_path: Path, make_bundle: Callable[..., Path]
) -> None:
    bundle = make_bundle(
        tmp_path / "qa", task="question-answering", labels=(), problem_type=None, max_length=20
    )
    assert started(str(bundle), tmp_path / "one") == f"squeezebert predict --model {bundle}"


def test_a_shape_has_the_built_in_model_started_in_its_place(tmp_path: Path) -> None:
    assert started("shape:1x32", tmp_path / "one") == "squeezebert predict --model sentiment"
