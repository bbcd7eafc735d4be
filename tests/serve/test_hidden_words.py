"""Hidden words, guessed over HTTP."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from huggingface_hub import InferenceClient
from tests.serve.conftest import Serving

import squeezebert

TEXT = "a [MASK] film and <mask> plot"


@pytest.fixture
def bundle(tmp_path: Path, make_bundle: Callable[..., Path], marked_tokenizer_json: bytes) -> Path:
    fields: dict[str, Any] = {"task": "fill-mask", "labels": (), "problem_type": None, "mask": 4}
    return make_bundle(tmp_path / "guess", tokenizer_json=marked_tokenizer_json, **fields)


def test_every_interface_guesses_as_the_pipeline_does(bundle: Path, serving: Serving) -> None:
    guess = squeezebert.load(bundle)
    [expected] = guess([TEXT])
    with serving(sources={"guess": bundle}, default="guess") as server:
        own = server.client.post("/v1/models/guess/predict", json={"items": [TEXT]}).json()
        assert own["predictions"][0]["hidden"][1]["guesses"][0]["word"] == (
            expected.hidden[1].guesses[0].word
        )
        hub = InferenceClient(f"{server.address}/models/guess", timeout=30)
        found = hub.fill_mask("a [MASK] film", top_k=7)
        [alone] = guess(["a [MASK] film"], top=7)
        assert [one.token_str for one in found] == [one.word for one in alone.hidden[0].guesses]
        assert found[0].score == pytest.approx(alone.hidden[0].guesses[0].score)
        assert found[0].sequence == f"a {found[0].token_str} film"
        several = server.client.post("/", json={"inputs": TEXT}).json()
        assert [len(each) for each in several] == [5, 5]
        refused = server.client.post("/", json={"inputs": "a film"})
        assert refused.status_code == 422
        assert "hides no word" in refused.text
        client = triton.InferenceServerClient(server.address.removeprefix("http://"))
        asked = triton.InferInput("text", [1], "BYTES")
        asked.set_data_from_numpy(np.array([TEXT.encode()], object))
        answer = client.infer("guess", [asked]).as_numpy("hidden")
        assert json.loads(answer[0])[0]["start"] == 2
        client.close()
