"""Our own interface: every task, typed, with all that the pipelines say."""

import re
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request, Response
from pydantic import Field

from squeezebert.bundle import Task
from squeezebert.pipelines import Pipeline
from squeezebert.serve.body import OneOf
from squeezebert.serve.protocols.wire import Wire, answer, record, refusals, zero_shot
from squeezebert.serve.refusals import (
    BadRequest,
    Busy,
    NotFound,
    TooLarge,
    Unavailable,
    Unusable,
)
from squeezebert.serve.registry import Model
from squeezebert.serve.service import Predictor, Service
from squeezebert.tokenizer import Item


class Text(Wire):
    """A text, or two that are read together."""

    text: str
    pair: str | None = None


class Question(Wire):
    """A question and the text to find its answer in."""

    question: str
    context: str


PREDICT = re.compile("/v1/models/[^/]+/predict")
"""The paths of predictions."""

SEVERAL = "several"
"""The task of a model that has several."""

WireItem = Annotated[
    str | Annotated[list[str], Field(min_length=2, max_length=2)] | Text | Question,
    OneOf(
        "a text, [text, text], or an object of text, text and pair, or question and context alone"
    ),
]
"""A text, or two: as a list, or by their names."""


class PredictRequest(Wire):
    """Items to predict. For a model of entailment, also the labels to choose from.

    A model of several tasks answers each item by all of them that take it, or by the one named.
    """

    items: list[WireItem]
    task: str | None = None
    labels: list[str] | None = None
    template: str | None = None
    multi_label: bool | None = Field(
        None, description="Judge each label on its own: a text can have several, or none."
    )


class _Read(Wire):
    tokens: int = Field(description="Tokens that the model saw.")
    total_tokens: int = Field(description="How many there would be without cutting.")
    truncated: bool
    blank: bool = Field(description="Whether a text has no word that the model knows.")


class ClassificationBody(_Read):
    """The prediction of a model for classification, regression or labels of the caller's."""

    label: str
    score: float
    scores: dict[str, float]
    value: float | None
    labels: list[str] | None
    windows: int


class EmbeddingBody(_Read):
    """The prediction of a model for embeddings for a text."""

    vector: list[float]


class SimilarityBody(_Read):
    """The prediction of a model for embeddings for a pair."""

    score: float


class EntityBody(Wire):
    """An entity, at ``text[start:end]``, counted in characters."""

    text: str
    type: str
    score: float
    start: int
    end: int


class EntitiesBody(Wire):
    """The prediction of a model for entities."""

    entities: list[EntityBody]
    windows: int
    truncated: bool
    blank: bool = Field(description="Whether a text has no word that the model knows.")


class CandidateBody(Wire):
    """A span of the context that may be the answer."""

    answer: str
    score: float
    start: int
    end: int


class AnswerBody(Wire):
    """The prediction of a model for question answering; ``answer`` is null where there is none."""

    answer: str | None
    score: float
    start: int | None
    end: int | None
    candidates: list[CandidateBody]
    no_answer_margin: float
    windows: int
    truncated: bool
    blank: bool = Field(description="Whether a text has no word that the model knows.")


TaskBody = ClassificationBody | EmbeddingBody | SimilarityBody | EntitiesBody | AnswerBody
"""A prediction of one task."""


class Usage(Wire):
    """How much work the request was."""

    tokens: int
    milliseconds: float


class PredictResponse(Wire):
    """A prediction for each item, in order; of several tasks, one for each task by its name."""

    model: str
    task: str
    predictions: list[TaskBody | dict[str, TaskBody]]
    usage: Usage


class TaskOfModel(Wire):
    """A task of a model."""

    name: str
    task: str
    labels: list[str]


class ModelBody(Wire):
    """A model that is served.

    One of several tasks has "several" as its task, and no labels or problem type of its own.
    """

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "squeezebert"
    task: str
    labels: list[str]
    problem_type: str | None
    max_length: int
    zero_shot: bool = Field(description="Whether it takes labels of yours.")
    tasks: list[TaskOfModel]
    default: bool
    loaded: bool


class ModelList(Wire):
    """All models that are served."""

    object: Literal["list"] = "list"
    data: list[ModelBody]


