"""The gate that every request passes: its id, the key, how long its body may be, its log line."""

import asyncio
import base64
import binascii
import hmac
import re
import traceback
import uuid
from collections.abc import Callable, Mapping, MutableMapping, Set
from itertools import count
from typing import Any, NamedTuple, TypeAlias

from pydantic_core import to_json
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from squeezebert.serve.call import Call
from squeezebert.serve.dispatch import LINES
from squeezebert.serve.journal import Journal
from squeezebert.serve.refusals import (
    BadRequest,
    Busy,
    Fault,
    Gone,
    Refusal,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedEncoding,
    refusal_of,
)
from squeezebert.serve.service import Service

Shape: TypeAlias = Callable[[Refusal, str], Any]
"""Makes the body of a refusal, given it and the request's id."""

Headers: TypeAlias = MutableMapping[bytes, bytes]

_ID = re.compile(rb"[\w.:-]{1,64}")
_OURS = uuid.uuid4().hex[:16]  # of this process; a random number for each would cost a system call
_numbers = count()
_SHOWN = 100  # a header of some kilobytes is refused by proxies
_OPEN = re.compile(r"/(v2/)?health/(live|ready)")


class Gate:
    """An ASGI application around another.

    Args:
        api_key: that requests need, but for those about health.
        shapes: of refusals, for paths whose clients can't read the one of all others.
        files: paths that files are sent to.
        lines: paths that JSON lines of any number are sent to.
    """

    def __init__(
        self,
        app: ASGIApp,
        service: Service,
        journal: Journal,
        api_key: str | None,
        shapes: Mapping[str, Shape],
        files: Set[str],
        lines: re.Pattern[str],
    ) -> None:
        self._files, self._lines = files, lines
        self._shapes = shapes
        self._app = app
        self._service = service
        self._journal = journal
        self._api_key = api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request; other kinds of connections there are none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        allowed = self._allowed(scope["path"], headers)
        call = Call(
            _id_of(headers), scope["method"], scope["path"], _Body(receive, allowed).receive
        )
        scope["state"] = {**scope.get("state", {}), "call": call}

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                message["headers"] = [*message["headers"], *self._headers(call)]
            await send(message)

        try:
            self._admit(scope["method"], scope["path"], headers, allowed)
            await self._app(scope, call.receive, send_on)
        except (Exception, asyncio.CancelledError) as error:  # cancelled: at the end of grace
            await self._refuse(call, error, scope, send_on)
        finally:
            self._service.metrics.saw_request(call.model, call.status, call.seconds)
            self._journal.write("request", **call.line())

    async def _refuse(self, call: Call, error: BaseException, scope: Scope, send: Send) -> None:
        response = _refused(call, error, self._shapes.get(call.path, Refusal.body))
        if call.error == Gone.kind:
            call.status = Gone.status
        elif not call.status:  # else the answer has begun, and can only break off
            await response(scope, call.receive, send)

    def _allowed(self, path: str, headers: Headers) -> "_Allowed":
        """How long a body may be, and how long it may take."""
        limits = self._service.limits
        if path in self._files:
            remedy = "Send fewer rows."
            return _Allowed(limits.learn_bytes, limits.body_seconds, in_pieces=True, remedy=remedy)
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind.decode("latin-1") in LINES and self._lines.fullmatch(path):
            return _Allowed(None, limits.body_seconds, in_pieces=True)
        return _Allowed(limits.body_bytes, limits.body_seconds)

    def _admit(self, method: str, path: str, headers: Headers, allowed: "_Allowed") -> None:
        """Raises a refusal for a request without the key, for one too many, or of a large body."""
        if self._api_key is not None and not _OPEN.fullmatch(path):
            keys = _keys(headers.get(b"authorization", b""))
            if not any(hmac.compare_digest(key, self._api_key.encode()) for key in keys):
                raise Unauthorized
        # Before the body is read: what is refused must cost little, or it keeps others waiting.
        if method == "POST" and self._service.full:
            raise Busy
        limit = allowed.bytes
        length = headers.get(b"content-length", b"0")
        if limit is not None and length.isdigit() and int(length) > limit:
            raise allowed.too_large()
        encoding = headers.get(b"content-encoding", b"identity").strip().lower()
        if method == "POST" and encoding not in (b"", b"identity"):
            raise UnsupportedEncoding(encoding.decode("latin-1"))

    def _headers(self, call: Call) -> list[tuple[bytes, bytes]]:
        headers = [(b"x-request-id", call.id.encode())]
        if call.cut:
            shown = ",".join(map(str, call.cut[:_SHOWN]))
            headers.append((b"x-truncated-items", shown.encode()))
            headers.append((b"x-truncated-count", str(len(call.cut)).encode()))
        if self._service.stopping:
            headers.append((b"connection", b"close"))
        return headers


def _refused(call: Call, error: BaseException, shape: Shape) -> Response:
    """What a client is told of an error; the log is told the rest."""
    match error:
        case ClientDisconnect():
            refusal: Refusal = Gone()
        case asyncio.CancelledError():
            refusal = Unavailable("The server is stopping. Send it to another one.")
        case _:
            refusal = refusal_of(error)
    call.error = refusal.kind
    if isinstance(refusal, Fault):
        call.fault = "".join(traceback.format_exception(error))
    return Response(
        to_json(shape(refusal, call.id)),
        refusal.status,
        refusal.headers,
        media_type="application/json",
    )


class _Allowed(NamedTuple):
    """How much of a body is taken.

    Attributes:
        bytes: None for any number.
        seconds: that it may take.
        in_pieces: whether each piece of it may take as long.
        remedy: what to do if there is more.
    """

    bytes: int | None
    seconds: float
    in_pieces: bool = False
    remedy: str = "Send several requests, or JSON lines."

    def too_large(self) -> TooLarge:
        """The refusal of more."""
        return TooLarge(
            f"The body has more than {self.bytes} bytes. {self.remedy}",
            headers={"Connection": "close"},
        )


class _Body:
    """Passes a request's body on, as far as limits allow."""

    def __init__(self, receive: Receive, allowed: _Allowed) -> None:
        self._receive = receive
        self._allowed = allowed
        self._until = asyncio.get_running_loop().time() + allowed.seconds
        self._bytes = 0
        self._whole = False

    async def receive(self) -> Message:
        """The next message.

        Raises:
            TooLarge: the body is.
            BadRequest: it does not arrive.
        """
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            raise BadRequest(
                f"The body did not arrive in {self._allowed.seconds:g} s.",
                headers={"Connection": "close"},
            ) from error
        self._bytes += len(message.get("body", b""))
        if self._allowed.in_pieces:
            self._until = asyncio.get_running_loop().time() + self._allowed.seconds
        if self._allowed.bytes is not None and self._bytes > self._allowed.bytes:
            raise self._allowed.too_large()
        self._whole = not message.get("more_body", False)
        return message


def _id_of(headers: Headers) -> str:
    given = headers.get(b"x-request-id", b"")
    if given and _ID.fullmatch(given):
        return given.decode()
    return f"{_OURS}{next(_numbers):016x}"


def _keys(authorization: bytes) -> list[bytes]:
    """The key that a request brings, as a bearer's token or as a password."""
    scheme, _, value = authorization.partition(b" ")
    if scheme.lower() == b"bearer":
        return [value.strip()]
    if scheme.lower() == b"basic":
        try:
            return [base64.b64decode(value, validate=True).partition(b":")[2]]
        except binascii.Error:
            return []
    return []
