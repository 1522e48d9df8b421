"""Measure how long pages take with a large library: 100,000 sessions and 10,000 skills, in a database file.

`python -m benchmarks.pages [--json]`; rows are generated, each page is asked for over HTTP in this process.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from benchmarks.command import table
from hivemind.server.access.local import LocalAccess
from hivemind.server.app import create_app
from hivemind.server.site import Limits, Site
from hivemind.store import schema
from hivemind.store.database import Database, open_database

SESSIONS, SKILLS, EVENTS_OF_ONE, EXPOSURES = 100_000, 10_000, 2_000, 100_000
AGENTS, MODELS = ("claude", "codex", "pi", "gemini"), ("claude-opus-5-5", "gpt-6-codex", "gemini-4")
STATES = ("active", "active", "trial", "candidate", "retired")
PROJECTS = 200
ROUNDS = 20
START = datetime(2026, 1, 1, tzinfo=UTC)
_COOKIE, _HERE, _CHUNK = "hm_ui_bench", "default", 5_000


def measure() -> dict[str, float | str]:
    """Fill a database and time each page; the first time counts for itself: nothing is kept then."""
    with tempfile.TemporaryDirectory(prefix="hivemind-bench-") as name:
        database = open_database(Path(name) / "hivemind.db")
        _fill(database)
        size = (Path(name) / "hivemind.db").stat().st_size / 1e6
        figures: dict[str, float | str] = {"sessions": SESSIONS, "skills": SKILLS, "database_mb": size}
        for label, path in PATHS.items():
            first_ms, times = _timed(database, path)
            figures |= {
                f"{label}_first_ms": first_ms,
                f"{label}_p50_ms": statistics.median(times),
                f"{label}_p95_ms": sorted(times)[int(0.95 * len(times)) - 1],
            }
        database.close()
    return figures


PATHS = {
    "overview": "/",
    "review": "/review",
    "case": "/review/k3",
    "skills": "/skills",
    "skills_search": "/skills?q=deploy+99",
    "skill": "/skills/k5",
    "sessions": "/sessions",
    "sessions_deep": "/sessions?before=2026-02-01T00:00:00.000Z~s",
    "sessions_filtered": "/sessions?agent=codex&outcome=failure&project=p7",
    "sessions_search": "/sessions?q=title+of+99",
    "session": "/sessions/s00000",
    "models": "/models",
    "settings": "/settings",
}


def _timed(database: Database, path: str) -> tuple[float, list[float]]:
    with _client(_app(database)) as client:
        found = []
        for _ in range(ROUNDS + 1):
            started = time.perf_counter()
            answer = client.get(path)
            found.append((time.perf_counter() - started) * 1000)
            assert answer.status_code == 200, (path, answer.status_code)
    return found[0], found[1:]


def _app(database: Database) -> FastAPI:
    access = LocalAccess(workspace_id=_HERE, person="bench", cookie=_COOKIE)
    limits = Limits(requests_per_minute=10_000_000)
    return create_app(Site(database=database, access=access, limits=limits, is_local=True, cookie=_COOKIE))


@contextmanager
def _client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://127.0.0.1") as client:
        access = app.state.site.access
        session = access.redeem(access.new_link())
        client.cookies.set(_COOKIE, session)
        yield client


def _put(database: Database, made: sa.Table, rows: Iterator[dict[str, Any]]) -> None:
    with database.write(_HERE) as workspace:
        chunk: list[dict[str, Any]] = []
        for row in rows:
            chunk.append({"workspace_id": _HERE, **row})
            if len(chunk) == _CHUNK:
                workspace.execute(made.insert(), chunk)
                chunk = []
        if chunk:
            workspace.execute(made.insert(), chunk)


def _fill(database: Database) -> None:
    _put(database, schema.projects, map(_project, range(PROJECTS)))
    _put(database, schema.sessions, map(_session, range(SESSIONS)))
    _put(database, schema.episodes, map(_episode, range(SESSIONS)))
    _put(database, schema.events, map(_event, range(EVENTS_OF_ONE)))
    _put(database, schema.skills, map(_skill, range(SKILLS)))
    _put(database, schema.skill_versions, map(_version, range(SKILLS)))
    _put(database, schema.decisions, map(_decision, range(SKILLS)))
    _put(database, schema.exposures, map(_exposure, range(EXPOSURES)))


def _at(number: int) -> datetime:
    return START + timedelta(minutes=4 * number)


def _project(number: int) -> dict[str, Any]:
    return {"project_id": f"p{number}", "name": f"project-{number}", "created_at": START}


def _session(number: int) -> dict[str, Any]:
    return {
        "session_id": f"s{number:05}",
        "agent": AGENTS[number % len(AGENTS)],
        "project_id": f"p{number % PROJECTS}",
        "title": f"A title of {number}: make the build of service {number % 97} green again",
        "request_model": MODELS[number % len(MODELS)],
        "started_at": _at(number),
        "ended_at": _at(number + 3),
        "next_seq": 0,
        "prompts": 2,
        "tool_calls": number % 90,
        "tool_errors": number % 7,
    }


def _episode(number: int) -> dict[str, Any]:
    label = ("success", "success", "failure", "unknown")[number % 4]
    return {
        "episode_id": f"e{number}",
        "session_id": f"s{number:05}",
        "number": 1,
        "first_seq": 0,
        "last_seq": 9,
        "started_at": _at(number),
        "ended_at": _at(number + 3),
        "request": "make it green",
        "request_model": MODELS[number % len(MODELS)],
        "turns": 5,
        "score_label": label,
        "score_value": 0.5,
        "evaluation_name": "signals",
        "graded_label": label,
        "graded_value": 0.5,
        "signals": [],
        "fingerprint": {},
        "graded_seq": 0,
        "graded_by": 1,
    }


def _event(number: int) -> dict[str, Any]:
    kind = ("prompt", "assistant", "tool_call", "tool_result")[number % 4]
    return {
        "event_id": f"v{number}",
        "session_id": "s00000",
        "seq": number,
        "kind": kind,
        "at": _at(0),
        "tool_call_id": f"c{number // 4}" if kind.startswith("tool") else "",
        "text": "some output of a command\n" * 40,
    }


def _skill(number: int) -> dict[str, Any]:
    return {
        "skill_id": f"k{number}",
        "name": f"deploy-service-{number}",
        "project_id": f"p{number % PROJECTS}",
        "state": STATES[number % len(STATES)],
        "version": 1,
        "created_at": _at(number),
        "updated_at": _at(number),
    }


def _version(number: int) -> dict[str, Any]:
    return {
        "skill_id": f"k{number}",
        "version": 1,
        "content_hash": f"{number:064}",
        "name": f"deploy-service-{number}",
        "description": f"How to deploy service {number}. Use when asked to deploy it or to roll it back.",
        "body": "# Deploy\n\n" + "- Run `make deploy`, then look at the log.\n" * 20,
        "frontmatter": {"license": "", "compatibility": "", "allowed_tools": "", "metadata": {}},
        "origin": "template",
        "lesson_ids": [f"l{number}"],
        "gates": [],
        "created_at": _at(number),
    }


def _decision(number: int) -> dict[str, Any]:
    return {
        "decision_id": f"d{number}",
        "skill_id": f"k{number}",
        "number": 1,
        "at": _at(number),
        "actor": "policy:auto",
        "to_state": STATES[number % len(STATES)],
        "to_version": 1,
        "numbers": {},
    }


def _exposure(number: int) -> dict[str, Any]:
    return {
        "episode_id": f"e{number % SESSIONS}",
        "skill_id": f"k{number % 1_000}",
        "session_id": f"s{number % SESSIONS:05}",
        "version": 1,
        "arm": "withheld" if number % 3 == 0 else "given",
        "share": 0.1,
        "channel": "prompt",
        "agent": "claude",
        "request_model": MODELS[number % len(MODELS)],
        "at": _at(number),
    }


if __name__ == "__main__":
    measured = measure()
    print(json.dumps(measured) if "--json" in sys.argv[1:] else table(measured))
