"""KServe's open inference protocol v2, with Triton's binary tensors.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol

Inputs are tensors of BYTES with one dimension: ``text``, for pairs also ``pair``, and for question
answering ``question`` and ``context``. The outputs depend on the model's task; see `_OUTPUTS`.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, cast

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import Field, TypeAdapter
from pydantic_core import to_json

from squeezebert import __version__
from squeezebert.bundle import Task
from squeezebert.serve.body import parsed
from squeezebert.serve.call import call_of
from squeezebert.serve.protocols.operations import Health, readiness
from squeezebert.serve.protocols.wire import Wire, refusals
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

_HEADER_LENGTH = "Inference-Header-Content-Length"


class Parameters(Wire):
    """A tensor's parameters: its bytes after the JSON, or whether to send it that way."""

    binary_data_size: Annotated[int, Field(ge=0, strict=True)] | None = None
    binary_data: bool | None = None


class InputTensor(Wire):
    """An input tensor of texts."""

    name: Literal["text", "pair", "question", "context"]
    shape: Annotated[list[int], Field(min_length=1, max_length=2)]
    datatype: Literal["BYTES"]
    data: list[str] | None = None
    parameters: Parameters = Parameters()


class OutputRequest(Wire):
    """An output that is wanted."""

    name: str
    parameters: Parameters = Parameters()


class RequestParameters(Wire):
    """A request's parameters: whether to send all outputs as bytes."""

    binary_data_output: bool = False


class InferRequest(Wire):
    """Input tensors, and the names of the outputs to send; without names, all are sent."""

    id: str | None = None
    inputs: Annotated[list[InputTensor], Field(min_length=1)]
    outputs: list[OutputRequest] | None = None
    parameters: RequestParameters = RequestParameters()


_REQUEST = TypeAdapter(InferRequest)


class TensorMetadata(Wire):
    """A tensor of a model; a size of -1 stands for any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Wire):
    """The tensors of a model."""

    name: str
    versions: list[str]
    platform: str = "squeezebert"
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(Wire):
    """The server."""

    name: str = "squeezebert"
    version: str = __version__
    extensions: tuple[str, ...] = ("binary_tensor_data",)


_INPUTS: Mapping[str, tuple[str, ...]] = {
    Task.QUESTION_ANSWERING: ("question", "context"),
    Task.ENTITIES: ("text",),
    Task.CLASSIFICATION: ("text", "pair"),
    Task.EMBEDDING: ("text",),
    Task.FILL_MASK: ("text",),
}

_OUTPUTS: Mapping[str, dict[str, str]] = {
    Task.CLASSIFICATION: {"label": "BYTES", "score": "FP64", "scores": "FP64", "tokens": "INT64"},
    Task.EMBEDDING: {"vector": "FP32", "tokens": "INT64"},
    Task.ENTITIES: {"entities": "BYTES"},
    Task.QUESTION_ANSWERING: {
        "answer": "BYTES",
        "score": "FP64",
        "start": "INT64",
        "end": "INT64",
    },
    Task.FILL_MASK: {"hidden": "BYTES"},
}
"""Of each task: outputs and types. Entities and hidden words are JSON; no answer is "" at -1."""

_DTYPES = {"FP32": "<f4", "FP64": "<f8", "INT64": "<i8"}

_TENSORS = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {
                    "inputs": [
                        {
                            "name": "text",
                            "shape": [1],
                            "datatype": "BYTES",
                            "data": ["A gripping film."],
                        }
                    ]
                },
            }
        },
    }
}


def router(service: Service) -> APIRouter:
    """Health, metadata and inference."""
    routes = APIRouter(tags=["KServe v2"], prefix="/v2")

    @routes.get("")
    async def server() -> ServerMetadata:
        """The server."""
        return ServerMetadata()

    @routes.get("/health/live")
    async def live() -> Health:
        """Whether the process answers."""
        return Health(status="live")

    @routes.get("/health/ready", responses=refusals(Unavailable))
    async def ready() -> Health:
        """Whether to send requests here."""
        return readiness(service)

    @routes.get("/models/{name}", responses=refusals(NotFound))
    async def model(name: str) -> ModelMetadata:
        """The tensors of a model."""
        return _metadata(service.registry.find(name))

    @routes.get("/models/{name}/ready", responses=refusals(NotFound, Unavailable))
    async def model_ready(name: str) -> Health:
        """Whether a model answers. One that is not loaded yet is loaded at its first request."""
        service.registry.find(name)
        return await ready()

    @routes.post(
        "/models/{name}/infer",
        response_class=Response,
        openapi_extra=_TENSORS,
        responses=refusals(BadRequest, NotFound, TooLarge, Unusable, Busy, Unavailable)
        | {200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
    )
    async def infer(name: str, request: Request) -> Response:
        """The outputs of the model's task for each text."""
        body, binary = _read(await request.body(), request.headers.get(_HEADER_LENGTH))
        texts = _texts(body.inputs, binary)
        columns = list(texts.values())
        if len(set(map(len, columns))) > 1:
            raise Unusable("The inputs have different numbers of texts.")

        def work(predict: Predictor) -> tuple[bytes, int | None]:
            found = predict(_items(predict, texts))
            outputs = _outputs(predict, found)
            wanted = [output.name for output in body.outputs or ()] or list(outputs)
            if unknown := sorted(set(wanted) - set(outputs)):
                raise Unusable(
                    f"There is no output {', '.join(unknown)}; there are {', '.join(outputs)}."
                )
            as_bytes = {
                output.name for output in body.outputs or () if output.parameters.binary_data
            }
            if body.parameters.binary_data_output:
                as_bytes = set(wanted)
            kinds = _OUTPUTS[predict.spec.task]
            head, tail = [], b""
            for each in wanted:
                tensor: dict[str, Any] = {
                    "name": each,
                    "datatype": kinds[each],
                    "shape": _shape(outputs[each]),
                }
                if each in as_bytes:
                    data = _packed(outputs[each], kinds[each])
                    tensor["parameters"] = {"binary_data_size": len(data)}
                    tail += data
                else:
                    tensor["data"] = np.ravel(outputs[each]).tolist()
                head.append(tensor)
            answer = {"model_name": predict.name, "model_version": "1", "outputs": head}
            front = to_json(answer | ({"id": body.id} if body.id is not None else {}))
            return front + tail, len(front) if as_bytes else None

        data, length = await service.answer(
            call_of(request),
            name,
            columns[0] if len(columns) == 1 else list(zip(*columns, strict=True)),
            work,
        )
        if length is None:
            return Response(data, media_type="application/json")
        headers = {_HEADER_LENGTH: str(length)}
        return Response(data, headers=headers, media_type="application/octet-stream")

    return routes


