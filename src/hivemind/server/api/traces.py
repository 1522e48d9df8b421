"""OpenTelemetry's own paths, such as `/v1/traces`: an exporter needs an address and a token alone."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from hivemind.capture import boundary
from hivemind.domain.accounts import Scope
from hivemind.otlp import receiver
from hivemind.otlp.reading import Signal
from hivemind.otlp.receiver import Answer
from hivemind.server.access.viewer import Viewer
from hivemind.server.api.asking import TheSite, Writer, ask_to_distil, note_intake
from hivemind.server.site import Site

router = APIRouter(tags=["traces"])


# OpenTelemetry says what it takes and answers: no schema of ours does.
@router.post("/v1/traces", include_in_schema=False)
@router.post("/v1/logs", include_in_schema=False)
@router.post("/v1/metrics", include_in_schema=False)
async def export(request: Request, viewer: Writer, site: TheSite) -> Response:
    """Store an OTLP request, in protobuf or JSON; 200 says that it is, but for what it rejects."""
    signal = Signal(request.url.path.rpartition("/")[2])
    answer = await run_in_threadpool(
        _store,
        site,
        viewer,
        signal,
        body=await request.body(),
        content_type=request.headers.get("content-type", ""),
        content_encoding=request.headers.get("content-encoding", ""),
    )
    return Response(answer.body, status_code=answer.status, headers=answer.headers)


def _store(
    site: Site, viewer: Viewer, signal: Signal, *, body: bytes, content_type: str, content_encoding: str
) -> Answer:
    space = viewer.space(Scope.TEAM)
    with site.database.read(space) as workspace:
        redactor = boundary.redactor_of(workspace)
    answer = receiver.receive(
        site.database,
        workspace_id=space,
        body=body,
        content_type=content_type,
        content_encoding=content_encoding,
        signal=signal,
        redactor=redactor,
        rules=site.settings,
    )
    if answer.stored is not None and answer.stored.sessions:
        with site.database.write(space, alone=False) as workspace:
            note_intake(workspace, viewer, f"{signal}.send", answer.stored.sessions)
            ask_to_distil(workspace, answer.stored.sessions)
    return answer
