"""Hugging Face's inference tasks: https://huggingface.co/docs/inference-providers/tasks.

A model's task and the form of the inputs decide what it answers. Parameters that would change
nothing here are refused.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request, Response
from pydantic import Field

from squeezebert.bundle import Task
from squeezebert.pipelines import Guesses
from squeezebert.serve.body import OneOf
from squeezebert.serve.protocols.wire import (
    Wire,
    answer,
    as_list,
    by_score,
    labels_of,
    nearest,
    refusals,
    require_whole,
    zero_shot,
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
from squeezebert.tokenizer import Item

Texts = Annotated[
    str | Annotated[list[str], Field(min_length=1)], OneOf("a text, or a list of texts, not empty")
]


class QuestionInput(Wire):
    """The input of question answering."""

    question: str
    context: str


class SimilarityInput(Wire):
    """The input of sentence similarity."""

    source_sentence: str
    sentences: Annotated[list[str], Field(min_length=1)]


class PairInput(Wire):
    """The input of the classification of pairs."""

    text: str
    text_pair: str


class Parameters(Wire):
    """The parameters of all tasks."""

    top_k: Annotated[int, Field(ge=1, strict=True)] | None = None
    candidate_labels: list[str] | None = None
    hypothesis_template: str | None = None
    multi_label: bool | None = None
    aggregation_strategy: Literal["none", "simple", "first", "average", "max"] | None = None


class InferenceRequest(Wire):
    """The inputs of a task, and its parameters."""

    inputs: Annotated[
        str
        | Annotated[list[str], Field(min_length=1)]
        | QuestionInput
        | SimilarityInput
        | PairInput,
        OneOf(
            "a text, a list of texts, or an object of question and context, of source_sentence and "
            "sentences, or of text and text_pair"
        ),
    ]
    parameters: Parameters = Parameters()
    normalize: bool | None = None
    truncate: bool | None = None


_EXAMPLES: dict[str, Any] = {
    "text-classification": {"value": {"inputs": "A gripping film."}},
    "zero-shot-classification": {
        "value": {
            "inputs": "The match went to penalties.",
            "parameters": {"candidate_labels": ["sport", "politics"]},
        }
    },
    Task.QUESTION_ANSWERING: {
        "value": {"inputs": {"question": "Where did Ada live?", "context": "Ada lived in London."}}
    },
    Task.FILL_MASK: {"value": {"inputs": "Paris is the [MASK] of France."}},
    "sentence-similarity": {
        "value": {"inputs": {"source_sentence": "Hello", "sentences": ["Hi", "A train"]}}
    },
}


def router(service: Service) -> APIRouter:
    """The tasks: of a named model, and at the root of the default model."""
    routes = APIRouter(tags=["Hugging Face"])
    options: dict[str, Any] = {
        "response_class": Response,
        "responses": refusals(BadRequest, NotFound, TooLarge, Unusable, Busy, Unavailable)
        | {200: {"content": {"application/json": {"schema": {}}}}},
    }

    @routes.post("/models/{name}", **options)
    async def infer(
        name: str,
        request: Request,
        body: Annotated[InferenceRequest, Body(openapi_examples=_EXAMPLES)],
    ) -> Response:
        """The answer of the model's task."""
        return await run(request, name, body)

    @routes.post("/", **options)
    async def infer_by_default(
        request: Request, body: Annotated[InferenceRequest, Body(openapi_examples=_EXAMPLES)]
    ) -> Response:
        """The answer of the default model's task."""
        return await run(request, None, body)

    async def run(request: Request, name: str | None, body: InferenceRequest) -> Response:
        items, times = _items(body), len(body.parameters.candidate_labels or [None])
        return await answer(
            service, request, name, items, lambda predict: _answer(predict, body), times=times
        )

    return routes


def _items(body: InferenceRequest) -> Sequence[Item]:
    match body.inputs:
        case QuestionInput(question=question, context=context):
            return [(question, context)]
        case SimilarityInput(source_sentence=source, sentences=sentences):
            return [source, *sentences]
        case PairInput(text=text, text_pair=pair):
            return [(text, pair)]
        case inputs:
            return as_list(inputs)


