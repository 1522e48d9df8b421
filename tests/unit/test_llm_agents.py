"""A program is run in bounds, and whatever a client prints is an answer or a named failure."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hivemind.config import AGENT_MODELS, Settings
from hivemind.domain.model_calls import CallStatus
from hivemind.llm import choose, process
from hivemind.llm.agent_model import AgentModel, Client
from hivemind.llm.base import Answer, ModelError, Question
from hivemind.llm.process import Finished, Limits

QUESTION = Question(instructions='Say "no" to $(this) `and` that.', material='it\'s\n"data" ü', fields=("a",))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "type",
        "result",
        "usage",
        "modelUsage",
        "message",
        "item",
        "role",
        "content",
        "text",
        "error",
        "stopReason",
    ]
)


def run(code: str, folder: Path, **more: Any) -> Finished:
    """Run Python code in bounds."""
    limits = Limits(time_s=more.pop("time_s", 20), output_bytes=more.pop("output_bytes", 1 << 20))
    return process.run(
        [sys.executable, "-c", code],
        given=more.pop("given", ""),
        folder=folder,
        variables=dict(os.environ),
        limits=limits,
        stopped=more.pop("stopped", lambda: False),
        **more,
    )


def test_input_and_output_are_what_they_are(tmp_path: Path) -> None:
    """What is given comes in as it is, however long, and what is printed comes out."""
    given = "ü $(x) `y` '\"\n" * 50_000
    done = run("import sys; sys.stdout.write(sys.stdin.read())", tmp_path, given=given)
    assert (done.code, done.stdout, done.ended_by) == (0, given, "")


@pytest.mark.parametrize(
    ("code", "ended_by"),
    [
        ("import time; time.sleep(60)", "time"),
        ("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)", "time"),
        ("while True: print('x' * 1000)", "output"),
        ("import sys\nwhile True: sys.stdout.write('x' * 1000)", "output"),
    ],
)
def test_a_run_ends_at_its_bounds(code: str, ended_by: str, tmp_path: Path) -> None:
    """What takes too long or prints too much is killed."""
    began = time.monotonic()
    done = run(code, tmp_path, time_s=1.5, output_bytes=100_000)
    assert done.ended_by == ended_by
    assert len(done.stdout) <= 100_000
    assert time.monotonic() - began < 10


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    """A child that outlives the program, and holds its output, is killed with its group."""
    started = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    began = time.monotonic()
    done = run(f"{started}; print(p.pid)", tmp_path)
    assert time.monotonic() - began < 10
    for _ in range(50):
        status = Path(f"/proc/{int(done.stdout)}/stat")
        if not status.exists() or status.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the child is still there")


def test_it_stops_when_told_to(tmp_path: Path) -> None:
    """Soon after Hivemind is told to stop the program is gone."""
    began = time.monotonic()
    done = run("import time; time.sleep(60)", tmp_path, stopped=lambda: time.monotonic() > began + 0.5)
    assert done.ended_by == "stopped"
    assert time.monotonic() - began < 10


def test_lines_that_nobody_wants_take_no_room(tmp_path: Path) -> None:
    """A client that prints its growing answer again and again is not cut off for it."""
    code = "for n in range(200):\n print('{\"type\":\"message_update\"' + 'x' * 10_000)\nprint('the end')"
    done = run(code, tmp_path, output_bytes=20_000, drop=b'{"type":"message_update"')
    assert (done.stdout, done.ended_by) == ("the end\n", "")


def model(kind: str, folder: Path, script: str, *, timeout_s: int = 20) -> AgentModel:
    """Give a model whose program is a script that stands in for the client."""
    program = folder / kind
    program.write_text(f"#!{sys.executable}\nimport json, os, sys\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    variables = {"PATH": str(folder), "HOME": str(folder), "CLAUDECODE": "1", "CLAUDE_CODE_USE_BEDROCK": "1"}
    settings = Settings(model_kind=kind, model_name="small", model_timeout_s=timeout_s)
    chosen = choose.choose(settings, variables=variables, data=folder)
    assert isinstance(chosen.model, AgentModel), chosen.problem
    return chosen.model


RECORD = (
    "seen = {'args': sys.argv[1:], 'given': sys.stdin.read(), 'env': dict(os.environ), 'cwd': os.getcwd(),"
    " 'there': os.listdir('.')}\n"
    "open(os.path.join(os.environ['HOME'], 'seen.json'), 'w').write(json.dumps(seen))\n"
)
SAYS = {
    "claude": """
print(json.dumps({
    'type': 'result', 'result': 'hi', 'total_cost_usd': 0.25, 'modelUsage': {'m1': {}},
    'usage': {'input_tokens': 3, 'cache_read_input_tokens': 4, 'output_tokens': 2},
}))""",
    "codex": """
print(json.dumps({'type': 'item.completed', 'item': {'type': 'agent_message', 'text': 'hi'}}))
print(json.dumps({'type': 'turn.completed', 'usage': {'input_tokens': 7, 'output_tokens': 2}}))""",
    "pi": """
