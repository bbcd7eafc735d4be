"""The paths of text-embeddings-inference: https://huggingface.github.io/text-embeddings-inference.

They name no model, and go to the default one; without it, to the only one for the task.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from pydantic import Field

from squeezebert import __version__
from squeezebert.bundle import Task
from squeezebert.serve.body import OneOf
from squeezebert.serve.protocols.huggingface import SimilarityInput, Texts
from squeezebert.serve.protocols.wire import (
    Wire,
    answer,
    as_list,
    labels_of,
    nearest,
    refusals,
    require_whole,
)
from squeezebert.serve.refusals import (
    BadRequest,
    Busy,
    NotFound,
    TooLarge,
    Unavailable,
    Unusable,
)
from squeezebert.serve.service import Predictor, Service
from squeezebert.tokenizer import Item, Tokenizer


class EmbedRequest(Wire):
    """Texts to embed. With ``truncate: false`` a text that is too long is refused."""

    inputs: Texts
    normalize: bool = True
    truncate: bool | None = None


Pair = Annotated[list[str], Field(min_length=1, max_length=2)]


class ClassifyRequest(Wire):
    """What to classify: a text, or a list whose members are lists of one text or of two."""

    inputs: Annotated[
        str | Annotated[list[str | Pair], Field(min_length=1)],
        OneOf("a text, or a list of texts and of lists of one text or of two, not empty"),
    ]
    raw_scores: bool = False
    truncate: bool | None = None


class SimilarityRequest(Wire):
    """A text, and the texts to compare it with."""

    inputs: SimilarityInput


class TokenizeRequest(Wire):
    """Texts to tokenise."""

    inputs: Texts
    add_special_tokens: bool = True


class Token(Wire):
    """A token, and which characters of the text it covers; a special token covers null."""

    id: int
    text: str
    special: bool
    start: int | None
    stop: int | None


class Label(Wire):
    """A label's probability."""

    score: float
    label: str


class Info(Wire):
    """What is served here."""

    model_id: str
    model_dtype: str = "int8"
    model_type: dict[str, Any]
    max_input_length: int
    max_client_batch_size: int
    max_concurrent_requests: int
    max_batch_tokens: int
    auto_truncate: bool = True
    version: str = __version__


def router(service: Service) -> APIRouter:
    """Embeddings, classes, similarities and tokens."""
    routes = APIRouter(
        tags=["text-embeddings-inference"],
        responses=refusals(BadRequest, NotFound, TooLarge, Unusable, Busy, Unavailable),
    )

    @routes.post("/embed", response_model=list[list[float]])
    async def embed(
        request: Request,
        body: Annotated[EmbedRequest, Body(examples=[{"inputs": "What is deep learning?"}])],
    ) -> Response:
        """A vector for each text. The header `X-Truncated-Items` says which texts were cut."""
        if not body.normalize:
            raise Unusable("Vectors have length 1 here; leave `normalize` out.")
        texts = as_list(body.inputs)

        def work(predict: Predictor) -> Any:
            predict.require(Task.EMBEDDING)
            found = predict(texts)
            if body.truncate is False:
                require_whole(found)
            return [each.vector.tolist() for each in found]

        model = service.registry.default_for(Task.EMBEDDING)
        return await answer(service, request, model, texts, work)

    @routes.post("/predict", response_model=list[Label] | list[list[Label]])
    async def predict(
        request: Request,
        body: Annotated[ClassifyRequest, Body(examples=[{"inputs": "A gripping film."}])],
    ) -> Response:
        """Labels with their probabilities: a list for a text, a list of lists for a list."""
        if body.raw_scores:
            raise Unusable("Scores are probabilities here; leave `raw_scores` out.")
        given = [body.inputs] if isinstance(body.inputs, str) else body.inputs
        items: list[Item] = []
        for each in given:
            match each:
                case str() as text:
                    items.append(text)
                case [text]:
                    items.append(text)
                case [text, pair]:
                    items.append((text, pair))

        def work(predict: Predictor) -> Any:
            predict.require(Task.CLASSIFICATION)
            found = predict(items)
            if body.truncate is False:
                require_whole(found)
            labels = [labels_of(each) for each in found]
            return labels[0] if isinstance(body.inputs, str) else labels

        model = service.registry.default_for(Task.CLASSIFICATION)
        return await answer(service, request, model, items, work)

    @routes.post("/similarity", response_model=list[float])
    async def similarity(request: Request, body: SimilarityRequest) -> Response:
        """Cosine of a text and each of the others."""
        source, sentences = body.inputs.source_sentence, body.inputs.sentences
        return await answer(
            service,
            request,
            service.registry.default_for(Task.EMBEDDING),
            [source, *sentences],
            lambda predict: nearest(predict, source, sentences),
        )

    @routes.post("/tokenize", response_model=list[list[Token]])
    async def tokenize(request: Request, body: TokenizeRequest) -> Response:
        """The tokens of each text; none is cut."""
        texts = as_list(body.inputs)
        return await answer(
            service,
            request,
            None,
            texts,
            lambda predict: [
                _tokens(predict.tokenizer, text, body.add_special_tokens) for text in texts
            ],
        )

    @routes.get("/info")
    async def info() -> Info:
        """The default model, and what a request may hold."""
        model = service.registry.find(None)
        spec = model.spec
        kinds: dict[str, Any] = {
            "embedding": {"embedding": {"pooling": "mean"}},
            "classification": {
                "classifier": {
                    "id2label": dict(enumerate(spec.labels)),
                    "label2id": {label: index for index, label in enumerate(spec.labels)},
                }
            },
        }
        return Info(
            model_id=model.name,
            model_type=kinds.get(spec.task, {spec.task: {"labels": list(spec.labels)}}),
            max_input_length=spec.max_length,
            max_client_batch_size=service.limits.items,
            max_concurrent_requests=service.limits.waiting,
            max_batch_tokens=service.limits.pass_tokens,
        )

    return routes


def _tokens(tokenizer: Tokenizer, text: str, specials: bool) -> list[dict[str, Any]]:
    length = tokenizer.encode(text, max_length=_LONGEST).total_tokens
    encoding = tokenizer.encode(text, max_length=max(length, _LONGEST))
    tokens = []
    for token, (start, stop) in zip(encoding.ids, encoding.offsets, strict=True):
        special = start == stop
        if special and not specials:
            continue
        tokens.append(
            {
                "id": token,
                "text": tokenizer.token(token),
                "special": special,
                "start": None if special else start,
                "stop": None if special else stop,
            }
        )
    return tokens


_LONGEST = 512
