"""What the interfaces share: how bodies are read, and answers and refusals are sent."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from squeezebert.bundle import OUT_OF_SCOPE, Task
from squeezebert.errors import InputError
from squeezebert.pipelines import Classification, Classifier, ZeroShotClassifier
from squeezebert.pipelines.zero_shot import TEMPLATE
from squeezebert.runtime import Linear
from squeezebert.serve.call import call_of
from squeezebert.serve.finite import field_names
from squeezebert.serve.refusals import Refusal, Unusable
from squeezebert.serve.service import Predictor, Service
from squeezebert.tokenizer import Item


class Wire(BaseModel):
    """A body. It refuses a field that it doesn't know: an option that does nothing misleads."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RefusalBody(Wire):
    """Why a request was not answered."""

    error: str
    error_type: str
    item: int | None
    request_id: str


def refusals(
    *kinds: type[Refusal], body: type[BaseModel] = RefusalBody
) -> dict[int | str, dict[str, Any]]:
    """The responses of OpenAPI for some kinds of refusals."""
    return {
        kind.status: {"model": body, "description": (kind.__doc__ or "").strip()} for kind in kinds
    }


async def answer(
    service: Service,
    request: Request,
    name: str | None,
    items: Sequence[Item],
    work: Callable[[Predictor], Any],
    times: int = 1,
) -> Response:
    """Does some work with a model and sends the result as JSON; see `Service.answer`."""
    body = await service.answer(
        call_of(request), name, items, lambda predict: to_json(work(predict)), times
    )
    return Response(body, media_type="application/json")


def record(prediction: Any) -> dict[str, Any]:
    """A prediction as JSON has it: its fields, and whether anything was cut.

    Of several tasks, that for each task by its name.
    """
    if isinstance(prediction, Mapping):
        return {name: record(each) for name, each in prediction.items()}
    values = {name: getattr(prediction, name) for name in field_names(prediction)}
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            values[name] = value.tolist()
    return values | {"truncated": prediction.truncated}


def as_list(inputs: str | list[str]) -> list[str]:
    """A list of texts, from one text or several."""
    return [inputs] if isinstance(inputs, str) else inputs


def by_score(scores: Mapping[str, float]) -> list[dict[str, Any]]:
    """Labels with their scores, the highest first."""
    ranked = sorted(scores.items(), key=lambda entry: -entry[1])
    return [{"label": label, "score": score} for label, score in ranked]


def labels_of(prediction: Classification) -> list[dict[str, Any]]:
    """The labels of `by_score`; where no class fits, ``out_of_scope`` comes before them.

    Its score is the highest of the classes', as in `Classification`.
    """
    ranked = by_score(prediction.scores)
    if prediction.label == OUT_OF_SCOPE != ranked[0]["label"]:
        ranked.insert(0, {"label": OUT_OF_SCOPE, "score": ranked[0]["score"]})
    return ranked


def zero_shot(
    predict: Predictor, labels: Sequence[str], template: str | None, multi_label: bool | None
) -> ZeroShotClassifier:
    """Classification by labels of the caller's: one of them, or each on its own.

    Raises:
        InputError: the model can't do that, or the labels are no choice.
    """
    if not isinstance(predict.pipeline, Classifier):
        raise Unusable(
            f"Labels of yours need a model of entailment, and {predict.name!r} is for "
            f"{predict.spec.task}. Name another model."
        )
    return ZeroShotClassifier(
        predict.pipeline, labels, template=template or TEMPLATE, multi_label=bool(multi_label)
    )


def require_whole(found: Sequence[Any]) -> None:
    """Raises Unusable for the first item that was cut, for a client who wants none cut."""
    for index, each in enumerate(found):
        if each.truncated:
            raise Unusable(
                f"Item {index} has {each.total_tokens} tokens, and the model reads {each.tokens}. "
                "Split it, or leave `truncate` out to have it cut.",
                item=index,
            )


def nearest(predict: Predictor, source: str, sentences: Sequence[str]) -> list[float]:
    """The cosine of a text and each of the others.

    Raises:
        InputError: the model is for something else, or there are no sentences.
    """
    predict.require(Task.EMBEDDING)
    if not sentences:
        raise InputError("There are no sentences to compare with.")
    first, *others = (found.vector for found in predict([source, *sentences]))
    scores: list[float] = Linear(np.stack(others))(first[None])[0].tolist()
    return scores
