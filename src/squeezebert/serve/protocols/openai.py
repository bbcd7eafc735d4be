"""OpenAI's embeddings: https://platform.openai.com/docs/api-reference/embeddings."""

import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request, Response
from pydantic import Field

from squeezebert.bundle import Task
from squeezebert.serve.body import OneOf
from squeezebert.serve.protocols.wire import Wire, answer, as_list, refusals
from squeezebert.serve.refusals import (
    BadRequest,
    Busy,
    NotFound,
    Refusal,
    TooLarge,
    Unavailable,
    Unusable,
)
from squeezebert.serve.service import Predictor, Service

PATH = "/v1/embeddings"


class EmbeddingsRequest(Wire):
    """Texts to embed; tokens, which OpenAI also takes, are of another tokenizer and refused."""

    input: Annotated[
        str | Annotated[list[str], Field(min_length=1)],
        OneOf("a text, or a list of texts, not empty"),
    ]
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1, strict=True)] | None = None
    user: str | None = None


class EmbeddingData(Wire):
    """A vector, as numbers or as little-endian float32 in base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(Wire):
    """Tokens that the model saw."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(Wire):
    """A vector for each text, in order."""

    object: Literal["list"] = "list"
    data: list[EmbeddingData]
    model: str
    usage: EmbeddingsUsage


class ErrorBody(Wire):
    """The part of a refusal that OpenAI's clients read."""

    message: str
    type: str
    param: str | None
    code: str


class RefusalBody(Wire):
    """Why a request was not answered, in an object of its own, as OpenAI's clients expect."""

    error: ErrorBody


def refused(refusal: Refusal, request_id: str) -> RefusalBody:
    """A refusal as OpenAI's clients read it; its header has the request's id."""
    param = None if refusal.item is None else f"input.{refusal.item}"
    error = ErrorBody(message=str(refusal), type=refusal.kind, param=param, code=refusal.kind)
    return RefusalBody(error=error)


def router(service: Service) -> APIRouter:
    """Embeddings."""
    routes = APIRouter(tags=["OpenAI"])

    @routes.post(
        PATH,
        response_model=EmbeddingsResponse,
        responses=refusals(
            BadRequest, NotFound, TooLarge, Unusable, Busy, Unavailable, body=RefusalBody
        ),
    )
    async def embeddings(
        request: Request,
        body: Annotated[
            EmbeddingsRequest,
            Body(examples=[{"model": "embed", "input": ["How do I reset my password?"]}]),
        ],
    ) -> Response:
        """A vector for each text. The header `X-Truncated-Items` says which texts were cut."""
        texts = as_list(body.input)

        def work(predict: Predictor) -> dict[str, Any]:
            predict.require(Task.EMBEDDING)
            found = predict(texts)
            width = len(found[0].vector)
            if body.dimensions not in (None, width):
                raise Unusable(
                    f"The model {predict.name!r} has {width} dimensions, and can't have "
                    f"{body.dimensions}. Leave `dimensions` out."
                )
            tokens = sum(each.tokens for each in found)
            return {
                "object": "list",
                "data": [
                    {
                        "object": "embedding",
                        "index": index,
                        "embedding": base64.b64encode(each.vector.astype("<f4").tobytes()).decode()
                        if body.encoding_format == "base64"
                        else each.vector.tolist(),
                    }
                    for index, each in enumerate(found)
                ],
                "model": predict.name,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }

        return await answer(service, request, body.model, texts, work)

    return routes