def _answer(predict: Predictor, body: InferenceRequest) -> Any:
    """The answer of the model's task."""
    parameters = body.parameters
    given = {name for name in parameters.model_fields_set if getattr(parameters, name) is not None}
    given |= {name for name in ("normalize", "truncate") if getattr(body, name) is not None}
    match body.inputs:
        case QuestionInput(question=question, context=context):
            _allow(given, Task.QUESTION_ANSWERING, "top_k")
            return _found(predict, question, context, parameters.top_k or 1)
        case SimilarityInput(source_sentence=source, sentences=sentences):
            _allow(given, "sentence-similarity")
            return nearest(predict, source, sentences)
        case PairInput(text=text, text_pair=pair):
            _allow(given, "text-classification", "top_k")
            predict.require(Task.CLASSIFICATION)
            return [labels_of(each)[: parameters.top_k] for each in predict([(text, pair)])]
        case inputs:
            return _of_texts(predict, inputs, body, given)


def _of_texts(
    predict: Predictor, inputs: str | list[str], body: InferenceRequest, given: set[str]
) -> Any:
    texts, parameters = as_list(inputs), body.parameters
    if predict.spec.task == Task.EMBEDDING:
        _allow(given, "feature-extraction", "normalize", "truncate")
        if body.normalize is False:
            raise Unusable("Vectors have length 1 here; leave `normalize` out.")
        found = predict(texts)
        if body.truncate is False:
            require_whole(found)
        vectors = [each.vector.tolist() for each in found]
        return vectors[0] if isinstance(inputs, str) else vectors
    if predict.spec.task == Task.ENTITIES:
        _allow(given, "token-classification", "aggregation_strategy")
        if parameters.aggregation_strategy == "none":
            raise Unusable("Words of one entity are joined here; leave `aggregation_strategy` out.")
        entities = [
            [
                {
                    "entity_group": found.type,
                    "score": found.score,
                    "word": found.text,
                    "start": found.start,
                    "end": found.end,
                }
                for found in each.entities
            ]
            for each in predict(texts)
        ]
        return entities[0] if isinstance(inputs, str) else entities
    if predict.spec.task == Task.FILL_MASK:
        _allow(given, "fill-mask", "top_k")
        guesser: Any = predict.pipeline
        asked: Any = partial(guesser, top=parameters.top_k or 5)
        filled = [_filled(*each) for each in zip(texts, predict(texts, asked), strict=True)]
        return filled[0] if isinstance(inputs, str) else filled
    if predict.spec.task == Task.QUESTION_ANSWERING:
        raise Unusable(
            f"The model {predict.name!r} answers questions. Send an object of question and context "
            "as the inputs."
        )
    predict.require(Task.CLASSIFICATION)
    if parameters.candidate_labels is not None:
        _allow(
            given,
            "zero-shot-classification",
            "candidate_labels",
            "hypothesis_template",
            "multi_label",
        )
        chooser = zero_shot(
            predict,
            parameters.candidate_labels,
            parameters.hypothesis_template,
            parameters.multi_label,
        )
        chosen = [by_score(each.scores) for each in predict(texts, chooser)]
        return chosen[0] if isinstance(inputs, str) else chosen
    _allow(given, "text-classification", "top_k")
    return [labels_of(each)[: parameters.top_k] for each in predict(texts)]


def _filled(text: str, found: Guesses) -> list[Any]:
    """The text with each guess in it; of several hidden words a list for each."""
    words = [
        [
            {
                "sequence": f"{text[: one.start]}{guess.word}{text[one.end :]}",
                "score": guess.score,
                "token": guess.token,
                "token_str": guess.word,
            }
            for guess in one.guesses
        ]
        for one in found.hidden
    ]
    return words[0] if len(words) == 1 else words


def _found(predict: Predictor, question: str, context: str, top_k: int) -> Any:
    predict.require(Task.QUESTION_ANSWERING)
    [found] = predict([(question, context)])
    if top_k > 1:
        spans = [
            {"answer": span.answer, "score": span.score, "start": span.start, "end": span.end}
            for span in found.candidates
        ]
        return spans[:top_k]
    return {  # as transformers says that there is no answer
        "answer": found.answer or "",
        "score": found.score,
        "start": found.start or 0,
        "end": found.end or 0,
    }


def _allow(given: set[str], task: str, *known: str) -> None:
    """Raises Unusable for a parameter that this task doesn't have."""
    if unknown := sorted(given - set(known)):
        raise Unusable(
            f"{task} has no {', '.join(f'`{name}`' for name in unknown)} here; leave it out. "
            f"It takes {', '.join(f'`{name}`' for name in known) or 'no parameters'}."
        )
