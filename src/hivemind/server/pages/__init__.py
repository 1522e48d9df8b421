"""The pages, a module each: server-rendered, with no script or style in them that the policy would refuse."""

from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from hivemind.errors import HivemindError
from hivemind.server import problems
from hivemind.server.pages import (
    asking,
    entering,
    models,
    overview,
    people,
    proposals,
    review,
    review_editing,
    sessions,
    settings,
    skills,
    team_settings,
    warming,
)

counting_ahead = warming.started
STATIC = Path(__file__).parent / "static"


def routers() -> Sequence[APIRouter]:
    """Give the routers of the pages."""
    first = (overview, review_editing, review, proposals, skills)
    then = (sessions, models, settings, team_settings, people, entering)
    return tuple(page.router for page in (*first, *then))


async def _unknown(request: Request, error: Exception) -> Response:
    """Answer a browser with a page, where no route has done so."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is installed for
    if error.status_code != 404 or not asking.wants_page(request):
        return await problems.refused(request, error)
    told = HivemindError("not-found", "there is no page at this address", hint="begin at the overview")
    return await run_in_threadpool(asking.failure, request, told)


def install(app: FastAPI) -> None:
    """Add the pages and their files to an app; `problems` are installed before."""
    app.add_exception_handler(HTTPException, _unknown)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in routers():
        app.include_router(router, include_in_schema=False)