def _metadata(model: Model) -> ModelMetadata:
    spec = model.spec
    widths = {"scores": len(spec.labels), "vector": model.manifest.architecture.hidden_size}
    return ModelMetadata(
        name=model.name,
        versions=["1"],
        inputs=[
            TensorMetadata(name=name, datatype="BYTES", shape=[-1]) for name in _INPUTS[spec.task]
        ],
        outputs=[
            TensorMetadata(
                name=name, datatype=kind, shape=[-1, widths[name]] if name in widths else [-1]
            )
            for name, kind in _OUTPUTS[spec.task].items()
        ],
    )


def _read(body: bytes, header_length: str | None) -> tuple[InferRequest, bytes]:
    """The request, and the bytes of the tensors that follow it."""
    end = len(body)
    if header_length is not None:
        digits = header_length.isascii() and header_length.isdecimal() and len(header_length) < 20
        if not digits or int(header_length) > len(body):
            raise BadRequest(f"{_HEADER_LENGTH} is no length of the JSON in this body.")
        end = int(header_length)
    return parsed(_REQUEST, body[:end]), body[end:]


def _texts(inputs: Sequence[InputTensor], binary: bytes) -> dict[str, list[str]]:
    """The texts of each input by its name."""
    found: dict[str, list[str]] = {}
    for tensor in inputs:
        if tensor.name in found:
            raise Unusable(f"There are two inputs {tensor.name!r}. Send all texts in one.")
        size = tensor.parameters.binary_data_size
        if (size is None) == (tensor.data is None):
            raise Unusable(f"{tensor.name} needs either `data` or `binary_data_size`.")
        if tensor.data is not None:
            texts = tensor.data
        else:
            assert size is not None
            texts = list(_unpacked(tensor.name, binary[:size]))
            binary = binary[size:]
        if min(tensor.shape) < 1 or len(texts) != np.prod(tensor.shape):
            raise Unusable(f"{tensor.name} has {len(texts)} texts, and shape {tensor.shape}.")
        found[tensor.name] = texts
    return found


def _unpacked(name: str, data: bytes) -> Iterator[str]:
    """Texts, each after its length as four bytes, little-endian."""
    place = 0
    while place < len(data):
        end = place + 4
        length = int.from_bytes(data[place:end], "little")
        place = end + length
        if place > len(data) or end > len(data):
            raise BadRequest(f"{name}: its binary data ends within a text.")
        try:
            yield data[end:place].decode()
        except UnicodeDecodeError as error:
            raise Unusable(f"{name}: a text is not UTF-8.") from error


def _items(predict: Predictor, texts: dict[str, list[str]]) -> list[Item]:
    known = _INPUTS[predict.spec.task]
    needed = known if predict.spec.task == Task.QUESTION_ANSWERING else known[:1]
    if not set(needed) <= set(texts) <= set(known):
        raise Unusable(
            f"The model {predict.name!r} takes the inputs {' and '.join(known)}, "
            f"not {' and '.join(texts)}."
        )
    columns = [texts[name] for name in known if name in texts]
    return cast(list[Item], columns[0] if len(columns) == 1 else list(zip(*columns, strict=True)))


def _outputs(predict: Predictor, found: Sequence[Any]) -> dict[str, Any]:
    """The outputs by name, each a list of texts or an array."""
    match predict.spec.task:
        case "classification":
            return {
                "label": [each.label for each in found],
                "score": np.array([each.score for each in found]),
                "scores": np.array([list(each.scores.values()) for each in found]),
                "tokens": np.array([each.tokens for each in found]),
            }
        case "embedding":
            return {
                "vector": np.stack([each.vector for each in found]),
                "tokens": np.array([each.tokens for each in found]),
            }
        case "entities":
            return {
                "entities": [to_json(each.entities).decode() for each in found],
            }
        case "fill-mask":
            return {
                "hidden": [to_json(each.hidden).decode() for each in found],
            }
        case _:
            return {
                "answer": [each.answer or "" for each in found],
                "score": np.array([each.score for each in found]),
                "start": np.array([-1 if each.start is None else each.start for each in found]),
                "end": np.array([-1 if each.end is None else each.end for each in found]),
            }


def _shape(output: Any) -> list[int]:
    return [len(output)] if isinstance(output, list) else list(output.shape)


def _packed(output: Any, kind: str) -> bytes:
    if kind != "BYTES":
        return bytes(output.astype(_DTYPES[kind]).tobytes())
    texts = [text.encode() for text in output]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
