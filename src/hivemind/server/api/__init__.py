"""The REST API, a module a resource: `routers()` names them, all below `/api/v1` but health."""

from collections.abc import Sequence

from fastapi import APIRouter

from hivemind.server.api import health, sync


def routers() -> Sequence[APIRouter]:
    """Give the routers of the API."""
    return (health.router, sync.router)
