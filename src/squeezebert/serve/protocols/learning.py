"""Files to learn from, and the models that come of them: what the page with `allow_learn` asks."""

import asyncio
import re
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field
from pydantic_core import to_json
from starlette.responses import FileResponse

from squeezebert.bundle.heads import ProblemType
from squeezebert.data.columns import Columns
from squeezebert.serve.call import call_of
from squeezebert.serve.lessons import Guess, Lesson, Lessons
from squeezebert.serve.protocols.native import (
    ModelBody,
    PredictRequest,
    PredictResponse,
    as_item,
    described,
    prediction,
)
from squeezebert.serve.protocols.wire import Wire, refusals
from squeezebert.serve.refusals import BadRequest, Busy, NotFound, TooLarge, Unusable
from squeezebert.serve.service import Service

PATH = "/v1/learn"

_NAME = re.compile(r"\w[\w.-]{0,63}")
_CELL = 200  # characters shown of one
_REPORT_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


class GuessBody(Wire):
    """What the columns of a file seem to be; null where that could not be guessed."""

    id: str
    file: str
    columns: list[str]
    text: str | None
    pair: str | None
    label: str | None
    rows: list[dict[str, str]] = Field(description="The first ones, each cell as text.")
    note: str | None


class ColumnsBody(Wire):
    """The columns to learn from, and what the labels are."""

    text: str
    pair: str | None = None
    label: str
    problem_type: ProblemType | None = Field(
        default=None,
        description="One class for each text, several, or a number to predict, such as a rating "
        "from 1 to 5; null to find out.",
    )


class LessonBody(Wire):
    """How far a learning is, and what came of it."""

    id: str
    file: str
    state: str = Field(description="sent, learning, learnt or failed.")
    doing: str
    done: int
    total: int
    notes: list[str] = Field(description="What to know of how the file was read.")
    scores: dict[str, Any]
    error: str | None
    labels: list[str]
    served: str | None


class NameBody(Wire):
    """A name to serve a model under."""

    name: str


def router(service: Service, lessons: Lessons) -> APIRouter:
    """Sending, learning, asking, taking away."""
    routes = APIRouter(tags=["learning"], prefix=PATH)

    @routes.post(
        "",
        response_model=GuessBody,
        responses=refusals(BadRequest, TooLarge, Unusable),
        openapi_extra={
            "parameters": [
                {"name": "file", "in": "query", "required": True, "schema": {"type": "string"}}
            ],
            "requestBody": {"content": {"application/octet-stream": {"schema": {}}}},
        },
    )
    async def send(request: Request) -> GuessBody:
        """Takes a file, and says what its columns seem to be."""
        _require_own(request)
        if request.headers.get("content-type", "").startswith("multipart/"):
            raise BadRequest(
                "This is a form with the file in it. Send the file itself as the body; curl does "
                "so with `-T FILE -X POST`."
            )
        lesson = lessons.place_for(request.query_params.get("file", ""))
        try:
            with lesson.source.open("wb") as stream:
                async for piece in request.stream():
                    stream.write(piece)
            return _guess_body(lesson, await asyncio.to_thread(lessons.add, lesson))
        except BaseException:
            lessons.discard(lesson)
            raise

    @routes.post("/{id}/start", responses=refusals(NotFound, Unusable, Busy))
    async def start(id: str, request: Request, body: ColumnsBody) -> LessonBody:
        """Begins to learn; one file at a time."""
        _require_own(request)
        columns = Columns(body.text, body.pair, body.label)
        begun = await asyncio.to_thread(lessons.start, id, columns, body.problem_type)
        return _lesson_body(begun)

    @routes.get("/{id}", responses=refusals(NotFound))
    async def state(id: str) -> LessonBody:
        """How far it is."""
        return _lesson_body(lessons.find(id))

    @routes.delete("/{id}", responses=refusals(NotFound, Unusable))
    async def forget(id: str, request: Request) -> dict[str, bool]:
        """Ends the learning, and removes the file and what was learnt from it."""
        _require_own(request)
        await asyncio.to_thread(lessons.forget, id)
        return {"forgotten": True}

    @routes.get("/{id}/report", responses=refusals(NotFound))
    async def report(id: str) -> Response:
        """The page about what was learnt."""
        lesson, _ = lessons.learnt(id)
        content = await asyncio.to_thread(lesson.report.read_bytes)
        return Response(content, media_type="text/html", headers=_REPORT_HEADERS)

    @routes.get("/{id}/bundle.zip", responses=refusals(NotFound))
    async def bundle(id: str) -> Response:
        """The bundle, to take away."""
        path: Path = await asyncio.to_thread(lessons.packed, id)
        return FileResponse(path, media_type="application/zip", filename=path.name)

    @routes.post(
        "/{id}/predict",
        response_model=PredictResponse,
        responses=refusals(NotFound, TooLarge, Unusable, Busy),
    )
    async def predict(id: str, request: Request, body: PredictRequest) -> Response:
        """Asks what was learnt, before it is served."""
        _, model = lessons.learnt(id)
        work, times = prediction(body), len(body.labels or [None])
        answer = await service.answer_by(
            call_of(request),
            model,
            list(map(as_item, body.items)),
            lambda predictor: to_json(work(predictor)),
            times,
        )
        return Response(answer, media_type="application/json")

    @routes.post("/{id}/serve", responses=refusals(NotFound, Unusable))
    async def serve(id: str, request: Request, body: NameBody) -> ModelBody:
        """Serves what was learnt, until the server stops."""
        _require_own(request)
        lesson, model = lessons.learnt(id)
        if _NAME.fullmatch(body.name) is None:
            raise Unusable(
                "A name begins with a letter, a digit or _, and goes on with these, dots and "
                "dashes, 64 characters at most. Choose another."
            )
        if lesson.served not in (None, body.name):
            raise Unusable(f"The model is served as {lesson.served!r} already.")
        if lesson.served is None:
            if any(each.name == body.name for each in service.registry.models):
                raise Unusable(f"There is a model {body.name!r} here. Choose another name.")
            service.registry.add(body.name, model.folder)
            lesson.served = body.name
        return described(service.registry.find(lesson.served), service)

    return routes


def _require_own(request: Request) -> None:
    """Raises BadRequest for what a page of another site has a visitor's browser send here.

    Programs send neither header.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        own = origin is None or origin.partition("://")[2] == request.headers.get("host")
    if not own:
        raise BadRequest("A page of another site asks for this. Use the page of this server.")


def _shown(cell: Any) -> str:
    """The beginning of a cell; half a character, which JSON can hold, as a question mark."""
    return str(cell)[:_CELL].encode(errors="replace").decode()


def _guess_body(lesson: Lesson, guess: Guess) -> GuessBody:
    return GuessBody(
        id=lesson.id,
        file=lesson.file,
        columns=list(guess.columns),
        text=guess.text,
        pair=guess.pair,
        label=guess.label,
        rows=[
            {_shown(name): "" if value is None else _shown(value) for name, value in row.items()}
            for row in guess.rows
        ],
        note=guess.note,
    )


def _lesson_body(lesson: Lesson) -> LessonBody:
    return LessonBody(
        id=lesson.id,
        file=lesson.file,
        state=lesson.state,
        doing=lesson.doing,
        done=lesson.done,
        total=lesson.total,
        notes=list(lesson.notes),
        scores=lesson.scores,
        error=lesson.error,
        labels=[] if lesson.model is None else list(lesson.model.spec.labels),
        served=lesson.served,
    )
