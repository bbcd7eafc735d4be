"""The page to try models, and to learn them: files as they are in the package."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter, Response

_FOLDER = Path(__file__).parent.parent / "page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def router(*, teaches: bool) -> APIRouter:
    """The page and what it needs.

    Args:
        teaches: whether it also takes files to learn from.
    """
    routes = APIRouter(include_in_schema=False)
    part = (_FOLDER / "learn.html").read_bytes() if teaches else b""
    for file in sorted(_FOLDER.iterdir()):
        if file.stem == "learn" and (not teaches or file.suffix == ".html"):
            continue
        path = "/" if file.name == "index.html" else f"/{file.name}"
        content = file.read_bytes().replace(b"<!-- learn.html -->\n", part)
        routes.get(path)(_sender(content, _TYPES[file.suffix]))
    return routes


def _sender(content: bytes, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def send() -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)

    return send
