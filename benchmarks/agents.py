"""Measure every agent: wiring, hooks, what is captured of what was played, and what the model was told.

`python -m benchmarks.agents [NAME …] [--json]` starts the real clients (installing pinned versions first)
against the scripted model. Cursor cannot be started without its service and is measured without a session.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.contract import agent_fixtures as fixtures
from tests.e2e.clients import CLIENTS, Client, ClientUnavailableError
from tests.e2e.hivemind_cli import Hivemind
from tests.e2e.matrix import injection
from tests.e2e.model import Request, ScriptedModel, say, shell
from tests.e2e.scenario import FIX, play_trap, set_trap

from hivemind.agents.registry import NAMES, by_name
from hivemind.capture import hook

HOOK_RUNS = 40
#: What each exit of the played commands should be stored as.
EXITS = (3, 0, 1, 0, 2, 0)
PLAYED_EVENTS = 1 + 2 * len(EXITS) + 1  # prompt, a call and a result for each command, the last answer


@dataclass(kw_only=True)
class Row:
    """Hold one agent's figures; empty where it could not be started."""

    agent: str
    lines_of_code: int
    install_ms: float = 0.0
    hook_ms: float = 0.0
    bare_ms: float = 0.0
    events: str = ""
    failures_right: str = ""
    injected: str = ""
    note: str = ""
    statuses: list[str] = field(default_factory=list)


def lines_of_code(name: str) -> int:
    """Count the lines of an agent's folder that are not blank."""
    folder = Path(hook.__file__).parents[1] / "agents" / name
    files = [path for path in folder.rglob("*") if path.suffix in (".py", ".ts", ".js")]
    return sum(1 for path in files for line in path.read_text().splitlines() if line.strip())


def hook_ms(name: str, folder: Path) -> tuple[float, float]:
    """Give the median wall time of the announcing hook, and of a bare interpreter run in turn with it."""
    event, said, root = next(fixtures.payloads(by_name(name)))
    env = {"PATH": os.environ["PATH"], "HIVEMIND_WORKER": "false"}
    data = folder / f"hook-{name}"
    words = [sys.executable, "-I", "-S", hook.__file__, name, event, str(data), root]
    hooks, bare = [], []
    for _ in range(HOOK_RUNS):
        hooks.append(_time_ms(words, stdin=json.dumps(said).encode(), env=env))
        bare.append(_time_ms([sys.executable, "-I", "-S", "-c", "pass"], stdin=b"", env=env))
    return statistics.median(hooks), statistics.median(bare)


def _time_ms(words: Sequence[str], *, stdin: bytes, env: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(words, input=stdin, env=env, capture_output=True, check=True)
    return (time.perf_counter() - started) * 1000


def measure(name: str, folder: Path) -> Row:
    """Measure one agent in a home of its own."""
    row = Row(agent=name, lines_of_code=lines_of_code(name))
    row.hook_ms, row.bare_ms = hook_ms(name, folder)
    if name not in CLIENTS:
        row.note = "no client that runs here"
        return row
    try:
        program = CLIENTS[name].find()
    except ClientUnavailableError as error:
        row.note = str(error)
        return row
    with ScriptedModel() as model:
        client = CLIENTS[name](program, folder / name, model.url)
        hivemind = Hivemind.beside(client)
        try:
            _play(row, client, hivemind, model, _project(folder / f"{name}-project"))
        except AssertionError as error:
            row.note = f"gave up: {error}"
        finally:
            hivemind.leave()
    return row


def _project(folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    set_trap(folder)
    return folder


def _play(row: Row, client: Client, hivemind: Hivemind, model: ScriptedModel, project: Path) -> None:
    hivemind.run("--version")  # compiled by now
    started = time.perf_counter()
    hivemind.run("install", "--only", row.agent)
    row.install_ms = (time.perf_counter() - started) * 1000
    leave = project / "leave"
    leave.write_text('#!/bin/sh\necho "left $1"\nexit "$1"\n')
    leave.chmod(0o755)
    # Each command differs: some agents refuse to repeat one, and ask a person about `sh -c`.
    steps = [shell(f"./leave {code} {n}") for n, code in enumerate(EXITS)]
    model.when("(?i)play all", *steps, say("All played."))
    client.run("Play all of them.", cwd=project)
    stored = hivemind.wait_for(lambda: _events(hivemind), seconds=30)
    results = [event for event in stored if event["kind"] == "tool_result"]
    wanted = [("error", code) if code else ("ok", 0) for code in EXITS]
    found = [(event["status"], event["exit_code"]) for event in results]
    row.statuses = [f"{status} {code}" for status, code in found]
    right = sum(want == got for want, got in zip(wanted, found, strict=False) if want[0] == "error")
    row.failures_right = f"{right} of {sum(1 for code in EXITS if code)}"
    kinds = ("prompt", "tool_call", "tool_result", "assistant")
    row.events = f"{sum(event['kind'] in kinds for event in stored)} of {PLAYED_EVENTS}"
    play_trap(model)
    for prompt in ("Please run the test suite.", "Does the test suite still pass?"):
        client.run(prompt, cwd=project)
    hivemind.wait_for(lambda: hivemind.json("skills", "list"))
    before = len(model.requests)
    client.run("Run the test suite again before I push.", cwd=project)
    row.injected = _told(model.requests[before:])


def _events(hivemind: Hivemind) -> list[dict[str, Any]]:
    stored = hivemind.sql("select kind, status, exit_code, text from events order by session_id, seq")
    return stored if any(event["text"] == "All played." for event in stored) else []


def _told(requests: Sequence[Request]) -> str:
    first = next((request for request in requests if request.tools), None)
    where = injection(first, FIX) if first else None
    return f"yes: {where} characters" if where else "no"


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out as a Markdown table."""
    heads = "| agent | install | hook (bare) | events stored | failures right | told to the model | lines |"
    lines = [heads, "|---|--:|--:|--:|--:|---|--:|"]
    for row in rows:
        install = f"{row.install_ms:.0f} ms" if row.install_ms else ""
        lines.append(
            f"| {row.agent} | {install} | {row.hook_ms:.1f} ({row.bare_ms:.1f}) ms | {row.events}"
            f" | {row.failures_right} | {row.injected or row.note} | {row.lines_of_code} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure the agents named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agents")
    parser.add_argument("agents", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all without")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.agents or NAMES:
        print(f"measuring {name} …", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="hivemind-bench-") as folder:
            rows.append(measure(name, Path(folder)))
    print(json.dumps([asdict(row) for row in rows]) if arguments.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
