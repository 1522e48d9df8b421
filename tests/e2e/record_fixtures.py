"""Record the contract tests' fixtures anew: `python -m tests.e2e.record_fixtures [NAME …]`.

Each real client plays one session against the scripted model: a command that fails, one that works, a file
that is written. Its transcript becomes `recorded.jsonl`, what its hooks got `payloads/EVENT.json`, with the
folders of the recording replaced by neutral ones. Run the contract tests with HIVEMIND_UPDATE_GOLDEN=1 then,
and read the difference: that is what moved on in the client.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.contract.agent_fixtures import folder

from hivemind.agents.base import Agent, Machine, ReaderState, Wiring
from hivemind.agents.editing.files import apply_changes
from hivemind.agents.registry import NAMES, by_name

from .clients import CLIENTS, Client
from .model import ScriptedModel, say, shell, write

#: Stands in the place of the real hook, and keeps what it is given.
HOOK = """
import json, os, sys, time
event, folder, root = sys.argv[2], sys.argv[3], "".join(sys.argv[4:5])
said = {"event": event, "payload": json.loads(sys.stdin.read() or "null"), "root": root}
with open(os.path.join(folder, f"{time.time_ns()}.json"), "w") as file:
    json.dump(said, file)
"""
#: A case that is recorded; the others are reduced by hand from what a format shows.
CASE = "recorded"
#: A longer record that says nothing (the client's whole request to its model) is left out, in characters.
LONG_CHARS = 8_000


def main(names: Sequence[str]) -> int:
    """Record the agents named, or all that have a client."""
    for name in names or [name for name in NAMES if name in CLIENTS]:
        with tempfile.TemporaryDirectory(prefix="record-") as place:
            lines, payloads = _record(by_name(name), Path(place).resolve())
        sys.stdout.write(f"{name}: {lines} records, payloads of {', '.join(payloads)}\n")
    return 0


def _record(agent: Agent, place: Path) -> tuple[int, list[str]]:
    home, project, heard = place / "h", place / "shop", place / "heard"
    for path in (project, heard, place / "capture"):
        path.mkdir(parents=True)
    hook = place / "capture" / "hook.py"
    hook.write_text(HOOK)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    (project / "check").write_text("#!/bin/sh\necho no profile >&2\nexit 3\n")
    (project / "check").chmod(0o755)
    with ScriptedModel() as model:
        client = CLIENTS[agent.name](CLIENTS[agent.name].find(), home, model.url)
        client.configure()
        variables = {**client.config_dirs, "PATH": os.environ["PATH"]}
        machine = Machine(home=home, env=variables, data_dir=place / "data")
        wiring = Wiring(python=sys.executable, hook_file=hook, data_dir=heard)
        apply_changes(agent.plan_install(machine, wiring), backup_dir=place / "backups")
        _play(client, model, project)
        neutral = {str(place): "/tmp", model.url: "http://127.0.0.1:8700"}
        lines = _transcript(agent, machine)
    target = folder(agent)
    (target / "payloads").mkdir(parents=True, exist_ok=True)
    (target / f"{CASE}.jsonl").write_text(_neutral("".join(line + "\n" for line in lines), neutral))
    events: dict[str, Any] = {}
    for path in sorted(heard.glob("*.json")):
        said = json.loads(_neutral(path.read_text(), neutral))
        events.setdefault(said["event"], said)
    for event, said in events.items():
        (target / "payloads" / f"{event}.json").write_text(
            json.dumps(said, indent=1, ensure_ascii=False) + "\n"
        )
    return len(lines), sorted(events)


def _play(client: Client, model: ScriptedModel, project: Path) -> None:
    model.when(
        "check the shop",
        shell("./check", "I run the check."),
        shell("echo 12 passed", "And the tests."),
        write("notes.txt", "checked\n"),
        say("Checked: it fails without a profile."),
    )
    done = client.run("Please check the shop.", cwd=project)
    if done.returncode:
        raise SystemExit(f"{client.name} failed:\n{done.stderr}")


def _transcript(agent: Agent, machine: Machine) -> list[str]:
    """Give the records of the one session that was played, as the worker would read them."""
    found = []
    for path in agent.transcripts(agent.default_root(machine)):
        with agent.open_transcript(path) as transcript:
            lines = [line.decode() for line, _ in transcript.lines(final=True) if line]
            lines = [line for line in lines if len(line) < LONG_CHARS or _says_something(agent, line)]
        if any("check the shop" in line for line in lines):
            found.append(lines)
    if not found:
        raise SystemExit(f"{agent.name}: its session was not found below {agent.default_root(machine)}")
    return found[0]


def _says_something(agent: Agent, line: str) -> bool:
    return bool(agent.read_line(json.loads(line), line=line.encode(), state=ReaderState()).events)


def _neutral(text: str, replaced: dict[str, str]) -> str:
    for old, new in replaced.items():
        # Some agents name a folder after a path with its separators replaced.
        text = text.replace(old, new).replace(old.replace("/", "-"), new.replace("/", "-"))
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
