"""The application: all interfaces over one service, behind the gate."""

from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from squeezebert import __version__
from squeezebert.serve.dispatch import Dispatch
from squeezebert.serve.gate import Gate
from squeezebert.serve.journal import Journal
from squeezebert.serve.protocols import ROUTERS, openai
from squeezebert.serve.service import Service


def create_app(service: Service, journal: Journal, api_key: str | None = None) -> Gate:
    """An ASGI application.

    Args:
        api_key: without which nothing but health is answered.
    """
    routes = [
        route
        for router in ROUTERS
        for route in router(service).routes
        if isinstance(route, APIRoute)
    ]
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
    return Gate(Dispatch([*routes, *own]), service, journal, api_key, shapes)
