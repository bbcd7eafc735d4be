"""The application: all interfaces over one service, behind the gate."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from squeezebert import __version__
from squeezebert.serve.dispatch import Dispatch
from squeezebert.serve.gate import Gate
from squeezebert.serve.journal import Journal
from squeezebert.serve.protocols import ROUTERS, native, openai, page
from squeezebert.serve.service import Service

if TYPE_CHECKING:
    from squeezebert.serve.lessons import Lessons


def create_app(
    service: Service,
    journal: Journal,
    api_key: str | None = None,
    lessons: "Lessons | None" = None,
) -> Gate:
    """An ASGI application.

    Args:
        api_key: without which nothing but health is answered.
        lessons: what files that are sent become; None where none are taken.
    """
    routers = [router(service) for router in ROUTERS]
    routers.append(page.router(teaches=lessons is not None))
    files = set()
    if lessons is not None:
        from squeezebert.serve.protocols import learning  # only here: it takes a while to import

        routers.append(learning.router(service, lessons))
        files.add(learning.PATH)
    routes = [route for each in routers for route in each.routes if isinstance(route, APIRoute)]
    description = APIRouter()

    @description.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        return schema

    schema = get_openapi(
        title="squeezebert",
        version=__version__,
        summary="Text understanding over HTTP",
        routes=routes,
    )
    own = [route for route in description.routes if isinstance(route, APIRoute)]
    shapes = {openai.PATH: openai.refused}
    return Gate(Dispatch([*routes, *own]), service, journal, api_key, shapes, files, native.PREDICT)
