"""The interfaces of others, through their own clients."""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import tritonclient.http as triton
from huggingface_hub import AsyncInferenceClient, InferenceClient
from tests.conftest import BundleMaker
from tests.serve.conftest import Running, Serving
from tritonclient.utils import InferenceServerException

import squeezebert
from squeezebert.bundle import OUT_OF_SCOPE
from squeezebert.pipelines import Pipeline, ZeroShotClassifier

TEXTS = ["a good film", "bad", "a very good plot and a bad film !"]
QUESTION: dict[str, Any] = {"question": "good ?", "context": "a good film and a bad plot . " * 9}


@pytest.fixture
def sdk(running: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{running.address}/v1", api_key="none", max_retries=0) as client:
        yield client


def hub(running: Running, name: str) -> InferenceClient:
    return InferenceClient(f"{running.address}/models/{name}", timeout=30)


@pytest.fixture
def kserve(running: Running) -> Iterator[Any]:
    client = triton.InferenceServerClient(running.address.removeprefix("http://"))
    yield client
    client.close()


# OpenAI


@pytest.mark.parametrize("form", ["float", "base64"])
def test_openai_embeddings_are_the_pipelines_vectors(
    sdk: openai.OpenAI, pipelines: dict[str, Pipeline], form: Any
) -> None:
    answer = sdk.embeddings.create(model="embed", input=TEXTS, encoding_format=form)
    expected = pipelines["embed"](TEXTS)
    for each, one in zip(answer.data, expected, strict=True):
        vector: Any = each.embedding
        if form == "base64":
            found = np.frombuffer(base64.b64decode(vector), "<f4")
        else:
            found = np.array(vector, np.float32)
        assert found.tobytes() == one.vector.tobytes()
    assert answer.usage.prompt_tokens == sum(one.tokens for one in expected)
    assert [each.index for each in answer.data] == [0, 1, 2]
    assert answer.model == "embed"


def test_openai_takes_one_text_and_its_own_number_of_dimensions(sdk: openai.OpenAI) -> None:
    answer = sdk.embeddings.create(model="embed", input="a good film", dimensions=32)
    assert len(answer.data) == 1
    assert len(answer.data[0].embedding) == 32


def test_openai_is_refused_what_is_not_done(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="32 dimensions"):
        sdk.embeddings.create(model="embed", input="a", dimensions=8)
    with pytest.raises(openai.UnprocessableEntityError, match="for classification"):
        sdk.embeddings.create(model="sentiment", input="a")
    with pytest.raises(openai.NotFoundError, match="there are: sentiment"):
        sdk.embeddings.create(model="text-embedding-3-small", input="a")
    with pytest.raises(
        openai.UnprocessableEntityError, match="input must be a text, or a list of texts"
    ):
        sdk.embeddings.create(model="embed", input=[1, 2, 3])


def test_openai_lists_the_models(sdk: openai.OpenAI) -> None:
    assert {model.id for model in sdk.models.list()} == {"sentiment", "nli", "embed", "ner", "qa"}


# Hugging Face


def test_hub_client_classifies(running: Running, pipelines: dict[str, Pipeline]) -> None:
    found = hub(running, "sentiment").text_classification("a good film", top_k=2)
    [expected] = pipelines["sentiment"](["a good film"])
    assert {each.label: each.score for each in found} == expected.scores
    assert found[0].label == expected.label
    assert len(hub(running, "sentiment").text_classification("a good film", top_k=1)) == 1


def test_hub_client_finds_entities(running: Running, pipelines: dict[str, Pipeline]) -> None:
    text = "good plot, bad film and a very un moved plot."
    found: Any = hub(running, "ner").token_classification(text, aggregation_strategy="simple")
    [expected] = pipelines["ner"]([text])
    assert expected.entities
    assert [(each.word, each.entity_group, each.score, each.start, each.end) for each in found] == [
        (each.text, each.type, each.score, each.start, each.end) for each in expected.entities
    ]


def test_hub_client_answers_questions(running: Running, pipelines: dict[str, Pipeline]) -> None:
    found: Any = hub(running, "qa").question_answering(**QUESTION)
    [expected] = pipelines["qa"]([(QUESTION["question"], QUESTION["context"])])
    assert (found.answer, found.score) == (expected.answer, expected.score)
    assert QUESTION["context"][found.start : found.end] == found.answer
    several: Any = hub(running, "qa").question_answering(**QUESTION, top_k=3)
    assert [each.answer for each in several] == [each.answer for each in expected.candidates[:3]]


def test_hub_client_chooses_between_labels(
    running: Running, pipelines: dict[str, Pipeline]
) -> None:
    found = hub(running, "nli").zero_shot_classification(
        "a film", ["good", "bad", "moved"], hypothesis_template="very {}"
    )
    infer: Any = pipelines["nli"]
    classify = ZeroShotClassifier(infer, ["good", "bad", "moved"], template="very {}")
    [expected] = classify(["a film"])
    assert {each.label: each.score for each in found} == expected.scores
    assert found[0].label == expected.label
    found = hub(running, "nli").zero_shot_classification(
        "a film", ["good", "bad"], multi_label=True, hypothesis_template="very {}"
    )
    classify = ZeroShotClassifier(infer, ["good", "bad"], template="very {}", multi_label=True)
    [expected] = classify(["a film"])
    assert {each.label: each.score for each in found} == expected.scores


def test_hub_client_embeds_and_compares(running: Running, pipelines: dict[str, Pipeline]) -> None:
    vector = hub(running, "embed").feature_extraction("a good film")
    [expected] = pipelines["embed"](["a good film"])
    assert vector.tobytes() == expected.vector.tobytes()
    scores = hub(running, "embed").sentence_similarity("a good film", other_sentences=TEXTS)
    pairs: Any = [("a good film", text) for text in TEXTS]
    assert scores == [each.score for each in pipelines["embed"](pairs)]


def test_hub_client_is_refused_what_is_not_done(running: Running) -> None:
    with pytest.raises(Exception, match="entailment"):
        hub(running, "sentiment").zero_shot_classification("a", ["good", "bad"])
    with pytest.raises(Exception, match="aggregation_strategy"):
        hub(running, "ner").token_classification("a", aggregation_strategy="none")


def test_what_fits_no_class_is_out_of_scope_for_others_clients_too(
    serving: Serving, make_bundle: BundleMaker, tmp_path: Path
) -> None:
    bundle = make_bundle(tmp_path / "unsure", threshold=0.999)
    [expected] = squeezebert.load(bundle)(["a film"])
    assert expected.label == OUT_OF_SCOPE
    with serving(sources={"unsure": bundle}) as server:
        [labels] = server.client.post("/models/unsure", json={"inputs": "a film"}).json()
        assert server.client.post("/predict", json={"inputs": "a film"}).json() == labels
    first, *others = labels
    assert first == {"label": OUT_OF_SCOPE, "score": pytest.approx(expected.score)}
    assert {each["label"]: each["score"] for each in others} == pytest.approx(expected.scores)


def test_hub_client_works_asynchronously_and_at_the_root(
    serving: Serving, models: dict[str, Any], pipelines: dict[str, Pipeline]
) -> None:
    async def ask(address: str) -> Any:
        async with AsyncInferenceClient(f"{address}/") as client:
            return await client.text_classification("a good film")

    with serving(sources={"sentiment": models["sentiment"]}) as server:
        found = asyncio.run(ask(server.address))
    assert found[0].label == pipelines["sentiment"](["a good film"])[0].label


def test_paths_without_a_model_go_to_the_default_one(
    serving: Serving, running: Running, models: dict[str, Any]
) -> None:
    refused = running.client.post("/", json={"inputs": "a"})
    assert refused.status_code == 404
    assert "sentiment, nli" in refused.json()["error"]
    with serving(default="ner") as server:
        found = server.client.post("/", json={"inputs": "good plot, bad film"})
        assert found.status_code == 200
        assert server.client.post("/embed", json={"inputs": "a"}).status_code == 200, "the only one"
        refused = server.client.post("/predict", json={"inputs": "a"})  # there are several
        assert refused.status_code == 422


def test_tei_without_a_default_is_answered_by_the_only_model_for_the_task(
    running: Running, pipelines: dict[str, Pipeline]
) -> None:
    found = running.client.post("/embed", json={"inputs": TEXTS})
    assert found.json() == [each.vector.tolist() for each in pipelines["embed"](TEXTS)]
    unclear = running.client.post("/predict", json={"inputs": "a"})  # sentiment, or nli
    assert (unclear.status_code, "with a default" in unclear.text) == (404, True)


# text-embeddings-inference


@pytest.fixture(scope="module")
def tei(serving: Serving, models: dict[str, Any]) -> Iterator[httpx.Client]:
    with serving(default="embed") as server:
        yield server.client


def test_tei_embeds_one_text_or_several(tei: httpx.Client, pipelines: dict[str, Pipeline]) -> None:
    found = tei.post("/embed", json={"inputs": TEXTS, "normalize": True, "truncate": True})
    expected = [each.vector.tolist() for each in pipelines["embed"](TEXTS)]
    assert found.json() == expected
    assert tei.post("/embed", json={"inputs": TEXTS[0]}).json() == expected[:1]


def test_tei_flags_what_it_cuts_or_refuses_it_where_asked(tei: httpx.Client) -> None:
    long = ["a", "good " * 600]
    found = tei.post("/embed", json={"inputs": long})
    assert found.status_code == 200
    assert found.headers["x-truncated-items"] == "1"
    many = tei.post("/embed", json={"inputs": ["good " * 600] * 101})
    assert many.headers["x-truncated-items"].count(",") == 99
    assert many.headers["x-truncated-count"] == "101"
    refused = tei.post("/embed", json={"inputs": long, "truncate": False})
    assert refused.status_code == 422
    assert refused.json()["item"] == 1
    assert "602 tokens" in refused.json()["error"]


def test_tei_compares(tei: httpx.Client, pipelines: dict[str, Pipeline]) -> None:
    inputs = {"source_sentence": "a good film", "sentences": TEXTS}
    found = tei.post("/similarity", json={"inputs": inputs}).json()
    pairs: Any = [("a good film", text) for text in TEXTS]
    assert found == [each.score for each in pipelines["embed"](pairs)]


def test_tei_tokenizes_without_cutting(tei: httpx.Client) -> None:
    [tokens, long] = tei.post("/tokenize", json={"inputs": ["films moved", "good " * 600]}).json()
    assert [token["text"] for token in tokens] == ["[CLS]", "film", "##s", "[UNK]", "[SEP]"]
    assert [token["special"] for token in tokens] == [True, False, False, False, True]
    assert [(token["start"], token["stop"]) for token in tokens[1:4]] == [(0, 4), (4, 5), (6, 11)]
    assert len(long) == 602
    plain = tei.post("/tokenize", json={"inputs": "film", "add_special_tokens": False}).json()
    assert [token["text"] for token in plain[0]] == ["film"]


def test_tei_tells_what_it_serves(tei: httpx.Client) -> None:
    info = tei.get("/info").json()
    assert info["model_id"] == "embed"
    assert info["model_type"] == {"embedding": {"pooling": "mean"}}
    assert info["max_input_length"] == 12


def test_tei_predicts_texts_and_pairs(
    serving: Serving, models: dict[str, Any], pipelines: dict[str, Pipeline]
) -> None:
    with serving(sources={"sentiment": models["sentiment"]}) as server:
        one = server.client.post("/predict", json={"inputs": "a good film"}).json()
        several = server.client.post(
            "/predict", json={"inputs": ["bad", ["a film"], ["a film", "good"]]}
        ).json()
        info = server.client.get("/info").json()
    [expected, *others] = pipelines["sentiment"](
        ["a good film", "bad", "a film", ("a film", "good")]
    )
    assert {each["label"]: each["score"] for each in one} == expected.scores
    assert [{each["label"]: each["score"] for each in labels} for labels in several] == [
        each.scores for each in others
    ]
    assert info["model_type"]["classifier"]["id2label"] == {"0": "negative", "1": "positive"}


# KServe


def tensor(name: str, texts: list[str], binary: bool) -> Any:
    made = triton.InferInput(name, [len(texts)], "BYTES")
    made.set_data_from_numpy(np.array(texts, np.object_), binary_data=binary)
    return made


@pytest.mark.parametrize("binary", [True, False])
def test_triton_client_infers_every_task(
    kserve: Any, pipelines: dict[str, Pipeline], binary: bool
) -> None:
    def infer(model: str, names: list[str], **texts: list[str]) -> Any:
        outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
        inputs = [tensor(name, column, binary) for name, column in texts.items()]
        return kserve.infer(model, inputs, outputs=outputs)

    found = infer("sentiment", ["scores", "label"], text=TEXTS)
    expected = pipelines["sentiment"](TEXTS)
    assert found.as_numpy("scores").tolist() == [list(each.scores.values()) for each in expected]
    labels = [_text(label) for label in found.as_numpy("label")]
    assert labels == [each.label for each in expected]

    pairs: Any = list(zip(TEXTS, TEXTS[::-1], strict=True))
    found = infer("nli", ["score"], text=TEXTS, pair=TEXTS[::-1])
    assert found.as_numpy("score").tolist() == [each.score for each in pipelines["nli"](pairs)]

    vectors = infer("embed", ["vector"], text=TEXTS).as_numpy("vector")
    expected = pipelines["embed"](TEXTS)
    assert vectors.tobytes() == np.stack([each.vector for each in expected]).tobytes()

    found = infer("ner", ["entities"], text=TEXTS).as_numpy("entities")
    assert [len(json.loads(_text(each))) for each in found] == [
        len(each.entities) for each in pipelines["ner"](TEXTS)
    ]

    found = infer(
        "qa",
        ["answer", "start", "end"],
        question=[QUESTION["question"]],
        context=[QUESTION["context"]],
    )
    [answer] = pipelines["qa"]([(QUESTION["question"], QUESTION["context"])])
    assert _text(found.as_numpy("answer")[0]) == answer.answer
    assert found.as_numpy("start").tolist() == [answer.start]
    assert found.as_numpy("end").tolist() == [answer.end]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def test_triton_client_gets_all_outputs_unless_it_names_some(kserve: Any) -> None:
    found = kserve.infer("embed", [tensor("text", TEXTS, True)], request_id="mine")
    assert {output["name"] for output in found.get_response()["outputs"]} == {"vector", "tokens"}
    assert found.get_response()["id"] == "mine"
    assert found.as_numpy("vector").shape == (3, 32)


def test_triton_client_reads_health_and_metadata(kserve: Any) -> None:
    assert kserve.is_server_live()
    assert kserve.is_server_ready()
    assert kserve.is_model_ready("ner")
    assert not kserve.is_model_ready("none")
    assert "binary_tensor_data" in kserve.get_server_metadata()["extensions"]
    metadata = kserve.get_model_metadata("sentiment")
    assert [each["name"] for each in metadata["inputs"]] == ["text", "pair"]
    shapes = {each["name"]: each["shape"] for each in metadata["outputs"]}
    assert shapes["scores"] == [-1, 2]


@pytest.mark.parametrize(
    ("model", "inputs", "says"),
    [
        ("sentiment", {"question": ["a"]}, "takes the inputs"),
        ("qa", {"question": ["a"]}, "takes the inputs"),
        ("ner", {"text": ["a"], "pair": ["b"]}, "takes the inputs"),
        ("nli", {"text": ["a", "b"], "pair": ["b"]}, "different numbers"),
        ("none", {"text": ["a"]}, "no model"),
    ],
)
def test_triton_client_is_told_what_is_wrong(
    kserve: Any, model: str, inputs: dict[str, list[str]], says: str
) -> None:
    tensors = [tensor(name, texts, True) for name, texts in inputs.items()]
    with pytest.raises(InferenceServerException, match=says):
        kserve.infer(model, tensors)


@pytest.mark.parametrize(
    ("binary", "header", "status"),
    [
        (b"\x05\x00\x00\x00abc", None, 400),  # ends within a text
        (b"\x01\x00\x00", None, 400),
        (b"\x01\x00\x00\x00\xff", None, 422),  # no UTF-8
        (b"\x01\x00\x00\x00a", "9999", 400),
        (b"\x01\x00\x00\x00a", "x", 400),
        (b"\x01\x00\x00\x00a" * 2, None, 422),  # two texts in a shape of one
        (b"\x01\x00\x00\x00a", None, 200),
    ],
)
def test_damaged_tensors_are_refused(
    client: httpx.Client, binary: bytes, header: str | None, status: int
) -> None:
    front = json.dumps(
        {
            "inputs": [
                {
                    "name": "text",
                    "shape": [1],
                    "datatype": "BYTES",
                    "parameters": {"binary_data_size": len(binary)},
                }
            ]
        }
    ).encode()
    headers = {"Inference-Header-Content-Length": header or str(len(front))}
    path = "/v2/models/sentiment/infer"
    response = client.post(path, content=front + binary, headers=headers)
    assert response.status_code == status, response.text


# What others found


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/models/embed", {"inputs": "good " * 99, "truncate": False}, 422, "leave `truncate` out"),
        ("/models/embed", {"inputs": "good " * 99, "truncate": True}, 200, ""),
        (
            "/models/ner",
            {"inputs": "a", "parameters": {"aggregation_strategy": "bogus"}},
            422,
            "aggregation_strategy",
        ),
        ("/models/qa", {"inputs": "a"}, 422, "Send an object of question and context"),
        ("/v1/embeddings?dimensions=3", {"input": "a", "model": "embed"}, 422, "in the address"),
        ("/v2/models/sentiment/infer?x=1", {"inputs": []}, 422, "not in the address: ?x=1"),
        ("/models/sentiment?x=1", {"inputs": "a"}, 422, "not in the address: ?x=1"),
        (
            "/v1/models/nli/predict",
            {"items": ["a"] * 40, "labels": [f"label {number}" for number in range(30)]},
            413,
            "40 items and 30 labels. Each item is read with each label, which is 1200 readings",
        ),
        (
            "/models/nli",
            {"inputs": ["a"] * 40, "parameters": {"candidate_labels": [str(n) for n in range(30)]}},
            413,
            "at most 1024 are taken",
        ),
    ],
)
def test_an_option_is_heeded_or_refused(
    running: Running, path: str, body: Any, status: int, message: str
) -> None:
    answer = running.client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert message in answer.text


def _tensor(**more: Any) -> dict[str, Any]:
    return {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a"]} | more


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([_tensor(), _tensor()], "There are two inputs 'text'"),
        ([_tensor(shape=[-1, -1])], "text has 1 texts, and shape [-1, -1]"),
        ([_tensor(shape=[0], data=[])], "text has 0 texts, and shape [0]"),
    ],
)
def test_tensors_that_say_two_things_are_refused(
    running: Running, inputs: Any, message: str
) -> None:
    answer = running.client.post("/v2/models/sentiment/infer", json={"inputs": inputs})
    assert answer.status_code == 422
    assert message in answer.json()["error"]
