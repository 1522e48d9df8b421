"""An agent on a worker, where nothing is installed: environment variables are enough to be seen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.team_server import free_port

from .clients import ClaudeCode
from .hivemind_cli import Hivemind
from .model import ScriptedModel
from .scenario import FIX, play_trap

pytestmark = pytest.mark.e2e

TELEMETRY = {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
    "OTEL_LOG_USER_PROMPTS": "1",
    "OTEL_LOG_TOOL_DETAILS": "1",
    "OTEL_RESOURCE_ATTRIBUTES": "hivemind.project=https://github.com/acme/shop",
}


@pytest.fixture
def hivemind(claude_code: ClaudeCode) -> Iterator[Hivemind]:
    """Give a worker that takes telemetry in; no hook is installed."""
    tool = Hivemind.beside(claude_code)
    tool.run("config", "set", "otlp.listen", f"127.0.0.1:{free_port()}")
    with subprocess.Popen([sys.executable, "-m", "hivemind", "worker"], env=tool.environment()) as process:
        yield tool
        process.terminate()


def test_sessions_are_told_by_telemetry_alone(
    hivemind: Hivemind, claude_code: ClaudeCode, scripted_model: ScriptedModel, trap: Path
) -> None:
    """A session of the real Claude Code fails and recovers: each call, how it ended, and how all went."""
    play_trap(scripted_model)
    environment = TELEMETRY | hivemind.json("traces")["environment"]
    done = claude_code.run("Please run the test suite.", cwd=trap, env=environment)
    assert done.returncode == 0, done.stderr
    (graded,) = hivemind.wait_for(lambda: hivemind.sql("select score_label, tool_errors from episodes"))
    assert graded == {"score_label": "success", "tool_errors": 1}
    query = "select kind, status, text from events where kind not in ('system', 'usage') order by at, seq"
    assert [tuple(row.values()) for row in hivemind.sql(query)] == [
        ("prompt", None, "Please run the test suite."),
        ("assistant", None, "I run the checks."),
        ("tool_call", None, "./check test-suite"),
        ("tool_result", "error", "ShellError: Shell command failed"),
        ("assistant", None, "It wants a profile."),
        ("tool_call", None, f"{FIX} test-suite"),
        ("tool_result", "ok", ""),
        ("assistant", None, "All 12 tests pass."),
    ]
    (project,) = hivemind.sql("select remote from projects")
    assert project == {"remote": "github.com/acme/shop"}
    assert not claude_code.settings.exists()
