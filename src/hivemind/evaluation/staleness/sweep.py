"""Look at the live skills of a workspace, and flag those that are stale or unused."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hivemind.domain.skills import LIVE_STATES, SkillState
from hivemind.evaluation.staleness import checks
from hivemind.evaluation.staleness.named import Named, named
from hivemind.evaluation.staleness.project_files import ProjectFiles
from hivemind.evaluation.staleness.runs import Runs
from hivemind.library import rules
from hivemind.store import flags, schema
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.flags import FlagKind
from hivemind.store.skills import Skill

#: A skill that nobody was given for so long is unused, if its project had so many sessions meanwhile.
UNUSED_AFTER = timedelta(days=60)
MIN_SESSIONS = 5
#: Things that are gone, as far as one message tells them.
MAX_TOLD = 3
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
    live = store.listed(workspace, states=LIVE_STATES)
    for skill in live:
        root = roots.get(skill.project_id)
        if not skill.project_id or root is None or not _is_folder(root):
            continue
        judged.add(skill.skill_id)
        if skill.project_id not in files:
            files[skill.project_id] = ProjectFiles(root)
            runs[skill.project_id] = Runs.read(workspace, skill.project_id)
        body = store.version_of(workspace, skill.skill_id, version=skill.version).document.body
        found = _stale(named(body), files[skill.project_id], runs[skill.project_id])
        if found and found not in _seen_before(workspace, skill, FlagKind.STALE):
            stale[skill.skill_id] = found
    needed = _offered(workspace)
    unused = {
        s.skill_id: told
        for s in live
        if s.skill_id not in needed and (told := _unused(workspace, s, now=now))
    }
    return Seen(stale=stale, unused=unused, judged=frozenset(judged))


def record(workspace: Workspace, seen: Seen, *, now: datetime) -> bool:
    """Flag what was found, and take the flags off what is well again; say whether any changed."""
    live = {skill.skill_id for skill in store.listed(workspace, states=LIVE_STATES)}
    kept = {
        flag.skill_id: flag.message
        for flag in flags.listed(workspace, kind=FlagKind.STALE)
        if flag.skill_id in live - seen.judged
    }
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


def _seen_before(workspace: Workspace, skill: Skill, kind: FlagKind) -> set[str]:
    """Give the messages of a kind with which a person has kept the skill as it is."""
    standing = rules.standing(store.decisions(workspace, skill.skill_id))
    return {rules.seen_flags(d).get(kind.value, "") for d in standing if rules.is_person(d.actor)} - {""}


def _offered(workspace: Workspace) -> frozenset[str]:
    """Name the skills that were ever offered: read once, as offers are not found by their skill."""
    o = schema.offers
    found = sa.select(o.c.skill_id).distinct().where(o.c.workspace_id == workspace.workspace_id)
    return frozenset(workspace.execute(found).scalars())


def _unused(workspace: Workspace, skill: Skill, *, now: datetime) -> str:
    if skill.created_at > now - UNUSED_AFTER:
        return ""
    since = _live_since(store.decisions(workspace, skill.skill_id))
    if since is None or since > now - UNUSED_AFTER or _seen_before(workspace, skill, FlagKind.UNUSED):
        return ""
    s = schema.sessions
    held = sa.select(sa.func.count()).where(
        s.c.workspace_id == workspace.workspace_id, s.c.started_at >= since
    )
    if skill.project_id:
        held = held.where(s.c.project_id == skill.project_id)
    sessions = int(workspace.execute(held).scalar_one())
    if sessions < MIN_SESSIONS:
        return ""
    return f"no session needed it in {(now - since).days} days, of {sessions} sessions"


def _live_since(ledger: Sequence[Any]) -> datetime | None:
    """Give when a skill last began to be loaded; a version or a promotion since does not change that."""
    live = {state.value for state in LIVE_STATES}
    began = [
        d.at
        for d in ledger
        if d.to_state.value in live and (d.from_state or SkillState.CANDIDATE).value not in live
    ]
    return began[-1] if began else None


def _is_folder(root: Path) -> bool:
    try:
        return root.is_absolute() and root.is_dir()
    except OSError:
        return False
