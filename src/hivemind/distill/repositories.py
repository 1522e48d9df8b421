"""Find folders that are checkouts of one repository although no remote is known, and give them one project.

Names and commands prove nothing: two web sites both run `npm test`. What proves it is history that both have:
the same commits, or lines that were written into a file of one and were later found in the same file of the
other, in both directions. Projects with different remotes are never one.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import Any, Final

import sqlalchemy as sa

from hivemind.distill import session_view
from hivemind.domain.events import EventKind
from hivemind.domain.projects import main_folder
from hivemind.store import lessons, schema, sessions
from hivemind.store.database import Database, Workspace

#: The newest sessions of a project that are looked through.
MAX_SESSIONS: Final = 60
#: Commits that two folders must share, where nothing else tells.
MIN_COMMITS: Final = 2
#: Files, and lines in them, that must have come from one folder into the other.
MIN_FILES, MIN_LINES = 2, 10
#: A shorter line, or subject of a commit, may be the same by chance, in characters.
MIN_LINE_CHARS, MIN_SUBJECT_CHARS = 30, 12
MAX_SUBJECT_CHARS: Final = 50
_NUMBERED = re.compile(r"\s*\d+(?:→|\t|: )")
_LOG = re.compile(r"^(?:\* )?([0-9a-f]{7,40}) (?:\([^)\n]*\) )?(\S.*)$", re.M)
_COMMITTED = re.compile(r"^\[[^\]\n]* ([0-9a-f]{7,40})\] (\S.*)$", re.M)
_GIT = re.compile(r"\bgit (?:log|commit|merge|pull|rebase|cherry-pick|reset|show|branch)\b")
#: What makes a command look at another repository than that of its folder.
_ELSEWHERE = re.compile(r"\bcd\b|\bpushd\b| -C\b|--git-dir|--work-tree|\bssh\b|\bclone\b|\binit\b")
_PARTS = re.compile(r"[-_. ]+")


@dataclass(slots=True, kw_only=True)
class Traces:
    """Hold what the sessions of a project show of its repository."""

    folders: set[str] = field(default_factory=set)
    commits: set[tuple[str, str]] = field(default_factory=set)
    #: By file, relative to its checkout: line → when it was first written here, or last seen.
    written: defaultdict[str, dict[str, datetime]] = field(default_factory=lambda: defaultdict(dict))
    seen: defaultdict[str, dict[str, datetime]] = field(default_factory=lambda: defaultdict(dict))

    def write(self, path: str, lines: Iterable[str], at: datetime) -> None:
        """Note that lines were put into a file."""
        for line in lines:
            self.written[path][line] = min(at, self.written[path].get(line, at))

    def see(self, path: str, lines: Iterable[str], at: datetime) -> None:
        """Note that lines were found in a file."""
        for line in lines:
            self.seen[path][line] = max(at, self.seen[path].get(line, at))

    def add(self, other: "Traces") -> None:
        """Take in what another folder of the same repository shows."""
        self.folders |= other.folders
        self.commits |= other.commits
        for path, written in other.written.items():
            for line, at in written.items():
                self.write(path, (line,), at)
        for path, seen in other.seen.items():
            for line, at in seen.items():
                self.see(path, (line,), at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Hold a project that has sessions."""

    project_id: str
    name: str
    remote: str
    root: str
    started: str  #: when its earliest session began
    folders: frozenset[str]


def same(one: Traces, other: Traces) -> bool:
    """Say whether two folders are proven to be of one repository."""
    if one.folders & other.folders:
        return True
    commits = len(one.commits & other.commits)
    came = sum(_came_over(a, b) for a, b in ((one, other), (other, one)))
    return commits >= MIN_COMMITS or came == 2 or (commits > 0 and came > 0)


def _came_over(source: Traces, target: Traces) -> bool:
    """Say whether lines written in one folder were later found in the other, which had not written them."""
    lines = files = 0
    for path, written in source.written.items():
        seen, own = target.seen.get(path, {}), target.written.get(path, {})
        found = sum(line in seen and seen[line] > at and line not in own for line, at in written.items())
        lines, files = lines + found, files + bool(found)
    return files >= MIN_FILES and lines >= MIN_LINES


