"""Our own interface: the answers are those of the pipelines, bit for bit."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import Any

import httpx
import numpy as np
import pytest
from tests.conftest import BundleMaker
from tests.serve.conftest import Serving

from squeezebert.bundle import Architecture, combine_bundles
from squeezebert.pipelines import (
    Answer,
    Candidate,
    Classification,
    Embedding,
    Entities,
    Entity,
    Pipeline,
    Similarity,
    ZeroShotClassifier,
)
from squeezebert.serve.protocols import native
from squeezebert.serve.protocols.wire import record

TEXTS = ["a good film", "bad", "a very good plot and a bad film !", "", "good " * 40]

ITEMS: dict[str, list[Any]] = {
    "sentiment": [*TEXTS, ["a film", "good"]],
    "nli": [["a good film", "good"], ["bad plot", "a film and a very bad plot"]],
    "embed": [*TEXTS, ["a good film", "bad"]],
    "ner": TEXTS,
    "qa": [{"question": "good ?", "context": "a good film and a bad plot . " * 9}],
}


def in_process(item: Any) -> Any:
    if isinstance(item, list):
        return tuple(item)
    return tuple(item.values()) if isinstance(item, dict) else item


def as_json(predictions: list[Any]) -> Any:
    """What they are after a journey as JSON."""
    from pydantic_core import to_json

    return json.loads(to_json(list(map(record, predictions))))


@pytest.mark.parametrize("name", ITEMS)
def test_answers_are_those_of_the_pipeline_in_process(
    client: httpx.Client, pipelines: dict[str, Pipeline], name: str
) -> None:
    response = client.post(f"/v1/models/{name}/predict", json={"items": ITEMS[name]})
    assert response.status_code == 200, response.text
    body = response.json()
    expected = pipelines[name]([in_process(item) for item in ITEMS[name]])
    assert body["predictions"] == as_json(expected)
    assert body["model"] == name
    assert body["task"] == pipelines[name].spec.task
    assert body["usage"]["tokens"] > 0
    assert body["usage"]["milliseconds"] > 0


def test_a_vector_keeps_its_bits(client: httpx.Client, pipelines: dict[str, Pipeline]) -> None:
    response = client.post("/v1/models/embed/predict", json={"items": ["a good film"]})
    vector = np.array(response.json()["predictions"][0]["vector"], np.float32)
    [expected] = pipelines["embed"](["a good film"])
    assert vector.tobytes() == expected.vector.tobytes()


def test_answers_are_the_same_whatever_they_were_computed_with(
    client: httpx.Client, pipelines: dict[str, Pipeline]
) -> None:
    """Many clients at once, so that passes of the engine mix their texts."""
    expected = {
        name: as_json(pipelines[name](list(map(in_process, ITEMS[name])))) for name in ITEMS
    }

    def ask(name: str) -> Any:
        body = client.post(f"/v1/models/{name}/predict", json={"items": ITEMS[name]}).json()
        return body["predictions"]

    names = list(ITEMS) * 12
    with ThreadPoolExecutor(16) as threads:
        for name, predictions in zip(names, threads.map(ask, names), strict=True):
            assert predictions == expected[name]


def test_labels_of_the_clients_own_are_chosen_from(
    client: httpx.Client, pipelines: dict[str, Pipeline]
) -> None:
    labels = ["good", "bad"]
    body = {"items": ["a film", "bad"], "labels": labels, "template": "very {}"}
    response = client.post("/v1/models/nli/predict", json=body)
    infer: Any = pipelines["nli"]
    expected = ZeroShotClassifier(infer, labels, template="very {}")(["a film", "bad"])
    assert response.json()["predictions"] == as_json(expected)
    response = client.post("/v1/models/nli/predict", json=body | {"multi_label": True})
    classify = ZeroShotClassifier(infer, labels, template="very {}", multi_label=True)
    assert response.json()["predictions"] == as_json(classify(["a film", "bad"]))


def test_models_are_listed_with_what_they_are_for(client: httpx.Client) -> None:
    listed = client.get("/v1/models").json()["data"]
    assert {model["id"]: model["task"] for model in listed} == {
        "sentiment": "classification",
        "nli": "classification",
        "embed": "embedding",
        "ner": "entities",
        "qa": "question-answering",
    }
    assert [model["id"] for model in listed if model["zero_shot"]] == ["nli"]
    model = client.get("/v1/models/ner").json()
    assert model["labels"] == ["O", "B-PER", "I-PER"]
    assert model["max_length"] == 12


@pytest.mark.parametrize(
    ("body", "status", "kind", "item", "says"),
    [
        ("{", 400, "bad_request", None, "JSON"),
        ('"text"', 422, "unusable", None, "The body must be an object."),
        ("{}", 422, "unusable", None, "items is missing."),
        ('{"items": ["a", 3]}', 422, "unusable", 1, "items.1 must be a text, [text, text], or an"),
        ('{"items": [{"text": 3}]}', 422, "unusable", 0, "items.0 must be a text"),
        ('{"items": "a"}', 422, "unusable", None, "items must be a list."),
        ('{"items": ["a"], "labels": ["a", 3]}', 422, "unusable", None, "labels.1 must be a text."),
        ('{"items": ["a"], "label": ["x"]}', 422, "unusable", None, "label is no field of this"),
        ('{"items": ["\\ud800"]}', 400, "bad_request", None, "hex escape"),
        ('{"items": ["a", ["a", " "]]}', 422, "unusable", 1, "second text"),
        ('{"items": ["a"], "labels": ["x", "y"]}', 422, "unusable", None, "entailment"),
        ('{"items": ["a"], "template": "{}"}', 422, "unusable", None, "labels"),
        ('{"items": ["a"], "multi_label": true}', 422, "unusable", None, "labels"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(
    client: httpx.Client, body: str, status: int, kind: str, item: int | None, says: str
) -> None:
    response = client.post("/v1/models/sentiment/predict", content=body)
    assert response.status_code == status, response.text
    refusal = response.json()
    assert set(refusal) == {"error", "error_type", "item", "request_id"}
    assert refusal["error_type"] == kind
    assert refusal["item"] == item
    assert says in refusal["error"]
    assert refusal["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_options_in_the_address_are_refused(client: httpx.Client, kind: str) -> None:
    path = "/v1/models/nli/predict?labels=good,bad"
    response = client.post(path, content='{"items": ["a"]}', headers={"Content-Type": kind})
    assert response.status_code == 422
    assert "in the body, and not in the address: ?labels=good,bad" in response.json()["error"]


def test_no_items_have_no_predictions(client: httpx.Client) -> None:
    for name in ITEMS:
        response = client.post(f"/v1/models/{name}/predict", json={"items": []})
        assert response.json()["predictions"] == [], name


def test_an_unknown_model_is_told_with_those_there_are(client: httpx.Client) -> None:
    response = client.post("/v1/models/sentimental/predict", json={"items": ["a"]})
    assert response.status_code == 404
    assert "sentiment, nli" in response.json()["error"]


def test_what_was_cut_is_told_in_the_answer_and_in_a_header(client: httpx.Client) -> None:
    items = ["a", "good " * 40, "bad"]
    response = client.post("/v1/models/sentiment/predict", json={"items": items})
    assert [each["truncated"] for each in response.json()["predictions"]] == [False, True, False]
    assert response.headers["x-truncated-items"] == "1"


@pytest.mark.parametrize(
    ("wire", "prediction"),
    [
        (native.ClassificationBody, Classification),
        (native.EmbeddingBody, Embedding),
        (native.SimilarityBody, Similarity),
        (native.EntitiesBody, Entities),
        (native.EntityBody, Entity),
        (native.AnswerBody, Answer),
        (native.CandidateBody, Candidate),
    ],
)
def test_what_is_described_is_what_predictions_have(wire: Any, prediction: Any) -> None:
    names = {field.name for field in fields(prediction)}
    if hasattr(prediction, "truncated"):
        names.add("truncated")
    assert set(wire.model_fields) == names


def test_the_description_has_examples_that_work(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.")
    operation = described["paths"]["/v1/models/{name}/predict"]["post"]
    body = operation["requestBody"]["content"]
    assert set(body) == {"application/json", "application/x-ndjson"}
    examples = body["application/json"]["examples"]
    of = {"classification": "sentiment", "pairs": "nli", "zero-shot": "nli", "entities": "ner",
          "question": "qa", "embedding": "embed"}  # fmt: skip
    assert set(examples) == set(of)
    for kind, name in of.items():
        if kind == "question":  # its words take more than half of a tiny model's window
            continue
        response = client.post(f"/v1/models/{name}/predict", json=examples[kind]["value"])
        assert response.status_code == 200, response.text


@pytest.fixture(scope="module")
def several(
    serving: Serving,
    tmp_path_factory: pytest.TempPathFactory,
    make_bundle: BundleMaker,
    tiny_architecture: Architecture,
) -> Iterator[httpx.Client]:
    """A server of one bundle with three heads."""
    folder = tmp_path_factory.mktemp("several")
    shape = replace(tiny_architecture, hidden_size=32)
    kinds: dict[str, dict[str, Any]] = {
        "mood": {},
        "names": {"task": "entities", "labels": ("O", "B-PER", "I-PER"), "problem_type": None},
        "vectors": {"task": "embedding", "labels": (), "problem_type": None},
    }
    bundles = [
        make_bundle(folder / name, architecture=shape, **fields) for name, fields in kinds.items()
    ]
    combine_bundles(bundles, folder / "assistant")
    with serving(sources={"assistant": folder / "assistant"}) as server:
        yield server.client


def test_a_model_of_several_tasks_answers_by_all_of_them_or_by_one(several: httpx.Client) -> None:
    [model] = several.get("/v1/models").json()["data"]
    assert model["task"] == "several"
    assert [task["name"] for task in model["tasks"]] == ["mood", "names", "vectors"]
    path = "/v1/models/assistant/predict"
    answer = several.post(path, json={"items": ["a good film", "bad"]}).json()
    assert answer["task"] == "several"
    assert [list(each) for each in answer["predictions"]] == [["mood", "names", "vectors"]] * 2
    for task in ("mood", "names", "vectors"):
        alone = several.post(path, json={"items": ["a good film", "bad"], "task": task}).json()
        assert alone["predictions"] == [each[task] for each in answer["predictions"]]
    pair = several.post(path, json={"items": [["good", "bad"]]}).json()["predictions"]
    assert list(pair[0]) == ["mood", "vectors"]  # entities are those of single texts
    lines = several.post(path, content='"bad"\n', headers={"Content-Type": "application/x-ndjson"})
    assert json.loads(lines.text) == answer["predictions"][1]
    wrong = several.post(path, json={"items": ["bad"], "task": "mod"})
    assert (wrong.status_code, "no task 'mod'" in wrong.text) == (422, True)


def test_other_interfaces_take_the_task_that_they_are_for(several: httpx.Client) -> None:
    vectors = several.post("/v1/embeddings", json={"model": "assistant", "input": "bad"})
    body = {"items": ["bad"], "task": "vectors"}
    own = several.post("/v1/models/assistant/predict", json=body).json()["predictions"]
    assert vectors.json()["data"][0]["embedding"] == own[0]["vector"]
    assert several.post("/embed", json={"inputs": "bad"}).json() == [own[0]["vector"]]
    assert several.post("/predict", json={"inputs": "bad"}).status_code == 200
    unclear = several.post("/models/assistant", json={"inputs": "bad"})
    assert unclear.status_code == 422
    assert "has several tasks: mood, names, vectors" in unclear.json()["error"]
    asked = {"inputs": {"question": "good", "context": "a film"}}
    none = several.post("/models/assistant", json=asked)
    assert (none.status_code, "question-answering" in none.text) == (422, True)
    for path in ("/v2/models/assistant", "/info"):
        assert several.get(path).status_code == 422


def test_a_model_of_one_task_has_no_other(client: httpx.Client) -> None:
    body = {"items": ["bad"], "task": "sentiment"}
    answer = client.post("/v1/models/sentiment/predict", json=body)
    assert (answer.status_code, "leave out `task`" in answer.text) == (422, True)
