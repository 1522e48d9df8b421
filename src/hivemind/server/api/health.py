"""`/healthz` and `/readyz`."""

import sqlalchemy as sa
from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from hivemind.server import problems
from hivemind.server.api.asking import TheSite
from hivemind.store.schema import workspaces

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz() -> Response:
    """Say that the process answers."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz")
def readyz(site: TheSite) -> Response:
    """Say whether the database answers, so that requests can be served."""
    try:
        with site.database.read() as workspace:
            workspace.execute(sa.select(workspaces.c.workspace_id).limit(1)).first()
    except sa.exc.SQLAlchemyError:
        return problems.response("database-unreachable", "the database does not answer", status=503)
    return JSONResponse({"status": "ready"})
