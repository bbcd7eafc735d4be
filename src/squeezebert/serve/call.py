"""One request, from its first byte to its last: what the log and the metrics tell of it."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.requests import Request

Receive: TypeAlias = Callable[[], Awaitable[Any]]


@dataclass(slots=True, eq=False)
class Call:
    """What is known of a request.

    Attributes:
        id: the client's ``X-Request-ID``, or one of ours.
        receive: gives the next message of ASGI.
        model: that it asked for; empty if none.
        cut: indices of the items of which the model saw only a part.
        error: the kind of the refusal, if it was refused.
        fault: a traceback, for the log alone.
    """

    id: str
    method: str
    path: str
    receive: Receive
    started: float = field(default_factory=time.perf_counter)
    model: str = ""
    status: int = 0
    items: int = 0
    tokens: int = 0
    queue_seconds: float = 0.0
    engine_seconds: float = 0.0
    cut: list[int] = field(default_factory=list)
    error: str | None = None
    fault: str | None = None

    @property
    def seconds(self) -> float:
        """Since its first byte."""
        return time.perf_counter() - self.started

    async def gone(self) -> None:
        """Waits until the client has left; its body must have been read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    def line(self) -> dict[str, Any]:
        """Its line in the log."""
        line = {
            "id": self.id,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "model": self.model or None,
            "items": self.items,
            "tokens": self.tokens,
            "cut": len(self.cut),
            "milliseconds": round(self.seconds * 1e3, 3),
            "queue_milliseconds": round(self.queue_seconds * 1e3, 3),
            "engine_milliseconds": round(self.engine_seconds * 1e3, 3),
            "error": self.error,
        }
        return line | ({"fault": self.fault} if self.fault is not None else {})


def call_of(request: Request) -> Call:
    """The call that a request is."""
    call: Call = request.scope["state"]["call"]
    return call
