"""From a request to the function that answers it.

The routes are FastAPI's, which also describes them in OpenAPI. They are run without its machinery,
whose half a millisecond a request would be more than the model takes for a short text: the path is
looked up, the body is validated by pydantic as it reads the JSON, and the function is called.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from pydantic_core import to_json
from starlette.types import Receive, Scope, Send

from squeezebert.serve.body import parsed
from squeezebert.serve.refusals import MethodNotAllowed, NotFound, Unusable

LINES = ("application/x-ndjson", "application/jsonl")
"""Media types of JSON lines."""


class LinesRoute(APIRoute):
    """A route for requests whose body is JSON lines, beside one for JSON on the same path."""


@dataclass(frozen=True, slots=True)
class _Target:
    """A function that answers, and what it is called with.

    Attributes:
        body: reads the body; None if the function doesn't ask for one.
        takes_request: whether it asks for the request.
        takes_query: whether its description has options in the address.
    """

    endpoint: Callable[..., Awaitable[Any]]
    body: TypeAdapter[Any] | None
    takes_request: bool
    takes_query: bool

    @classmethod
    def of(cls, route: APIRoute) -> "_Target":
        names = inspect.signature(route.endpoint).parameters
        hints = get_type_hints(route.endpoint)
        body = TypeAdapter(hints["body"]) if "body" in names else None
        described = (route.openapi_extra or {}).get("parameters", ())
        takes_query = any(each["in"] == "query" for each in described)
        return cls(route.endpoint, body, "request" in names, takes_query)


class Dispatch:
    """An ASGI application of some routes.

    Args:
        routes: a function's parameters are those of its path, ``request``, and ``body``.
    """

    def __init__(self, routes: Sequence[APIRoute]) -> None:
        # By path, then by method, and "LINES" for JSON lines.
        self._plain: dict[str, dict[str, _Target]] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], dict[str, _Target]]] = {}
        for route in routes:
            if "{" in route.path:
                _, methods = self._patterns.setdefault(route.path, (route.path_regex, {}))
            else:
                methods = self._plain.setdefault(route.path, {})
            target = _Target.of(route)
            for method in route.methods or ():
                methods["LINES" if isinstance(route, LinesRoute) else method] = target

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request.

        Raises:
            Refusal: there is no such path, or the body can't be used.
            Exception: what the function raised.
        """
        request = Request(scope, receive)
        target, arguments = self._find(request)
        if request.method == "POST" and not target.takes_query:
            _refuse_query(request)
        if target.takes_request:
            arguments["request"] = request
        if target.body is not None:
            arguments["body"] = parsed(target.body, await request.body())
        answer = await target.endpoint(**arguments)
        if not isinstance(answer, Response):
            answer = Response(to_json(answer), media_type="application/json")
        await answer(scope, receive, send)

    def _find(self, request: Request) -> tuple[_Target, dict[str, Any]]:
        path, method = request.scope["path"], request.scope["method"]
        found, arguments = self._plain.get(path), {}
        if found is None:
            for pattern, methods in self._patterns.values():
                if match := pattern.match(path):
                    found, arguments = methods, match.groupdict()
                    break
        if found is None:
            raise NotFound(f"There is no path {path}; /openapi.json lists all of them.")
        if "LINES" in found and method == "POST" and _media_type(request) in LINES:
            method = "LINES"
        if method == "HEAD":  # the server sends no body then
            method = "GET"
        if method not in found:
            allowed = sorted(set(found) - {"LINES"})
            raise MethodNotAllowed(method, allowed)
        return found[method], arguments


def _refuse_query(request: Request) -> None:
    """Raises Unusable for options in the address, where nobody reads them."""
    if query := request.url.query:
        raise Unusable(f"Options belong in the body, and not in the address: ?{query}")


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