def unite(database: Database, workspace_id: str, *, miners_version: int) -> int:
    """Move the sessions of proven checkouts to one project each; give the number of projects that moved.

    Only folders whose names are alike are compared, and only when one of them has a new session.
    """
    with database.read(workspace_id) as workspace:
        waiting = lessons.unmined(workspace, miners_version=miners_version)
        new = {s.project_id for s in waiting if not s.mined_seq}
        if not new:
            return 0
        places = _places(workspace)
        groups = [g for g in _alike(places) if any(p.project_id in new for p in g)]
        moves = [move for group in groups for move in _moves(workspace, group)]
    if moves:
        with database.write(workspace_id) as workspace:
            for place, target in moves:
                facts = sessions.ProjectFacts(
                    project_id=target.project_id, name=target.name, remote=target.remote, root=target.root
                )
                sessions.move(workspace, place.project_id, to=facts)
    return len(moves)


def _places(workspace: Workspace) -> list[Place]:
    p, s = schema.projects, schema.sessions
    rows = workspace.execute(
        sa.select(p.c.project_id, p.c.name, p.c.remote, p.c.root, s.c.cwd, s.c.started_at)
        .join(s, sa.and_(s.c.workspace_id == p.c.workspace_id, s.c.project_id == p.c.project_id))
        .where(p.c.workspace_id == workspace.workspace_id)
    ).all()
    by_project: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_project[row.project_id].append(row)
    return sorted(
        (
            Place(
                project_id=project_id,
                name=own[0].name,
                remote=own[0].remote,
                root=own[0].root,
                started=min((r.started_at.isoformat() for r in own if r.started_at), default="9"),
                folders=frozenset(main_folder(r.cwd) for r in own if r.cwd),
            )
            for project_id, own in by_project.items()
        ),
        key=lambda place: (not place.remote, place.started, place.project_id),
    )


def _alike(places: Sequence[Place]) -> Iterator[list[Place]]:
    """Group places that could be of one repository: those that share a folder, or whose names are alike."""
    group = {place.project_id: {place.project_id} for place in places}
    for one, other in combinations(places, 2):
        if not (one.remote and other.remote) and (one.folders & other.folders or _named_alike(one, other)):
            joined = group[one.project_id] | group[other.project_id]
            for member in joined:
                group[member] = joined
    done: set[str] = set()
    for place in places:
        if place.project_id not in done:
            done |= group[place.project_id]
            found = [p for p in places if p.project_id in group[place.project_id]]
            if len(found) > 1:
                yield found


def _named_alike(one: Place, other: Place) -> bool:
    """Compare the last parts of remotes and folders: `shop`, `shop-2` and `2026-shop` may be one."""
    names, others = _names(one), _names(other)
    return any(_extends(a, b) or _extends(b, a) for a in names for b in others)


def _names(place: Place) -> set[tuple[str, ...]]:
    given = {place.name, *(folder.rstrip("/").rpartition("/")[2] for folder in place.folders)}
    return {parts for name in given if (parts := tuple(filter(None, _PARTS.split(name.lower()))))}


def _extends(long: tuple[str, ...], short: tuple[str, ...]) -> bool:
    return long[: len(short)] == short or long[-len(short) :] == short


def _moves(workspace: Workspace, group: Sequence[Place]) -> list[tuple[Place, Place]]:
    """Give which places of a group belong to which, each once, whatever order they came in."""
    targets = {place.project_id: place for place in group}
    traces = {place.project_id: _traces(workspace, place) for place in group}
    while pair := _next(list(targets.values()), traces):
        target, place = pair
        traces[target.project_id].add(traces[place.project_id])
        for project_id, held in targets.items():
            if held is place:
                targets[project_id] = target
    return [(p, targets[p.project_id]) for p in group if targets[p.project_id] is not p]


