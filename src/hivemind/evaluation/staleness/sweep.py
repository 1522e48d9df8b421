"""Look at the live skills of a workspace, and flag those that are stale or unused."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hivemind.domain.skills import LIVE_STATES
from hivemind.evaluation.staleness import checks
from hivemind.evaluation.staleness.named import Named, named
from hivemind.evaluation.staleness.project_files import ProjectFiles
from hivemind.evaluation.staleness.runs import Runs
from hivemind.library import rules
from hivemind.store import flags, schema
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.flags import FlagKind

#: A skill that nobody was given for so long is unused, if its project had so many sessions meanwhile.
UNUSED_AFTER = timedelta(days=60)
MIN_SESSIONS = 5
#: Things that are gone, as far as one message tells them.
MAX_TOLD = 3
_LIVE = [state.value for state in LIVE_STATES]
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Hold what was found of the live skills: messages by skill, and the skills that could be judged."""

    stale: dict[str, str]
    unused: dict[str, str]
    judged: frozenset[str]  #: the others keep the flag that they have


def look(workspace: Workspace, *, now: datetime) -> Seen:
    """Compare what each live skill names with its project's folder and its latest sessions; reads only."""
    roots = {project.project_id: Path(project.root) for project in store.project_roots(workspace)}
    files: dict[str, ProjectFiles] = {}
    runs: dict[str, Runs] = {}
    stale: dict[str, str] = {}
    judged: set[str] = set()
    here = {project_id: root for project_id, root in roots.items() if project_id and _is_folder(root)}
    for skill in _of_projects(workspace, sorted(here)):
        judged.add(skill.skill_id)
        if skill.project_id not in files:
            files[skill.project_id] = ProjectFiles(here[skill.project_id])
            runs[skill.project_id] = Runs.read(workspace, skill.project_id)
        found = _stale(named(skill.body), files[skill.project_id], runs[skill.project_id])
        if found and found not in _seen_before(workspace, skill.skill_id, FlagKind.STALE):
            stale[skill.skill_id] = found
    return Seen(stale=stale, unused=_unused(workspace, now=now), judged=frozenset(judged))


def record(workspace: Workspace, seen: Seen, *, now: datetime) -> bool:
    """Flag what was found, and take the flags off what is well again; say whether any changed."""
    held = {flag.skill_id: flag.message for flag in flags.listed(workspace, kind=FlagKind.STALE)}
    live = store.live_among(workspace, {*held, *seen.stale, *seen.unused})
    kept = {skill_id: told for skill_id, told in held.items() if skill_id in live - seen.judged}
    stale = {skill_id: told for skill_id, told in seen.stale.items() if skill_id in live}
    unused = {skill_id: told for skill_id, told in seen.unused.items() if skill_id in live}
    changed = flags.replace(workspace, FlagKind.STALE, kept | stale, at=now)
    return flags.replace(workspace, FlagKind.UNUSED, unused, at=now) or changed


def _stale(found: Sequence[Named], files: ProjectFiles, runs: Runs) -> str:
    told = []
    for one in found:
        is_gone, what = checks.gone(one, files)
        if is_gone is None:
            what = runs.fails(one)
        if what:
            told.append(_CONTROL.sub(" ", what)[:200])
    more = f"; and {len(told) - MAX_TOLD} more" if len(told) > MAX_TOLD else ""
    return "; ".join(told[:MAX_TOLD]) + more


def _of_projects(workspace: Workspace, project_ids: Sequence[str]) -> Iterator[Any]:
    """Give id, project and body of the live skills of some projects, project by project."""
    s, v = schema.skills, schema.skill_versions
    current = sa.and_(
        v.c.workspace_id == s.c.workspace_id, v.c.skill_id == s.c.skill_id, v.c.version == s.c.version
    )
    query = sa.select(s.c.skill_id, s.c.project_id, v.c.body).join(v, current)
    query = query.where(s.c.workspace_id == workspace.workspace_id, s.c.state.in_(_LIVE))
    for project_id in project_ids:
        yield from workspace.execute(query.where(s.c.project_id == project_id))


def _seen_before(workspace: Workspace, skill_id: str, kind: FlagKind) -> set[str]:
    """Give the messages of a kind with which a person has kept the skill as it is."""
    standing = rules.standing(store.decisions(workspace, skill_id))
    return {rules.seen_flags(d).get(kind.value, "") for d in standing if rules.is_person(d.actor)} - {""}


def _unused(workspace: Workspace, *, now: datetime) -> dict[str, str]:
    """Say of each skill that nobody was ever offered for how long that is so, and of how many sessions."""
    began: dict[str, list[datetime]] = {}  #: the sessions of each project, and of all under ""
    s = schema.sessions
    rows = sa.select(s.c.project_id, s.c.started_at).where(
        s.c.workspace_id == workspace.workspace_id, s.c.started_at.is_not(None)
    )
    for session in workspace.execute(rows.order_by(s.c.started_at)):
        for project_id in {"", session.project_id}:
            began.setdefault(project_id, []).append(session.started_at)
    found: dict[str, str] = {}
    if len(began.get("", ())) < MIN_SESSIONS:
        return found
    for skill in _never_offered(workspace, before=now - UNUSED_AFTER):
        held = began.get(skill.project_id, [])
        sessions = len(held) - bisect_left(held, skill.since)
        if sessions >= MIN_SESSIONS and not _seen_before(workspace, skill.skill_id, FlagKind.UNUSED):
            days = (now - skill.since).days
            found[skill.skill_id] = f"no session needed it in {days} days, of {sessions} sessions"
    return found


def _never_offered(workspace: Workspace, *, before: datetime) -> Sequence[Any]:
    """Give id and project of the live skills that nobody was offered, and since when each is loaded.

    It is loaded since it last began to be: a version or a promotion since then does not change that.
    """
    s, d, o = schema.skills, schema.decisions, schema.offers
    offered = sa.select(o.c.skill_id).where(o.c.workspace_id == workspace.workspace_id)
    since = sa.func.max(d.c.at, type_=d.c.at.type)
    query = (
        sa.select(s.c.skill_id, s.c.project_id, since.label("since"))
        .join(d, sa.and_(d.c.workspace_id == s.c.workspace_id, d.c.skill_id == s.c.skill_id))
        .where(s.c.workspace_id == workspace.workspace_id, s.c.state.in_(_LIVE), s.c.created_at <= before)
        .where(s.c.skill_id.not_in(offered), d.c.to_state.in_(_LIVE), d.c.from_state.not_in(_LIVE))
        .group_by(s.c.skill_id, s.c.project_id)
        .having(since <= before)
    )
    return workspace.execute(query).all()


def _is_folder(root: Path) -> bool:
    try:
        return root.is_absolute() and root.is_dir()
    except OSError:
        return False
