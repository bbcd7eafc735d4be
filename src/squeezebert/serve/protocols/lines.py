"""JSON lines both ways: an item a line in, a prediction a line out, in constant memory.

Answers are sent while the body is still arriving. A client has to read them meanwhile, as curl
does. If it doesn't, the server first stops sending, and then stops reading from it.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from squeezebert.errors import InputError
from squeezebert.serve.body import parsed
from squeezebert.serve.call import Call, call_of
from squeezebert.serve.dispatch import LINES, LinesRoute
from squeezebert.serve.protocols.native import WireItem, as_item
from squeezebert.serve.protocols.wire import record
from squeezebert.serve.refusals import BadRequest, Refusal, TooLarge, Unusable, refusal_of
from squeezebert.serve.registry import Model
from squeezebert.serve.service import Predictor, Service, is_brief
from squeezebert.tokenizer import Item

_AT_ONCE = 64  # lines that are answered together
_ITEM: TypeAdapter[WireItem] = TypeAdapter(WireItem)


def router(service: Service) -> APIRouter:
    """Predictions for JSON lines."""
    routes = APIRouter(route_class=LinesRoute)

    @routes.post("/v1/models/{name}/predict", include_in_schema=False)
    async def predict_lines(name: str, request: Request) -> Response:
        return _Lines(service, service.registry.find(name), request)

    return routes


class _Lines(Response):
    """Answers line by line."""

    def __init__(self, service: Service, model: Model, request: Request) -> None:
        super().__init__(media_type=LINES[0])
        del self.headers["content-length"]
        self._service = service
        self._model = model
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = call_of(self._request)
        call.model = self._model.name
        with self._service.place(0):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            try:
                async for lines in _lines(self._request, self._service.limits.body_bytes):
                    for start in range(0, len(lines), _AT_ONCE):
                        data = await self._answers(call, lines[start : start + _AT_ONCE])
                        await send({"type": "http.response.body", "body": data, "more_body": True})
            except Refusal as refusal:  # of the rest of the stream
                call.error = refusal.kind
                data = to_json(refusal.body(call.id)) + b"\n"
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def _answers(self, call: Call, lines: Sequence[bytes]) -> bytes:
        """A line for each item, with its prediction or with what is wrong with it."""
        offset = call.items
        call.items += len(lines)
        answers: list[Any] = [None] * len(lines)
        items: list[tuple[int, Item]] = []
        for index, line in enumerate(lines):
            try:
                item = as_item(parsed(_ITEM, line, "The line"))
                self._service.check([item])
                items.append((index, item))
            except (BadRequest, TooLarge, Unusable) as refusal:
                answers[index] = refusal

        def work(predict: Predictor) -> bytes:
            for index, answer in zip(
                (index for index, _ in items),
                _each(predict, [item for _, item in items]),
                strict=True,
            ):
                answers[index] = answer
            return b"".join(
                to_json(
                    answer.body(call.id) | {"item": offset + index}
                    if isinstance(answer, Refusal)
                    else record(answer)
                )
                + b"\n"
                for index, answer in enumerate(answers)
            )

        brief = is_brief(len(lines), sum(map(len, lines)))
        return await self._service.compute(call, self._model, work, brief=brief, offset=offset)


def _each(predict: Predictor, items: Sequence[Item]) -> list[Any]:
    """A prediction or a refusal for each item."""
    try:
        return predict(items)
    except (InputError, Unusable) as error:
        if len(items) == 1:
            # Its number is that of the line, and not of the only item of this pass.
            told = Unusable(error.reason) if isinstance(error, InputError) else error
            return [refusal_of(told)]
        return [answer for item in items for answer in _each(predict, [item])]


async def _lines(request: Request, longest: int) -> AsyncIterator[list[bytes]]:
    """The lines of a body as they arrive; empty lines are left out."""
    rest = b""
    async for piece in request.stream():
        *lines, rest = (rest + piece).split(b"\n")
        if max(map(len, (rest, *lines))) > longest:
            raise TooLarge(f"A line has more than {longest} bytes. Split its text.")
        if found := [line for line in lines if line.strip()]:
            yield found
    if rest.strip():
        yield [rest]
