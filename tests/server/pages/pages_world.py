"""What the tests of the pages look at: recorded sessions, skills, an experiment, and hostile text."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from claude_records import DEMO, REDACTOR
from experiment import Experiment, make_skill
from fastapi import FastAPI

from hivemind.agents.claude import agent as claude
from hivemind.capture import ingest
from hivemind.config import Settings
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts
from hivemind.domain.skills import SkillDocument
from hivemind.library import lifecycle
from hivemind.library.document import content_hash
from hivemind.server.access.local import LocalAccess
from hivemind.server.app import create_app
from hivemind.server.site import Limits, OwnMachine, Site
from hivemind.store import flags, proposals, sessions, skills
from hivemind.store.database import Database, Workspace
from hivemind.store.flags import FlagKind
from hivemind.store.proposals import Proposal, ProposalState
from hivemind.store.sessions import RedactedEvent
from hivemind.worker.learn import learn

WORKSPACE, COOKIE = "default", "hm_ui_test"
MODELS = ("claude-opus-5-5", "gpt-6-codex")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "\u202ereversed\u200b \x1b[31mred\x1b[0m \x1b]0;owned\x07 </pre></textarea>{{ 7 * 7 }}"
)


def fill(database: Database) -> None:
    """Put everything into the workspace that a page can show."""
    for path in claude.transcripts(DEMO):
        ingest.ingest(database, path, agent=claude, workspace_id=WORKSPACE, redactor=REDACTOR, final=True)
    learn(database, WORKSPACE, settings=Settings())
    with database.write(WORKSPACE) as workspace:
        _experiment(workspace)
        _proposal(workspace)
        _hostile(workspace)


def _experiment(workspace: Workspace) -> None:
    states = {"test-with-make": "active", "migrate-first": "trial", "seed-the-shop": "candidate"}
    ids = {name: make_skill(workspace, name, project_id="p1", state=state) for name, state in states.items()}
    experiment = Experiment(workspace)
    for name, given in (("test-with-make", 40), ("migrate-first", 14)):
        for model in MODELS:
            experiment.add(ids[name], successes=given, failures=50 - given, model=model)
            experiment.add(ids[name], arm="withheld", successes=26, failures=24, model=model)
    experiment.store()
    told = "`scripts/migrate.sh`, which it names, is gone"
    flags.raise_one(workspace, ids["migrate-first"], FlagKind.STALE, message=told, at=NOW)
    harm = "work with it goes worse than without it"
    flags.raise_one(workspace, ids["migrate-first"], FlagKind.HARM, message=harm, at=NOW)


def _proposal(workspace: Workspace) -> None:
    skill = skills.find(workspace, "test-with-make")
    held = skills.version_of(workspace, skill.skill_id, version=1)
    document = replace(held.document, body=held.document.body + "\n- Then run `make lint`.\n")
    version = replace(held, version=2, document=document, content_hash=content_hash(document))
    skills.insert_version(workspace, version)
    proposals.insert(
        workspace,
        Proposal(
            proposal_id="q1",
            skill_id=skill.skill_id,
            version=2,
            base_version=1,
            person_id="p-bea",
            state=ProposalState.OPEN,
            at=NOW,
        ),
    )


def _hostile(workspace: Workspace) -> None:
    document = SkillDocument(
        name="hostile", description=f"Use when {HOSTILE}", body=f"# {HOSTILE}\n\n[go](javascript:alert(1))\n"
    )
    skill = lifecycle.create(
        workspace, document, project_id="p1", origin="import", actor=f"person:{HOSTILE}", author=HOSTILE
    )
    flags.raise_one(workspace, skill.skill_id, FlagKind.UNUSED, message=HOSTILE, at=NOW)
    facts = SessionFacts(session_id="hostile", agent="claude", cwd="/x", git_branch=HOSTILE)
    data, said = {"command": HOSTILE}, HOSTILE + "A" * 50_000
    events = [
        _event("1", EventKind.PROMPT, HOSTILE),
        _event("2", EventKind.TOOL_CALL, "", tool_name="<b>Bash</b>", tool_call_id="c", data=data),
        _event("3", EventKind.TOOL_RESULT, said, tool_call_id="c", status=ResultStatus.ERROR),
        _event("4", EventKind.ASSISTANT, "z" + "\u0301" * 60),
    ]
    sessions.append(workspace, facts, events=events)


def _event(native: str, kind: EventKind, text: str, **more: object) -> RedactedEvent:
    return RedactedEvent(event=Event(kind=kind, native_id=native, text=text, at=NOW, **more))  # type: ignore[arg-type]


@dataclass
class Local:
    """Hold local pages: the app, what lets in, and what followed from decisions."""

    database: Database
    app: FastAPI
    access: LocalAccess
    settings: dict[str, str] = field(default_factory=dict)
    followed: list[str] = field(default_factory=list)


def local(database: Database, data: Path) -> Local:
    """Build local pages as `hivemind ui` does, without what it does to skill files."""
    access = LocalAccess(workspace_id=WORKSPACE, person="ana", cookie=COOKIE)
    changed: dict[str, str] = {}
    followed: list[str] = []
    site = Site(
        database=database,
        access=access,
        limits=Limits(requests_per_minute=1_000_000),
        is_local=True,
        cookie=COOKIE,
        data=data,
        after_decision=followed.append,
        machine=OwnMachine(settings=Settings, change=changed.__setitem__),
    )
    return Local(database, create_app(site), access, changed, followed)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an app on a free port of this machine; give its address."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off", ws="none")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    _until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def _until(holds: Callable[[], bool], *, seconds: float = 20.0) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if holds():
            return
        pause.wait(0.02)
    raise AssertionError("the server did not start")
