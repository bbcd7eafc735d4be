"""Bundles that share parts, and those that come with the package."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from squeezebert.bundle import installed_bundles, read_bundle
from squeezebert.bundle.reading import SHARED, locate_files
from squeezebert.errors import BundleError
from squeezebert.pipelines import MultiTaskPipeline, QuestionAnswerer, load
from squeezebert.runtime import native_engine

ROOT = Path(__file__).parents[2]
LARGEST = 45e6  # bytes of all built-in bundles together


@pytest.fixture
def shared_part(tmp_path: Path, make_bundle: Callable[..., Path]) -> Path:
    """The embeddings of two bundles, ``one`` and ``two``, moved to the folder beside them."""
    (tmp_path / SHARED).mkdir()
    for name, label in (("one", "a"), ("two", "b")):
        bundle = make_bundle(tmp_path / name, labels=(label, "c"))
        [part] = bundle.glob("embeddings-*")
        moved = part.replace(tmp_path / SHARED / part.name)
    return moved


def test_bundles_read_the_part_that_they_share(
    shared_part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [file.name for file in shared_part.parent.iterdir()] == [shared_part.name]
    texts = ["a good film"]
    assert load(tmp_path / "one")(texts)[0].scores.keys() == {"a", "c"}
    assert load(tmp_path / "two")(texts)[0].scores.keys() == {"b", "c"}
    monkeypatch.chdir(tmp_path / "one")
    assert read_bundle(".").manifest.heads[0].labels == ("a", "c")


def test_a_bundle_reads_its_own_part_before_the_shared_one(
    shared_part: Path, tmp_path: Path
) -> None:
    (tmp_path / "one" / shared_part.name).write_bytes(shared_part.read_bytes())
    shared_part.write_bytes(b"damaged")
    assert read_bundle(tmp_path / "one").manifest.heads[0].labels == ("a", "c")
    with pytest.raises(BundleError, match=rf"{SHARED}/embeddings-\w+\.safetensors has 7 bytes"):
        read_bundle(tmp_path / "two")


def test_a_part_that_is_nowhere_is_named_with_where_it_may_be(
    shared_part: Path, tmp_path: Path
) -> None:
    shared_part.unlink()
    with pytest.raises(BundleError) as raised:
        read_bundle(tmp_path / "one")
    for words in (str(tmp_path / "one" / shared_part.name), str(tmp_path / SHARED), "Copy"):
        assert words in str(raised.value)


def test_the_builtin_bundles_are_whole_fast_and_small_together() -> None:
    root = installed_bundles()["sentiment"].parent
    bundles = {file.parent.name: file.parent for file in root.glob("*/bundle.json")}
    used: set[Path] = set()
    for folder in bundles.values():
        manifest = read_bundle(folder).manifest
        assert native_engine.fits(manifest.architecture)
        used.update(locate_files(folder, manifest).values())
        used.add(folder / "bundle.json")
    assert {file for file in root.rglob("*") if file.is_file()} == used
    assert sum(file.stat().st_size for file in used) <= LARGEST


def test_the_builtin_reader_knows_when_a_text_holds_no_answer() -> None:
    read = load("qa")
    assert isinstance(read, QuestionAnswerer)
    passage = (ROOT / "examples" / "library" / "about.txt").read_text(encoding="utf-8")
    questions = ("When was the flood?", "What is the capital of Peru?")
    assert [found.answer for found in read([(question, passage) for question in questions])] == [
        "February 1954",
        None,
    ]


@pytest.mark.parametrize("model", ["intent", "assistant"])
def test_intents_are_the_same_with_a_closing_mark(model: str) -> None:
    pipeline = load(model)
    if isinstance(pipeline, MultiTaskPipeline):
        pipeline = pipeline.task("intents")
    queries = ("set an alarm for half past six.", "what is the weather in berlin?")
    bare = pipeline([query[:-1] for query in queries])
    assert [found.label for found in pipeline(queries)] == [found.label for found in bare]
    assert [found.label for found in bare] == ["alarm", "weather"]


def test_the_page_on_models_has_every_builtin_one() -> None:
    page = (ROOT / "docs" / "models.md").read_text().partition("\n## Several languages")[0]
    names = {file.parent.name for file in (ROOT / "src/squeezebert/bundles").glob("*/bundle.json")}
    assert set(re.findall(r"^\| `(\w+)` ", page, re.MULTILINE)) == names
    for name in names:
        assert f"predict --model {name} " in page
