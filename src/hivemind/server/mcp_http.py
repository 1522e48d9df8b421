"""`/mcp`: the tools of agents over streamable HTTP, with the tokens of the API, call by call."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from anyio.to_thread import run_sync
from fastapi import FastAPI, Request
from mcp.server.mcpserver import Context
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hivemind.domain.events import session_key
from hivemind.domain.text import storable
from hivemind.errors import HivemindError
from hivemind.server import mcp, problems
from hivemind.server.access.viewer import Viewer
from hivemind.server.caller import Caller, of_call
from hivemind.server.site import Site
from hivemind.server.tool_places import OnServer

PATH = "/mcp"
MAX_PROJECT_CHARS = 1_000
_VIEWER = "hivemind.viewer"


class Endpoint:
    """Answer at the path, to whoever has a token, for as long as the application runs."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.path = PATH  #: as a route is asked for it
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Make the server of the tools, and end it with the application."""
        server = mcp.serving(self._library, caller_of=_caller)
        manager = StreamableHTTPSessionManager(
            server._lowlevel_server,  # the SDK mounts it by an application of its own otherwise
            json_response=True,
            stateless=True,
            # The guard before this has looked at the host.
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
            max_request_body_size=self.site.limits.body_bytes,
        )
        async with manager.run():
            self._manager = manager
            try:
                yield
            finally:
                self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let whoever has a token in, and hand the call on."""
        scope["route"] = self
        request = Request(scope, receive)
        viewer = await run_sync(self.site.access.api_viewer, request)
        if viewer is None:
            refused = problems.response(
                "not-let-in",
                "no valid token came with the request",
                hint="send `Authorization: Bearer TOKEN`; `hivemind login` gets one",
                headers={"WWW-Authenticate": "Bearer"},
            )
            await refused(scope, receive, send)
            return
        if self._manager is None:
            stopping = problems.response("not-found", "the server is stopping", status=503)
            await stopping(scope, receive, send)
            return
        scope[_VIEWER] = viewer
        await self._manager.handle_request(scope, receive, send)

    def _library(self, context: Context) -> mcp.Library:
        """Give what a call's tools answer from."""
        request = context.request_context.request
        viewer = request.scope.get(_VIEWER) if isinstance(request, Request) else None
        if not isinstance(viewer, Viewer) or not isinstance(request, Request):
            raise HivemindError("not-let-in", "nobody is let in here", hint="send a token")
        project = request.query_params.get("project", "")[:MAX_PROJECT_CHARS]
        return mcp.Library(
            place=OnServer(
                database=self.site.database,
                viewer=viewer,
                project=project,
                withholds=self.site.settings.holdout_enabled,
            )
        )


def _caller(context: Context) -> Caller:
    """Name the session by what the call says of it, else by the address that it is made to."""
    request = context.request_context
    client = request.session.client_params
    name = client.client_info.name if client is not None else ""
    told = of_call(name, cast("Mapping[str, Any] | None", request.meta))
    if told.session_id or not isinstance(request.request, Request):
        return told
    named = storable(request.request.query_params.get("session", ""))[:MAX_PROJECT_CHARS]
    return Caller(agent=told.agent, session_id=session_key(named) if named else "")


def install(app: FastAPI, endpoint: Endpoint) -> None:
    """Put the endpoint into an app, whose lifespan runs it."""
    app.router.routes.append(
        Route(PATH, endpoint, methods=["GET", "POST", "DELETE"], include_in_schema=False)
    )
