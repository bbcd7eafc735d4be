"""For those who run the server: health and metrics."""

from fastapi import APIRouter, Response

from squeezebert.serve.protocols.wire import Wire, refusals
from squeezebert.serve.refusals import Unavailable
from squeezebert.serve.service import Service


class Health(Wire):
    """The server's state."""

    status: str


def readiness(service: Service) -> Health:
    """That the server is ready.

    Raises:
        Unavailable: it is not: its models load, or it stops.
    """
    if not service.ready:
        raise Unavailable(
            "The server is stopping." if service.stopping else "The models are loading."
        )
    return Health(status="ready")


def router(service: Service) -> APIRouter:
    """Health and metrics."""
    routes = APIRouter(tags=["operations"])

    @routes.get("/health/live")
    async def live() -> Health:
        """Whether the process answers; if not, start it again."""
        return Health(status="live")

    @routes.get("/health/ready", responses=refusals(Unavailable))
    async def ready() -> Health:
        """Whether to send requests here; not while models load or the server stops."""
        return readiness(service)

    @routes.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        """Counters and histograms in Prometheus's text format."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    return routes