def _next(current: Sequence[Place], traces: dict[str, Traces]) -> tuple[Place, Place] | None:
    """Give the first place that is proven to belong to another one, with that one."""
    # In order of remote and age: what has a remote, or is older, is what others belong to.
    open_ = list(dict.fromkeys(current))
    for place in reversed(open_):
        if place.remote:
            continue
        proven = [
            other
            for other in open_
            if other is not place and same(traces[other.project_id], traces[place.project_id])
        ]
        remotes = [other for other in proven if other.remote]
        if len(remotes) > 1:
            continue  # two repositories that share history: it belongs to either
        older = [other for other in proven if open_.index(other) < open_.index(place)]
        if target := next(iter(remotes or older), None):
            return target, place
    return None


def _traces(workspace: Workspace, place: Place) -> Traces:
    s = schema.sessions
    rows = workspace.execute(
        sa.select(s.c.session_id, s.c.cwd)
        .where(s.c.workspace_id == workspace.workspace_id, s.c.project_id == place.project_id)
        .order_by(schema.latest(s.c.started_at), s.c.session_id)
        .limit(MAX_SESSIONS)
    ).all()
    found = Traces(folders=set(place.folders))
    for row in rows:
        _read(found, sessions.events_of(workspace, row.session_id), cwd=row.cwd)
    return found


def _read(found: Traces, rows: Sequence[Any], *, cwd: str) -> None:
    edits, shells = session_view.tools("edit_tools"), session_view.tools("shell_tools")
    calls = {r.tool_call_id: r for r in rows if r.kind == EventKind.TOOL_CALL and r.tool_call_id}
    for row in rows:
        call = calls.get(row.tool_call_id) if row.kind == EventKind.TOOL_RESULT else None
        if call is None or row.at is None:
            continue
        data = call.data if isinstance(call.data, dict) else {}
        if call.tool_name in shells:
            if _is_here(call.text, data, cwd=cwd):
                found.commits.update(_commits(row.text))
        elif path := _path(data, cwd):
            if call.tool_name in edits:
                found.write(path, _put_in(data), row.at)
            else:
                found.see(path, _lines(row.text), row.at)


def _is_here(command: str, data: dict[str, Any], *, cwd: str) -> bool:
    there = data.get("workdir") or data.get("cwd") or cwd
    return there == cwd and bool(_GIT.search(command)) and not _ELSEWHERE.search(command)


def _commits(output: str) -> Iterator[tuple[str, str]]:
    for pattern in (_LOG, _COMMITTED):
        for sha, subject in pattern.findall(output):
            if len(subject) >= MIN_SUBJECT_CHARS:
                yield sha[:7], subject[:MAX_SUBJECT_CHARS].strip()


def _path(data: dict[str, Any], cwd: str) -> str:
    """Give a file's path in its checkout; empty for one at its top, which every project has."""
    path = data.get("file_path") or data.get("path") or data.get("filePath")
    folder = cwd.rstrip("/") + "/"
    if not isinstance(path, str) or len(folder) < 2 or not path.startswith(folder):
        return ""
    inside = path.removeprefix(folder)
    return inside if "/" in inside and "worktrees/" not in inside else ""


def _put_in(data: dict[str, Any]) -> set[str]:
    """Give the lines that an edit of an existing file brought; a whole new file may be a copy of anything."""
    given = data.get("edits")
    edits = [data, *(e for e in given if isinstance(e, dict))] if isinstance(given, list) else [data]
    found: set[str] = set()
    for edit in edits:
        old = edit.get("old_string") or edit.get("oldString") or edit.get("oldText")
        new = edit.get("new_string") or edit.get("newString") or edit.get("newText")
        if isinstance(old, str) and isinstance(new, str):
            found |= _lines(new) - _lines(old)
    return found


def _lines(text: str) -> set[str]:
    bare = (_NUMBERED.sub("", line, count=1).strip() for line in text.split("\n"))
    return {line for line in bare if len(line) >= MIN_LINE_CHARS}
