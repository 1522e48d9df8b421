"""The server's one application: health, API, MCP and pages over one site."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import hivemind
from hivemind.server import guards, mcp_http, metrics, pages, problems
from hivemind.server.api import routers
from hivemind.server.site import Site

TITLE = "Hivemind"


def create_app(site: Site) -> FastAPI:
    """Build the application of a site."""
    tools = mcp_http.Endpoint(site)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        stop = pages.counting_ahead(app) if site.counts_ahead else None
        async with tools.running():
            yield
        if stop is not None:
            stop()

    app = FastAPI(
        lifespan=lifespan,
        title=TITLE,
        version=hivemind.__version__,
        openapi_url="/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    app.state.site = site
    problems.install(app)
    guards.install(app, site)
    metrics.install(app, site)
    for router in routers():
        app.include_router(router)
    mcp_http.install(app, tools)
    pages.install(app)
    return app
