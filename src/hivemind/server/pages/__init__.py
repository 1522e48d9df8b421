"""The pages, a module each: server-rendered, with no script or style in them that the policy would refuse."""

from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from hivemind.server.pages import (
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


def install(app: FastAPI) -> None:
    """Add the pages and their files to an app."""
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in routers():
        app.include_router(router, include_in_schema=False)