EXAMPLES: dict[str, Any] = {
    Task.CLASSIFICATION: {"summary": "Sentiment", "value": {"items": ["A gripping film."]}},
    "pairs": {
        "summary": "What follows from what",
        "value": {"items": [["A man plays a guitar.", "Someone makes music."]]},
    },
    "zero-shot": {
        "summary": "Labels of yours, with a model of entailment",
        "value": {"items": ["The match went to penalties."], "labels": ["sport", "politics"]},
    },
    Task.ENTITIES: {"summary": "Entities", "value": {"items": ["Ada Lovelace lived in London."]}},
    "question": {
        "summary": "A question on a text",
        "value": {
            "items": [
                {"question": "Where did Ada live?", "context": "Ada Lovelace lived in London."}
            ]
        },
    },
    Task.EMBEDDING: {"summary": "A vector", "value": {"items": ["How do I reset my password?"]}},
}

_LINES = {
    "requestBody": {
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "An item a line, of any number."}
            }
        }
    }
}


def as_item(item: WireItem) -> Item:
    """The item as a pipeline takes it."""
    match item:
        case str():
            return item
        case list():
            return item[0], item[1]
        case Text():
            return item.text if item.pair is None else (item.text, item.pair)
        case Question():
            return item.question, item.context


def prediction(body: PredictRequest) -> Callable[[Predictor], dict[str, Any]]:
    """What is to be done with a model for a request."""
    started = time.perf_counter()
    items = list(map(as_item, body.items))

    def work(predict: Predictor) -> dict[str, Any]:
        pipeline: Pipeline | None = None
        if body.task is not None:
            predict.choose(body.task)
        if body.labels is not None:
            pipeline = zero_shot(predict, body.labels, body.template, body.multi_label)
        else:
            for option in ("template", "multi_label"):
                if getattr(body, option) is not None:
                    raise Unusable(f"`{option}` is for `labels`, and there are none.")
        predictions = predict(items, pipeline)
        return {
            "model": predict.name,
            "task": SEVERAL if predict.has_several else predict.spec.task,
            "predictions": list(map(record, predictions)),
            "usage": {
                "tokens": predict.tokens,
                "milliseconds": round((time.perf_counter() - started) * 1e3, 3),
            },
        }

    return work


def described(model: Model, service: Service) -> ModelBody:
    """What is told of a model."""
    heads = model.manifest.heads
    one = heads[0] if len(heads) == 1 else None
    return ModelBody(
        id=model.name,
        created=int(service.started),
        task=SEVERAL if one is None else one.task,
        labels=[] if one is None else list(one.labels),
        problem_type=None if one is None else one.problem_type,
        max_length=max(head.max_length for head in heads),
        zero_shot=one is not None and one.entailment is not None,
        tasks=[
            TaskOfModel(name=head.name, task=head.task, labels=list(head.labels)) for head in heads
        ],
        default=service.registry.default == model.name,
        loaded=model.pipeline is not None,
    )


def router(service: Service) -> APIRouter:
    """Models and their predictions."""
    routes = APIRouter(tags=["models"], prefix="/v1/models")

    @routes.get("")
    async def models() -> ModelList:
        """All models that are served; OpenAI's clients list them here too."""
        return ModelList(data=[described(each, service) for each in service.registry.models])

    @routes.get("/{name}", responses=refusals(NotFound))
    async def model(name: str) -> ModelBody:
        """A model that is served."""
        return described(service.registry.find(name), service)

    @routes.post(
        "/{name}/predict",
        response_model=PredictResponse,
        responses=refusals(BadRequest, NotFound, TooLarge, Unusable, Busy, Unavailable),
        openapi_extra=_LINES,
    )
    async def predict(
        name: str,
        request: Request,
        body: Annotated[PredictRequest, Body(openapi_examples=EXAMPLES)],
    ) -> Response:
        """A prediction for each item, in order.

        With a body of `application/x-ndjson` items come one a line, and predictions go back one a
        line while the body is still being sent.
        """
        items, times = list(map(as_item, body.items)), len(body.labels or [None])
        return await answer(service, request, name, items, prediction(body), times)

    return routes
