"""Which models there are, when they are loaded, and how they are replaced."""

import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import BundleMaker
from tests.serve.conftest import Running, Serving

from squeezebert.bundle import Task, installed_bundles
from squeezebert.errors import BundleError, InputError
from squeezebert.serve import sources_of
from squeezebert.serve.refusals import NotFound
from squeezebert.serve.registry import Registry


def registry(sources: dict[str, Path], **options: Any) -> Registry:
    return Registry(sources, lambda name, engine: engine, **options)


def test_without_names_all_installed_models_are_served() -> None:
    assert sources_of([]) == installed_bundles()


def test_a_model_has_its_name_and_a_bundle_that_of_its_folder(models: dict[str, Path]) -> None:
    sources = sources_of(["sentiment", str(models["ner"])])
    assert list(sources) == ["sentiment", "ner"]
    assert sources["sentiment"] == installed_bundles()["sentiment"]


def test_what_cannot_be_served_is_told_before_anything_is(
    models: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="Did you mean 'sentiment'"):
        sources_of(["sentimant"])
    with pytest.raises(InputError, match="Two models would be served as 'sentiment'"):
        sources_of(["sentiment", str(models["sentiment"])])
    with pytest.raises(BundleError, match="not a bundle"):
        sources_of([str(tmp_path)])
    with pytest.raises(InputError, match="default model 'qa' is not served"):
        registry({"ner": models["ner"]}, default="qa")


def test_what_is_added_later_changes_nothing_for_requests_that_name_no_model(
    models: dict[str, Path],
) -> None:
    two = registry({name: models[name] for name in ("sentiment", "embed")})
    assert two.default_for(Task.CLASSIFICATION) == "sentiment"
    two.add("mine", models["sentiment"])
    assert two.default_for(Task.CLASSIFICATION) == "sentiment"
    assert two.find("mine").name == "mine"


def test_a_single_model_is_the_default(models: dict[str, Path]) -> None:
    assert registry({"ner": models["ner"]}).find(None).name == "ner"
    several = registry(models)
    assert several.default is None
    with pytest.raises(NotFound, match="there are: sentiment, nli"):
        several.find(None)
    assert registry(models, default="qa").find(None).name == "qa"


def test_a_model_is_loaded_once_when_it_is_first_asked_for(models: dict[str, Path]) -> None:
    engines: list[str] = []

    def through(name: str, engine: Any) -> Any:
        engines.append(name)
        return engine

    found = Registry(models, through)
    assert engines == []
    model = found.find("ner")
    threads = [threading.Thread(target=found.pipeline, args=[model]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engines == ["ner"]


def test_a_model_that_breaks_after_the_start_is_told_to_who_asks_for_it(
    serving: Serving, models: dict[str, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(models["sentiment"], broken)
    with serving(sources={"broken": broken, "ner": models["ner"]}) as server:
        next(broken.glob("encoder-*")).write_bytes(b"damage")
        refused = server.client.post("/v1/models/broken/predict", json={"items": ["a"]})
        assert refused.status_code == 503
        assert refused.json()["error_type"] == "unavailable"
        assert "incomplete" in refused.json()["error"]
        fine = server.client.post("/v1/models/ner/predict", json={"items": ["a"]})
        assert fine.status_code == 200


def label(server: Running) -> Any:
    response = server.client.post("/v1/models/live/predict", json={"items": ["a"]})
    assert response.status_code == 200, response.text
    return response.json()["predictions"][0]["scores"].keys()


def replace(served: Path, new: Path) -> None:
    """As a careful person does: two renames."""
    old = served.with_name("old")
    served.rename(old)
    new.rename(served)
    shutil.rmtree(old)


def test_a_replaced_bundle_is_taken_up_without_a_lost_request(
    serving: Serving, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    served = make_bundle(tmp_path / "live", labels=("one", "two"))
    with serving(sources={"live": served}, watch=True) as server:
        assert label(server) == {"one", "two"}
        stop = threading.Event()
        failed: list[str] = []

        def ask() -> None:
            while not stop.is_set():
                try:
                    label(server)
                except AssertionError as error:
                    failed.append(str(error))

        asking = threading.Thread(target=ask)
        asking.start()
        replace(served, make_bundle(tmp_path / "new", labels=("three", "four")))
        until = time.monotonic() + 20
        while label(server) != {"three", "four"} and time.monotonic() < until:
            time.sleep(0.05)
        assert label(server) == {"three", "four"}

        # A broken one is refused, the old one kept.
        new = make_bundle(tmp_path / "new", labels=("five", "six"))
        next(new.glob("encoder-*")).write_bytes(b"damage")
        replace(served, new)
        until = time.monotonic() + 20
        while not any(line["event"] == "model_kept" for line in server.lines()):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert label(server) == {"three", "four"}

        # And after it, a good one is taken up again.
        replace(served, make_bundle(tmp_path / "new", labels=("seven", "eight")))
        until = time.monotonic() + 20
        while label(server) != {"seven", "eight"} and time.monotonic() < until:
            time.sleep(0.05)
        assert label(server) == {"seven", "eight"}
        stop.set()
        asking.join()
        assert not failed
    events = [line for line in server.lines() if line["event"] != "request"]
    assert [event["event"] for event in events] == [
        "model_replaced", "model_kept", "model_replaced",
    ]  # fmt: skip
    assert "incomplete" in events[1]["reason"]


def test_without_watch_a_replaced_bundle_is_left_alone(
    serving: Serving, tmp_path: Path, make_bundle: BundleMaker
) -> None:
    served = make_bundle(tmp_path / "live", labels=("one", "two"))
    with serving(sources={"live": served}) as server:
        assert label(server) == {"one", "two"}
        replace(served, make_bundle(tmp_path / "new", labels=("three", "four")))
        time.sleep(1.5)
        assert label(server) == {"one", "two"}
        assert json.dumps(server.lines()).count("model_") == 0
