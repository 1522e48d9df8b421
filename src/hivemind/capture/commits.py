"""Find the sessions that made a commit: by what git knows of it, and by what their own calls printed."""

import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from hivemind.domain.events import EventKind, ResultStatus
from hivemind.errors import HivemindError
from hivemind.store import schema
from hivemind.store.database import Workspace

#: Clocks and the last write of a transcript are off by less.
SLACK = timedelta(minutes=5)
#: A commit that printed nothing is taken for the call that ended so close to it.
CLOSE = timedelta(seconds=30)
GIT_TIMEOUT_S = 20.0
MIN_SHORT = 7
_NAMED = re.compile(r"\[[^\]\n]*?\b([0-9a-f]{7,40})\]")
_COMMITS = re.compile(r"\bgit\b[^\n;&|]*\bcommit\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """Hold a commit's whole id and its times."""

    sha: str
    times: tuple[datetime, ...]


def read(folder: Path, commit: str) -> Commit:
    """Ask git for a commit; raise where the folder's repository does not have it."""
    words = ["git", "show", "--no-patch", "--format=%H %at %ct", commit, "--"]
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unknown(commit, str(error)) from error
    parts = done.stdout.split()
    if done.returncode or len(parts) != 3:
        raise _unknown(commit, (done.stderr.strip().splitlines() or ["git says nothing of it"])[0])
    return Commit(sha=parts[0], times=tuple(datetime.fromtimestamp(int(t), UTC) for t in parts[1:]))


def _unknown(commit: str, why: str) -> HivemindError:
    return HivemindError(
        "commit-unknown",
        f"git does not know the commit {commit}: {why}",
        hint="run it in a clone that has the commit (CI: fetch the whole history)",
    )


def sessions_of(workspace: Workspace, commit: Commit, *, project_id: str) -> list[tuple[str, str]]:
    """Give the sessions that made a commit, each with the call that did.

    A session counts where it was running at the commit's author or commit time, and its own `git commit`
    printed the commit's short id, or printed none just then.
    """
    s = schema.sessions
    rows = workspace.execute(
        sa.select(s.c.session_id, s.c.started_at, s.c.ended_at)
        .where(s.c.workspace_id == workspace.workspace_id, s.c.project_id == project_id)
        .order_by(s.c.started_at, s.c.session_id)
    )
    running = [
        row.session_id
        for row in rows
        if row.started_at is not None
        and any(row.started_at - SLACK <= at <= row.ended_at + SLACK for at in commit.times)
    ]
    found = ((session_id, _call(workspace, session_id, commit)) for session_id in running)
    return [(session_id, event_id) for session_id, event_id in found if event_id]


def _call(workspace: Workspace, session_id: str, commit: Commit) -> str:
    e = schema.events
    mine = sa.and_(e.c.workspace_id == workspace.workspace_id, e.c.session_id == session_id)
    calls = workspace.execute(
        sa.select(e.c.event_id, e.c.tool_call_id, e.c.text)
        .where(mine, e.c.kind == EventKind.TOOL_CALL.value, e.c.text.contains("commit"))
        .order_by(e.c.seq)
    ).all()
    silent = ""
    for call in (call for call in calls if _COMMITS.search(call.text)):
        result = workspace.execute(
            sa.select(e.c.text, e.c.at, e.c.status).where(
                mine, e.c.kind == EventKind.TOOL_RESULT.value, e.c.tool_call_id == call.tool_call_id
            )
        ).first()
        if result is None or result.status == ResultStatus.ERROR.value:
            continue
        named = _NAMED.findall(result.text)
        if any(commit.sha.startswith(short) for short in named):
            return str(call.event_id)
        if not named and result.at is not None and any(abs(result.at - at) <= CLOSE for at in commit.times):
            silent = str(call.event_id)
    return silent