usage = {'input': 7, 'output': 2, 'cost': {'total': 0.25}}
said = {'role': 'assistant', 'model': 'm1', 'content': [{'type': 'text', 'text': 'hi'}], 'usage': usage}
print(json.dumps({'type': 'message_end', 'message': said}))""",
    "hermes": """
usage = {'input_tokens': 7, 'output_tokens': 2, 'session_id': 'h-1', 'estimated_cost_usd': 0.25}
open(sys.argv[sys.argv.index('--usage-file') + 1], 'w').write(json.dumps(usage))
print('hi')""",
}


@pytest.mark.parametrize("kind", AGENT_MODELS)
def test_a_client_is_asked_and_read(kind: str, tmp_path: Path) -> None:
    """Instructions and material arrive as they are, in an empty folder, marked as Hivemind's own call."""
    answer = model(kind, tmp_path, RECORD + SAYS[kind]).ask(QUESTION, stopped=lambda: False)
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert (answer.text, answer.spent.input_tokens, answer.spent.output_tokens) == ("hi", 7, 2)
    assert answer.spent.cost_usd == (None if kind == "codex" else 0.25)
    assert seen["env"]["HIVEMIND_INSIDE"] == "1"
    assert seen["env"]["CLAUDE_CODE_USE_BEDROCK"] == "1"
    assert "CLAUDECODE" not in seen["env"]
    assert seen["there"] == []
    assert Path(seen["cwd"]).parent.parent == tmp_path
    assert not Path(seen["cwd"]).exists()
    told = " ".join(seen["args"]) + seen["given"]
    assert QUESTION.material in told
    assert "small" in seen["args"]
    if kind != "codex":  # it is in a value of TOML there
        assert QUESTION.instructions in told


def test_a_session_that_the_client_keeps_is_named_to_the_capture(tmp_path: Path) -> None:
    """Hermes stores what it was asked: the mark keeps that session out of a later backfill."""
    model("hermes", tmp_path, SAYS["hermes"]).ask(QUESTION, stopped=lambda: False)
    assert [path.name for path in (tmp_path / "not-captured").iterdir()] == ["h-1"]


@pytest.mark.parametrize("kind", AGENT_MODELS)
@pytest.mark.parametrize(
    ("script", "statuses"),
    [
        ("sys.exit(3)", {CallStatus.FAILED}),
        ("sys.stderr.write('no login\\n' * 9999); sys.exit(1)", {CallStatus.FAILED}),
        ("print('[1, 2'); sys.exit(0)", {CallStatus.FAILED, None}),
        ("import time; time.sleep(60)", {CallStatus.TIMEOUT}),
        ("while True: print('x' * 10_000)", {CallStatus.TOO_LONG}),
    ],
)
def test_a_client_that_fails_is_a_failed_call(
    kind: str, script: str, statuses: set[CallStatus | None], tmp_path: Path
) -> None:
    """Whatever goes wrong is told in one way, and leaves no folder behind."""
    asked, caught = model(kind, tmp_path, script, timeout_s=2), None
    try:
        asked.ask(QUESTION, stopped=lambda: False)
    except ModelError as error:
        caught = error
    assert (caught.status if caught else None) in statuses
    assert caught is None or len(caught.message) < 500
    assert not list(tmp_path.glob("model-*"))


def test_a_program_that_is_gone_is_a_failed_call(tmp_path: Path) -> None:
    """It was there when it was chosen."""
    chosen = model("claude", tmp_path, "")
    (tmp_path / "claude").unlink()
    with pytest.raises(ModelError) as caught:
        chosen.ask(QUESTION, stopped=lambda: False)
    assert caught.value.status is CallStatus.FAILED


@pytest.mark.parametrize("kind", AGENT_MODELS)
@given(
    records=st.lists(st.dictionaries(KEYS | st.text(max_size=8), ANY_JSON, max_size=6), max_size=4),
    code=st.sampled_from([0, 1, -9]),
)
def test_no_output_makes_a_reader_raise_anything_else(
    kind: str, records: list[dict[str, Any]], code: int
) -> None:
    """Any JSON is an answer or a ModelError."""
    client = cast("Client", import_module(f"hivemind.llm.clients.{kind}"))
    done = Finished(code=code, stdout="\n".join(json.dumps(r) for r in records), stderr="")
    with suppress(ModelError):
        assert isinstance(client.read(done, files=Path("/nowhere")), Answer)


def test_codex_gets_no_server_of_the_user(tmp_path: Path) -> None:
    """Each MCP server in its configuration is switched off for the call; a broken file is left to Codex."""
    config = tmp_path / ".codex" / "config.toml"
    config.parent.mkdir()
    config.write_text('[mcp_servers.hivemind]\ncommand = "x"\n[mcp_servers.other]\nurl = "y"\n')
    chosen = model("codex", tmp_path, RECORD + SAYS["codex"])
    chosen.ask(QUESTION, stopped=lambda: False)
    seen = json.loads((tmp_path / "seen.json").read_text())["args"]
    assert {"mcp_servers.hivemind.enabled=false", "mcp_servers.other.enabled=false"} <= set(seen)
    config.write_text("mcp_servers = [")
    chosen.ask(QUESTION, stopped=lambda: False)
