"""The page to try models: three files, as they are in the package."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter, Response

from squeezebert.serve.service import Service

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


def router(service: Service) -> APIRouter:
    """The page and what it needs."""
    routes = APIRouter(include_in_schema=False)
    for file in sorted(_FOLDER.iterdir()):
        path = "/" if file.name == "index.html" else f"/{file.name}"
        routes.get(path)(_sender(file.read_bytes(), _TYPES[file.suffix]))
    return routes


def _sender(content: bytes, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def send() -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)

    return send
