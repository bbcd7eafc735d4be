"""What a name or path means."""

from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from squeezebert.bundle import find_bundle, installed, read_bundle
from squeezebert.bundle.installed import (
    Meaning,
    installed_bundles,
    installed_checkpoints,
    look_up,
    unmistakable,
)
from squeezebert.errors import BundleError, InputError
from squeezebert.pipelines import load


@pytest.fixture
def package(
    tmp_path: Path, make_bundle: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """An importable distribution of models, registered: a bundle `cat` and a checkpoint `dog`."""
    folder = tmp_path / "site" / "animals"
    for name in ("bundles", "checkpoints/dog"):
        (folder / name).mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('never imported')")
    make_bundle(folder / "bundles" / "cat")
    (folder / "checkpoints" / "dog" / "config.json").touch()
    monkeypatch.syspath_prepend(str(folder.parent))
    points = [
        EntryPoint("animals", "animals", installed.GROUP),
        EntryPoint("gone", "no_such_package", installed.GROUP),
        EntryPoint("worse", "no_such_package.models", installed.GROUP),
    ]
    monkeypatch.setattr(installed, "entry_points", lambda group: points)
    installed._packages.cache_clear()
    yield folder
    installed._packages.cache_clear()


def test_models_of_other_distributions_are_found_beside_the_builtin_ones(package: Path) -> None:
    assert {"cat", "sentiment"} <= installed_bundles().keys()
    assert list(installed_bundles()) == sorted(installed_bundles())
    assert installed_checkpoints()["dog"] == package / "checkpoints" / "dog"
    assert "mini" in installed_checkpoints()
    assert load("cat")(["a good film"])[0].label in ("negative", "positive")


def test_a_folder_with_the_name_of_a_model_is_written_so_that_it_is_found(
    package: Path, tmp_path: Path, make_bundle: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("cat", "mini", "mine"):
        folder = make_bundle(Path(name))
        assert look_up(unmistakable(folder)).path == folder
    assert unmistakable(Path("mine")) == "mine"


def test_this_package_registers_its_models_as_any_other_does() -> None:
    values = {point.value for point in entry_points(group=installed.GROUP)}
    assert "squeezebert" in values


def test_a_name_comes_before_a_folder_of_that_name(
    package: Path, tmp_path: Path, make_bundle: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_bundle(tmp_path / "cat")
    assert look_up("cat").path == package / "bundles" / "cat"
    assert look_up("./cat").path == look_up(Path("cat")).path == Path("cat")
    assert find_bundle("./cat") == Path("cat")


def test_folders_are_known_by_what_they_hold(tmp_path: Path, tiny_bundle: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "config.json").touch()
    (tmp_path / "compact").mkdir()
    (tmp_path / "compact" / "compact.safetensors").touch()
    kinds = {
        name: look_up(str(tmp_path / name)).kind
        for name in ("tiny", "checkpoint", "compact", "", "nowhere")
    }
    assert kinds == {
        "tiny": "bundle",
        "checkpoint": "checkpoint",
        "compact": "checkpoint",
        "": "path",
        "nowhere": "unknown",
    }
    assert look_up("org/model").kind == "unknown"


def test_a_shape_says_that_it_is_one() -> None:
    shape = look_up("shape:base")
    assert (shape.kind, shape.name, shape.path) == ("shape", "base", None)
    with pytest.raises(InputError, match="write shape:4x256"):
        find_bundle("4x256")


def test_a_model_of_ours_that_is_not_installed_says_how_to_install_it() -> None:
    if look_up("sentiment-multi").kind == "unknown":
        with pytest.raises(InputError, match=r"not installed.*pip install \./models/polyglot$"):
            find_bundle("sentiment-multi")


def test_of_a_name_that_is_a_shape_too_both_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "not_installed", lambda: {"./models/base": ("base",)})
    monkeypatch.setattr(installed, "look_up", lambda name: Meaning("unknown", name))
    with pytest.raises(InputError, match=r"pip install \./models/base\. .*write shape:base\.$"):
        find_bundle("base")


def test_what_is_no_bundle_is_refused_with_a_hint(package: Path) -> None:
    with pytest.raises(InputError, match=r"Did you mean 'sentiment'.*path of a bundle folder"):
        find_bundle("sentimant")
    with pytest.raises(InputError, match="'dog' is a general checkpoint"):
        find_bundle("dog")


def test_a_part_of_a_model_that_is_not_installed_is_told_with_its_remedy(
    tmp_path: Path, make_bundle: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_bundle(tmp_path / "learnt", provenance={"encoder": "embed-base"})
    next(bundle.glob("embeddings-*")).unlink()
    monkeypatch.setattr(installed, "not_installed", lambda: {"./models/base": ("embed-base",)})
    with pytest.raises(BundleError, match=r"'embed-base' is not installed.*\./models/base"):
        read_bundle(bundle)
    monkeypatch.setattr(installed, "not_installed", dict)
    with pytest.raises(BundleError, match="Copy or export the bundle again"):
        read_bundle(bundle)
