"""Measure what a session's start asks of a team's server: its skills, when nothing changed and when some did.

Part of `benchmarks.server`. A server process answers one machine at a time, as each one asks once at a start.
"""

import os
import secrets
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx2

from benchmarks import team_server
from benchmarks.command import Figures
from hivemind.domain.accounts import Role
from hivemind.domain.skills import SkillDocument, SkillState
from hivemind.library.document import content_hash
from hivemind.store import skills
from hivemind.store.database import Database, open_url

SKILLS, CHANGED = 10_000, 50
REQUESTS = 200
MACHINE = secrets.token_hex(16)


def pulls(url: str, *, name: str) -> Figures:
    """Give the times of a request, in milliseconds."""
    database, server = open_url(url), team_server.Process(url)
    try:
        team_server.found(database, workspace_id=name, organisation=f"{name}-org")
        _, token = team_server.join(database, "Ada", role=Role.READER, workspace_id=name)
        _fill(database, name)
        server.start()
        with _client(server.url, token) as client:
            whole, cursor = _whole(client)
            same = {"If-None-Match": f'"{cursor}"'}
            unchanged = _times(lambda: client.get(_path(cursor), headers=same), status=304)
            _change(database, name)
            changed = _times(lambda: client.get(_path(cursor), headers=same), status=200)
            held = len(client.get(_path(cursor)).json()["skills"])
    finally:
        server.kill()
        database.close()
    return {
        "pull_skills": SKILLS,
        "pull_everything_once_s": whole,
        **_figures("pull_unchanged", unchanged),
        "pull_changed_skills": held,
        **_figures("pull_changed", changed),
    }


def _figures(name: str, times_ms: list[float]) -> Figures:
    last = statistics.quantiles(times_ms, n=100)[98]
    return {f"{name}_p50_ms": statistics.median(times_ms), f"{name}_p99_ms": last}


def _client(url: str, token: str) -> httpx2.Client:
    return httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def _path(cursor: str) -> str:
    return f"/api/v1/sync/skills?since={cursor}&machine={MACHINE}"


def _whole(client: httpx2.Client) -> tuple[float, str]:
    """Take every skill once; give how long it took, and the cursor behind them."""
    begun, cursor = time.monotonic(), ""
    while True:
        page = client.get(_path(cursor)).raise_for_status().json()
        cursor = page["cursor"]
        if not page.get("has_more"):
            return time.monotonic() - begun, cursor


def _times(ask: Callable[[], httpx2.Response], *, status: int) -> list[float]:
    times_ms = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        answer = ask()
        times_ms.append((time.perf_counter() - begun) * 1000)
        if answer.status_code != status:
            raise RuntimeError(f"{answer.status_code} where {status} was expected: {answer.text[:300]}")
    return times_ms


def _fill(database: Database, workspace_id: str) -> None:
    now = datetime.now(UTC)
    for start in range(0, SKILLS, 1_000):
        with database.write(workspace_id) as workspace:
            for number in range(start, start + 1_000):
                skill_id = f"s{number:012x}"
                document = SkillDocument(
                    name=f"skill-{number}",
                    description=f"How to run part {number} of the shop, and what fails there.",
                    body=f"Run `make part-{number}`.\n" + "Read what it says before you go on.\n" * 20,
                )
                skill = skills.Skill(
                    skill_id=skill_id,
                    name=document.name,
                    description=document.description,
                    project_id="",
                    state=SkillState.ACTIVE,
                    version=1,
                    created_at=now,
                    updated_at=now,
                )
                version = skills.Version(
                    skill_id=skill_id,
                    version=1,
                    content_hash=content_hash(document),
                    document=document,
                    origin="person",
                    created_at=now,
                )
                skills.insert_skill(workspace, skill, version=version)


def _change(database: Database, workspace_id: str) -> None:
    with database.write(workspace_id) as workspace:
        for number in range(CHANGED):
            skill_id = f"s{number * 7:012x}"
            skills.set_current(workspace, skill_id, state=SkillState.TRIAL, version=1)


def workspace_name() -> str:
    """Name the workspace that is to be deleted again."""
    return f"benchmark-pull-{os.getpid()}"
