"""The REST API, a module a resource: `routers()` names them, all below `/api/v1` but health."""

from collections.abc import Sequence

from fastapi import APIRouter

from hivemind.server import problems
from hivemind.server.api import (
    context,
    health,
    invitations,
    log,
    login,
    members,
    people,
    recorded,
    sessions,
    settings,
    skills,
    sync,
    tokens,
    traces,
)

PREFIX = "/api/v1"
RESOURCES = (
    *(members, invitations, tokens, settings, log, login),
    *(skills, sessions, context, recorded, people, sync),
)


def routers() -> Sequence[APIRouter]:
    """Give the routers of the API."""
    api = APIRouter(prefix=PREFIX, responses=problems.DESCRIBED)
    for resource in RESOURCES:
        api.include_router(resource.router)
    return (health.router, traces.router, api)
