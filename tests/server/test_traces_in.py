"""Traces come in on OpenTelemetry's own path, with the tokens of everything else."""

from __future__ import annotations

import gzip
import json

import pytest
from otlp_stories import Trace, log_document, record
from server_world import World

from hivemind.domain.accounts import Role
from hivemind.store import jobs, sessions


def spans() -> bytes:
    """Write the spans of one conversation."""
    trace = Trace(conversation="c-1").asks("Where is my parcel?")
    trace.model("It is on its way.")
    scope = {"scope": {"name": "test"}, "spans": trace.spans}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "support"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}).encode()


def test_what_is_answered_with_200_is_stored_in_the_team_of_the_token(world: World) -> None:
    """Packed or not, once however often; its project is distilled, and the log says who sent it."""
    token = world.ours.tokens[Role.WRITER]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for more, body in (({}, spans()), ({"Content-Encoding": "gzip"}, gzip.compress(spans()))):
        answer = world.client.post("/v1/traces", content=body, headers={**headers, **more})
        assert (answer.status_code, answer.json()) == (200, {})
    with world.database.read("ours") as workspace:
        found = [one for one in sessions.recent(workspace, limit=50) if one.agent == "otel"]
        assert [one.person_id for one in found] == [world.ours.people[Role.WRITER]]
        assert found[0].project_id in {job.key for job in jobs.listed(workspace)}
    assert "traces.send" in world.actions()


@pytest.mark.parametrize(("role", "status"), [("", 401), (Role.READER, 403)])
def test_who_may_not_write_sends_no_traces(world: World, role: str, status: int) -> None:
    """Nor does somebody without a token."""
    headers = {"Content-Type": "application/json"}
    if role:
        headers["Authorization"] = f"Bearer {world.ours.tokens[Role(role)]}"
    assert world.client.post("/v1/traces", content=spans(), headers=headers).status_code == status


def test_what_is_no_trace_is_refused(world: World) -> None:
    """As OpenTelemetry wants it, and nothing is stored."""
    headers = {"Authorization": f"Bearer {world.ours.tokens[Role.WRITER]}"}
    for kind, body, status in (("application/json", b"{", 400), ("text/plain", b"x", 415)):
        answer = world.client.post("/v1/traces", content=body, headers={**headers, "Content-Type": kind})
        assert answer.status_code == status


def logs() -> bytes:
    """Write the log records of one conversation."""
    said = {"gen_ai.input.messages": [{"role": "user", "content": "Where is my parcel?"}]}
    name = "gen_ai.client.inference.operation.details"
    return json.dumps(log_document([record(name, said, trace="t", span="s")], service="support")).encode()


@pytest.mark.parametrize("packed", [False, True])
def test_logs_are_stored_in_the_team_of_the_token(world: World, packed: bool) -> None:
    """As traces are: with who sent them, and their project is distilled."""
    headers = {
        "Authorization": f"Bearer {world.ours.tokens[Role.WRITER]}",
        "Content-Type": "application/json",
        **({"Content-Encoding": "gzip"} if packed else {}),
    }
    body = gzip.compress(logs()) if packed else logs()
    for _ in range(2):
        answer = world.client.post("/v1/logs", content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {})
    with world.database.read("ours") as workspace:
        found = [one for one in sessions.recent(workspace, limit=50) if one.agent == "otel"]
        assert [(one.person_id, one.prompts) for one in found] == [(world.ours.people[Role.WRITER], 1)]
        assert found[0].project_id in {job.key for job in jobs.listed(workspace)}
    assert "logs.send" in world.actions()


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/metrics"])
def test_who_may_not_write_sends_nothing_else(world: World, path: str) -> None:
    """The tokens of traces are those of logs and metrics."""
    headers = {"Content-Type": "application/json"}
    assert world.client.post(path, content=b"{}", headers=headers).status_code == 401
    headers["Authorization"] = f"Bearer {world.ours.tokens[Role.READER]}"
    assert world.client.post(path, content=b"{}", headers=headers).status_code == 403


def test_metrics_are_rejected_without_an_error(world: World) -> None:
    """SDKs that send everything to one address have nothing to complain of."""
    headers = {
        "Authorization": f"Bearer {world.ours.tokens[Role.WRITER]}",
        "Content-Type": "application/json",
    }
    metric = {"name": "m", "gauge": {"dataPoints": [{"asInt": "1"}]}}
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
    answer = world.client.post("/v1/metrics", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "1"
