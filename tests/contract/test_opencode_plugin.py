"""Our OpenCode plugin, run under Node: OpenCode runs it under Bun, which has the same modules."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hivemind.agents.base import Machine, Wiring
from hivemind.agents.opencode import agent

NODE = shutil.which("node")

_DRIVER = """
const {{ HivemindPlugin }} = await import(process.argv[1]);
const sessions = {{ ses_sub: {{ id: "ses_sub", parentID: "ses_a", directory: "/h/shop" }} }};
const toasts = [];
const client = {{
	session: {{
		get: async ({{ path }}) => {{
			if (path.id === "ses_hang") await new Promise(() => setTimeout(() => {{}}, 1e5));
			return {{ data: sessions[path.id] }};
		}},
	}},
	tui: {{ showToast: async ({{ body }}) => toasts.push(body.message) }},
}};
const hooks = await HivemindPlugin({{ client, directory: "/h/here" }});
const event = (type, properties) => hooks.event({{ event: {{ type, properties }} }});
const prompt = async (id, ...texts) => {{
	const part = {{ sessionID: id, messageID: "m", type: "text" }};
	const parts = texts.map((text, n) => ({{ ...part, id: `prt_${{n}}`, text }}));
	const began = Date.now();
	await hooks["chat.message"]({{}}, {{ message: {{ sessionID: id }}, parts }});
	return {{ parts, took: Date.now() - began }};
}};
const done = (value) => {{ console.log(JSON.stringify({{ value, toasts }})); process.exit(0); }};
{body}
"""
_HOOK = """
import json, sys, time
payload = json.loads(sys.stdin.read())
with open(sys.argv[3] + "/calls", "a") as calls:
    calls.write(json.dumps([sys.argv[1], sys.argv[2], payload]) + "\\n")
{body}
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Any:
    """Give a function that runs JavaScript against the plugin, and gives its value and the hook's calls."""
    if NODE is None:
        pytest.skip("needs Node")

    def run(body: str, *, hook: str = "", env: dict[str, str] | None = None, python: str = "") -> Any:
        data = tmp_path / "it's data"
        data.mkdir(exist_ok=True)
        hook_file = tmp_path / "capture" / "hook.py"
        hook_file.parent.mkdir(exist_ok=True)
        hook_file.write_text(_HOOK.format(body=hook))
        wiring = Wiring(python=python or sys.executable, hook_file=hook_file, data_dir=data)
        machine = Machine(home=tmp_path / "home")
        for change in agent.plan_install(machine, wiring):
            if change.path.suffix == ".js":
                (tmp_path / "plugin.mjs").write_bytes(change.after or b"")
        command = [NODE, "--input-type=module", "-e", _DRIVER.format(body=body), str(tmp_path / "plugin.mjs")]
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/h", "XDG_DATA_HOME": "/h/data", **(env or {})}
        done = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=30)
        time.sleep(0.5)  # what is told in passing goes on behind the end
        calls = data / "calls"
        told = [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []
        answer = json.loads(done.stdout) if done.stdout.strip() else {}
        return answer.get("value"), answer.get("toasts"), told

    return run


def test_the_plugin_puts_context_beside_the_prompt(plugin: Any) -> None:
    """The context is a part of its own, marked as nobody's words and sorted behind them."""
    hook = 'print(json.dumps({"context": "use uv", "notice": "one new skill"}))'
    value, toasts, told = plugin('done((await prompt("ses_a", "fix", "it")).parts.at(-1))', hook=hook)
    assert value == {
        "id": "prt_10",
        "sessionID": "ses_a",
        "messageID": "m",
        "type": "text",
        "text": "use uv",
        "synthetic": True,
    }
    assert toasts == ["one new skill"]
    payload_given = {
        "session_id": "ses_a",
        "parent_id": None,
        "cwd": "/h/here",
        "database": "/h/data/opencode/opencode.db",
        "prompt": "fix\nit",
    }
    assert told == [["opencode", "chat.message", payload_given]]


def test_the_plugin_tells_a_turn_though_the_client_exits_at_once(plugin: Any) -> None:
    """`opencode run` ends behind the event; a subagent's turn is told with the session that it is of."""
    body = (
        'event("session.created", {info: {id: "ses_a", directory: "/h/shop"}}); await prompt("ses_a", "x");'
    )
    body += (
        'await event("session.idle", {sessionID: "ses_sub"}); event("session.idle", {sessionID: "ses_a"});'
    )
    _, _, told = plugin(body + "await hooks.dispose(); process.exit(0)")
    events = {event: (p["session_id"], p["parent_id"], p["cwd"]) for _, event, p in told}
    assert events == {
        "session.created": ("ses_a", None, "/h/shop"),
        "chat.message": ("ses_a", None, "/h/shop"),
        "subagent.idle": ("ses_sub", "ses_a", "/h/shop"),
        "session.idle": ("ses_a", None, "/h/shop"),
        "dispose": ("ses_a", None, "/h/shop"),
    }


def test_a_subagents_task_is_not_asked_about(plugin: Any) -> None:
    """The prompt of a session with a parent gets no context."""
    hook = 'print(json.dumps({"context": "use uv"}))'
    value, _, told = plugin('done((await prompt("ses_sub", "task")).parts.length)', hook=hook)
    assert (value, told) == (1, [])


@pytest.mark.parametrize(
    ("hook", "python"),
    [("time.sleep(20)", ""), ("print('[')", ""), ("sys.exit(3)", ""), ("", "/nonexistent/python")],
)
def test_a_hook_that_fails_holds_nobody_up(plugin: Any, hook: str, python: str) -> None:
    """However the hook goes wrong, the prompt goes on as it was, within the plugin's own limit."""
    body = (
        'const {parts, took} = await prompt("ses_a", "x"); await event("session.idle", {sessionID: "ses_a"});'
    )
    value, _, _ = plugin(body + "done([parts.length, took])", hook=hook, python=python)
    assert value[0] == 1
    assert value[1] < 4_000


def test_a_client_that_fails_holds_nobody_up(plugin: Any) -> None:
    """Events of shapes that are not known and a client that never answers throw nothing into OpenCode."""
    value, _, _ = plugin("""
        for (const type of ["session.idle", "session.created", "session.compacted"]) {
            await event(type, {});
            await event(type);
        }
        await hooks["chat.message"]({}, {});
        await hooks["chat.message"]({}, {message: {}, parts: [null]});
        done((await prompt("ses_hang", "x")).took);
    """)
    assert value < 4_000


def test_inside_hivemind_only_the_start_is_told(plugin: Any) -> None:
    """It keeps the session out of the store; prompts and turns are nobody's."""
    body = 'event("session.created", {info: {id: "ses_a"}}); await prompt("ses_a", "x");'
    body += 'await event("session.idle", {sessionID: "ses_a"}); setTimeout(() => done(1), 1000);'
    _, _, told = plugin(body, env={"HIVEMIND_INSIDE": "1"})
    assert [event for _, event, _ in told] == ["session.created"]
