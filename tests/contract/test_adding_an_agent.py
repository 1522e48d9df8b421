"""Adding an agent is one folder and one registry line, shown with one that nothing else knows of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import run

import hivemind.agents
from hivemind.agents import registry
from hivemind.capture import ingest, layout
from hivemind.capture.redaction import Redactor
from hivemind.distill import pipeline, session_view
from hivemind.library import publish
from hivemind.store.database import Database, open_database

AGENT = '''
    """A made-up agent: JSON lines of who, what and how it ended; one hook in a settings file."""

    from hivemind.agents import hook_command
    from hivemind.agents.base import LineResult, WiringCheck
    from hivemind.agents.json_hooks import GroupedHooks
    from hivemind.agents.transcript_file import open_transcript, size_bytes, transcripts
    from hivemind.agents.values import text
    from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts

    name = "parrot"
    title = "Parrot"
    shell_tools = frozenset({"squawk"})
    edit_tools = frozenset()

    def detect(machine):
        return default_root(machine).is_dir()

    def _hooks(machine):
        path = machine.home / ".parrot" / "settings.json"
        return GroupedHooks(agent=name, path=path, timeouts={"asked": 5, "answered": 5}, reads_comments=True)

    def plan_install(machine, wiring):
        return _hooks(machine).plan_install(wiring)

    def plan_uninstall(machine):
        return _hooks(machine).plan_uninstall()

    def check_wiring(machine, wiring):
        return [_hooks(machine).check(wiring)]

    def default_root(machine):
        return machine.home / ".parrot" / "said"

    def companions(transcript):
        return iter(())

    def recognises(first_lines):
        return any(isinstance(line, dict) and "parrot" in line for line in first_lines)

    def read_line(record, *, line, state):
        if not isinstance(record, dict):
            return LineResult()
        kinds = {
            "asked": EventKind.PROMPT, "did": EventKind.TOOL_CALL, "heard": EventKind.TOOL_RESULT,
            "said": EventKind.ASSISTANT,
        }
        kind = kinds.get(text(record.get("what")))
        facts = SessionFacts(session_id=text(record.get("parrot")), agent=name, cwd=text(record.get("cwd")))
        if kind is None:
            return LineResult(facts=facts)
        code = record.get("code") if kind is EventKind.TOOL_RESULT else None
        status = {None: None, 0: ResultStatus.OK}.get(code, ResultStatus.ERROR)
        call = text(record.get("call"))
        event = Event(
            kind=kind, native_id="~" + text(record.get("id")), text=text(record.get("text")), status=status,
            exit_code=code, tool_call_id=call, tool_name="squawk" if call else "",
        )
        return LineResult(events=(event,), facts=facts)

    def skill_folder(project_root):
        return project_root / ".parrot" / "skills"
'''
PAYLOAD = '''
    """The made-up agent's hook payloads."""

    MOMENTS = {"asked": "prompt", "answered": "turn"}
    MAX_CONTEXT_CHARS = 2_000

    def announcement(event, payload, root):
        keys = ("session_id", "transcript", "cwd")
        return {"moment": MOMENTS.get(event, ""), **{key: payload.get(key) for key in keys}}

    def prompt(payload):
        return payload.get("prompt") or ""

    def output(event, *, context, notice):
        return context[:MAX_CONTEXT_CHARS]
'''


@pytest.fixture
def parrot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put the folder beside the real ones, and the line into the registry; give the folder of agents."""
    folder = tmp_path / "more agents" / "parrot"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "agent.py").write_text(textwrap.dedent(AGENT))
    (folder / "payload.py").write_text(textwrap.dedent(PAYLOAD))
    monkeypatch.setattr(hivemind.agents, "__path__", [*hivemind.agents.__path__, str(folder.parent)])
    monkeypatch.setattr(registry, "NAMES", (*registry.NAMES, "parrot"))
    session_view.tools.cache_clear()
    yield folder.parent
    session_view.tools.cache_clear()
    for name in [name for name in sys.modules if name.startswith("hivemind.agents.parrot")]:
        del sys.modules[name]


def _session(folder: Path, session_id: str, project: Path) -> Path:
    steps = [
        {"what": "asked", "text": "Run the checks, please."},
        {"what": "did", "call": "1", "text": "./check test-suite"},
        {"what": "heard", "call": "1", "text": "error: the option --profile is required", "code": 2},
        {"what": "did", "call": "2", "text": "./check --profile local test-suite"},
        {"what": "heard", "call": "2", "text": "12 passed", "code": 0},
        {"what": "said", "text": "All 12 pass."},
    ]
    path = folder / f"{session_id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    shared = {"parrot": session_id, "cwd": str(project)}
    path.write_text("".join(json.dumps({**shared, "id": str(n), **s}) + "\n" for n, s in enumerate(steps)))
    return path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Give an empty store."""
    found = open_database(tmp_path / "hivemind.db")
    yield found
    found.close()


def test_the_command_line_knows_it(parrot: Path, tmp_path: Path) -> None:
    """It is found, wired, checked and unwired by the same verbs as the others, without a line about it."""
    env = {"HOME": str(tmp_path), "HIVEMIND_HOME": str(tmp_path / "data")}
    settings = tmp_path / ".parrot" / "settings.json"
    (tmp_path / ".parrot" / "said").mkdir(parents=True)
    settings.write_text("{ /* mine */ }\n")
    assert "parrot" in run("--help", env=env).out
    done = run("install", "--only", "parrot", env=env)
    assert done.code == 0, done.err
    assert "Parrot: wired" in done.out
    assert "parrot asked" in settings.read_text()
    assert run("status", "--json", env=env).json["agents"][-1]["wired"] is True
    assert run("parrot", "uninstall", env=env).code == 0
    assert settings.read_text() == "{ /* mine */ }\n"


def test_its_sessions_become_a_skill_in_its_own_folder(
    parrot: Path, database: Database, tmp_path: Path
) -> None:
    """Two of its sessions are told by content, read, mined, and the skill is where the agent reads it."""
    project = tmp_path / "shop"
    project.mkdir()
    (project / ".git").mkdir()
    for session_id in ("p1", "p2"):
        path = _session(tmp_path / "said", session_id, project)
        agent = ingest.recognise(path, registry.agents())
        done = ingest.ingest(
            database, path, agent=agent, workspace_id="default", redactor=Redactor(), final=True
        )
        assert (done.tool_calls, done.tool_errors) == (2, 1)
    assert pipeline.distill(database, "default", author="ann", policy="auto").changes
    publish.publish(database, agents=[registry.by_name("parrot")])
    (skill,) = (project / ".parrot" / "skills").glob("*/SKILL.md")
    assert "./check --profile local" in skill.read_text()


def test_its_hook_announces(parrot: Path, tmp_path: Path) -> None:
    """The hook finds the adapter by the agent's name alone."""
    data = tmp_path / "data"
    said = {"session_id": "p1", "transcript": "/said/p1.jsonl", "cwd": "/shop"}
    code = (
        f"import hivemind.agents; hivemind.agents.__path__.append({str(parrot)!r})\n"
        f"from hivemind.capture import announce; announce.main(['', 'parrot', 'answered', {str(data)!r}])"
    )
    env = {"PATH": os.environ["PATH"], "HIVEMIND_WORKER": "false", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code], input=json.dumps(said).encode(), env=env, check=True)
    line = (Path(layout.spool_dir(str(data))) / "p1.jsonl").read_text().strip()
    announced = json.loads(line)
    assert (announced["agent"], announced["moment"]) == ("parrot", "turn")
