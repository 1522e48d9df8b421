"""The examples run with the real frameworks, and Hivemind has their sessions, failures and outcomes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.model import ScriptedModel
from tests.frameworks import running

from hivemind import config
from hivemind.agents import registry
from hivemind.capture import ingest, layout
from hivemind.capture.redaction import Redactor
from hivemind.store import episodes, sessions
from hivemind.store.database import Database, open_database
from hivemind.worker.traces import Listener

pytestmark = [pytest.mark.frameworks, pytest.mark.slow]
NEEDS = {
    "pydantic_ai": "pydantic_ai, opentelemetry.exporter.otlp.proto.http",
    "openai_agents": "agents, openinference.instrumentation.openai_agents",
    "langgraph_agent": "langgraph, langchain_openai, openinference.instrumentation.langchain",
    "plain_api": "openai",
    "claude_agent_sdk": "claude_agent_sdk",
}
SOURCE = Path(config.__file__).parents[1]


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """Serve a model without a script."""
    with ScriptedModel() as found:
        yield found


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open the database of the data folder that examples are given."""
    found = open_database(Path(layout.database(str(tmp_path / "data"))))
    yield found
    found.close()


def require(name: str) -> None:
    """Skip the test where the framework is not installed."""
    done = subprocess.run([running.python(), "-c", f"import {NEEDS[name]}"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"{running.python()} has no {NEEDS[name]}")


def check(database: Database) -> None:
    """One call failed, two worked, the order was cancelled, and the program said so."""
    with database.read() as workspace:
        (session,) = sessions.recent(workspace, limit=5)
        rows = sessions.events_of(workspace, session.session_id)
        reports = episodes.reports(workspace, session.session_id)
    assert session.project == "shop-bot"
    assert session.title == "Please cancel order A11."
    results = [(row.tool_name, row.status) for row in rows if row.kind == "tool_result"]
    assert [status for _, status in results] == ["error", "ok", "ok"]
    assert [row.kind for row in rows if not row.agent_id].count("tool_call") == 3
    assert "Order A11 is cancelled." in [row.text for row in rows if row.kind == "assistant"]
    assert {report.score_label for report in reports} == {"success"}


@pytest.mark.parametrize("name", running.TRACED)
def test_a_framework_sends_its_traces(
    name: str, model: ScriptedModel, database: Database, tmp_path: Path
) -> None:
    """Traces over HTTP become the session."""
    require(name)
    running.script(model)
    listener = Listener(
        database,
        address=("127.0.0.1", 0),
        token="token",
        workspace_id="default",
        settings=config.Settings,
        stored=lambda _: None,
        failed=lambda error: pytest.fail(str(error)),
    )
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{listener.port}",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20token",
    }
    try:
        running.run(name, *running.TRACED[name], model_url=model.url, home=tmp_path, variables=variables)
    finally:
        time.sleep(0.1)
        listener.close()
    check(database)


@pytest.mark.parametrize("name", ["plain_api", "claude_agent_sdk"])
def test_a_program_records_by_the_api(
    name: str, model: ScriptedModel, database: Database, tmp_path: Path
) -> None:
    """What it records is the session."""
    require(name)
    running.script(model, prefix="mcp__shop__" if name == "claude_agent_sdk" else "")
    variables = {
        "PYTHONPATH": f"{running.EXAMPLES}:{SOURCE}",
        "HIVEMIND_HOME": str(tmp_path / "data"),
        "HIVEMIND_WORKER": "off",
    }
    running.run(name, "Please cancel order A11.", model_url=model.url, home=tmp_path, variables=variables)
    for path in (tmp_path / "data" / "kept" / "sdk").glob("*.jsonl"):
        ingest.ingest(
            database, path, agent=registry.by_name("sdk"), workspace_id="default", redactor=Redactor()
        )
    check(database)
