"""Why a request is not answered: one shape, and the HTTP status of each kind.

    400  bad_request      the request can't be read
    401  unauthorized     the key is missing or wrong
    404  not_found        there is no such model or path
    405  method_not_allowed
    413  too_large        the body, a text, or the number of items is above a limit
    415  unsupported_encoding
    422  unusable         an item or option can't be used
    429  busy             too much is waiting already; try again soon
    499  gone             the client left before its answer (only in the log)
    503  unavailable      stopping, a model that can't be loaded, or a fault of ours

The shape is flat, so that clients of every interface find what they look for:
``{"error": message, "error_type": kind, "item": index or null, "request_id": id}``.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from squeezebert.errors import BundleError, InputError, SqueezeBertError


class Refusal(SqueezeBertError):  # noqa: N818 -- most of them are no errors of anyone's
    """A request that is not answered.

    Attributes:
        status: of HTTP.
        kind: the error's type, for programs.
        item: index of the item that it is about; None if about none of them.
        headers: to send with it.
    """

    status: ClassVar[int] = 503
    kind: ClassVar[str] = "unavailable"

    def __init__(
        self, message: str, *, item: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.item = item
        self.headers = headers or {}

    def body(self, request_id: str) -> dict[str, Any]:
        """What is sent."""
        return {
            "error": str(self),
            "error_type": self.kind,
            "item": self.item,
            "request_id": request_id,
        }


class BadRequest(Refusal):
    """The request can't be read."""

    status, kind = 400, "bad_request"


class Unauthorized(Refusal):
    """The key is missing or wrong."""

    status, kind = 401, "unauthorized"

    def __init__(self) -> None:
        super().__init__(
            "This server needs a key. Send it as `Authorization: Bearer KEY`.",
            headers={"WWW-Authenticate": 'Basic realm="squeezebert: the key as password"'},
        )


class NotFound(Refusal):
    """There is no such model or path."""

    status, kind = 404, "not_found"


class MethodNotAllowed(Refusal):
    """The path has other methods."""

    status, kind = 405, "method_not_allowed"

    def __init__(self, method: str, allowed: list[str]) -> None:
        methods = ", ".join(allowed)
        super().__init__(
            f"{method} is not for this path; take {methods}.", headers={"Allow": methods}
        )


class TooLarge(Refusal):
    """The body, a text, or the number of items is above a limit."""

    status, kind = 413, "too_large"


class UnsupportedEncoding(Refusal):
    """The body is packed."""

    status, kind = 415, "unsupported_encoding"

    def __init__(self, encoding: str) -> None:
        super().__init__(f"The body is packed (Content-Encoding: {encoding}). Send it as it is.")


class Unusable(Refusal):
    """An item or option can't be used."""

    status, kind = 422, "unusable"


class SeveralTasks(Unusable):
    """One task is to be named, and the model has several."""

    def __init__(self, model: str, tasks: Sequence[str]) -> None:
        super().__init__(
            f"The model {model!r} has several tasks: {', '.join(tasks)}. Ask "
            f"/v1/models/{model}/predict, which answers all of them, or the one that `task` names."
        )


class Busy(Refusal):
    """Too much is waiting already."""

    status, kind = 429, "busy"

    def __init__(
        self,
        message: str = "Too many requests are waiting. Send it again after a second, or to another "
        "server.",
    ) -> None:
        super().__init__(message, headers={"Retry-After": "1"})


class Gone(Refusal):
    """The client left before its answer."""

    status, kind = 499, "gone"

    def __init__(self) -> None:
        super().__init__("The client left before its answer.")


class Unavailable(Refusal):
    """Stopping, a model that can't be loaded, or a fault of ours."""


class Fault(Unavailable):
    """Something that must not happen; the log tells what, the client is spared it."""

    kind = "fault"

    def __init__(self) -> None:
        super().__init__(
            "The server failed at this request. Its log has the reason under the request's id."
        )


def refusal_of(error: BaseException) -> Refusal:
    """What a client is told of an error."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, InputError):
        return Unusable(str(error), item=error.index)
    if isinstance(error, BundleError):
        return Unavailable(f"The model can't be loaded. {error}")
    return Fault()
