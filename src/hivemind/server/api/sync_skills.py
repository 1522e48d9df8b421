"""Which skills a machine has not seen yet, signed; and skills that people propose from their machines."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hivemind.domain.accounts import Scope
from hivemind.domain.projects import normalise_remote, project_id, project_name
from hivemind.domain.skills import LIVE_STATES, Finding, SkillState
from hivemind.library import gates, lifecycle, proposing
from hivemind.library.document import content_hash
from hivemind.server.access.viewer import Viewer
from hivemind.server.site import Site
from hivemind.store import audit, changes, machines, schema, sessions
from hivemind.store import skills as store
from hivemind.store.changes import Cursor
from hivemind.store.database import Workspace
from hivemind.store.sessions import ProjectFacts
from hivemind.sync import reading, signing, skill_wire, wire

SCOPES = (Scope.TEAM, Scope.ORG)
_CURSOR = re.compile(r"(\d{1,15})-([0-9a-f]{64})")


def page_of(site: Site, viewer: Viewer, *, since: str, limit: int) -> skill_wire.Page:
    """Give the next skills behind a place, those of the team first; a place is one of each scope."""
    places = _places(since)
    with site.database.read(viewer.space(Scope.TEAM)) as workspace:
        key = machines.key(workspace)
    found: list[skill_wire.SentSkill] = []
    anew: list[Scope] = []
    reached: list[Cursor] = []
    has_more = False
    for scope in SCOPES:
        if scope not in viewer.scopes:
            reached.append(Cursor())
            continue
        place, left = places.get(scope, Cursor()), limit - len(found)
        with site.database.read(viewer.space(scope)) as workspace:
            if place.number == 0 or not changes.follows(workspace, place):
                anew.append(scope)
                place = Cursor()
            behind = changes.since(workspace, place, limit=left + 1) if left else []
            if not left:
                has_more |= changes.latest(workspace) != place
            found += _sent(
                workspace, viewer, scope, [skill_id for skill_id, _ in behind[:left]], private=key.private
            )
            place = behind[:left][-1][1] if behind[:left] else place
            has_more |= len(behind) > left
        reached.append(place)
    end = ".".join(f"{place.number}-{place.chain}" for place in reached)
    return skill_wire.Page(cursor=end, has_more=has_more, anew=tuple(anew), skills=tuple(found))


def _places(text: str) -> dict[Scope, Cursor]:
    parts = [_CURSOR.fullmatch(part) for part in text.split(".")] if text else []
    if len(parts) != len(SCOPES) or not all(parts):
        return {}
    return {scope: Cursor(int(m[1]), m[2]) for scope, m in zip(SCOPES, parts, strict=True) if m}


def _sent(
    workspace: Workspace, viewer: Viewer, scope: Scope, skill_ids: Sequence[str], *, private: str
) -> list[skill_wire.SentSkill]:
    """Give a page of skills in their order, signed; a few queries for all of them, none for each."""
    if not skill_ids:
        return []
    held = {one.skill_id: one for one in store.listed(workspace, skill_ids=skill_ids)}
    current = store.current_among(workspace, list(held.values()))
    remotes = _remotes(workspace, {one.project_id for one in held.values()})
    found = []
    for skill_id in skill_ids:
        skill, version = held[skill_id], current[skill_id]
        sent = _skill(viewer, scope, skill, version, remote=remotes.get(skill.project_id, ""))
        found.append(replace(sent, signature=signing.sign(private, sent.signed())))
    return found


def _skill(
    viewer: Viewer, scope: Scope, skill: store.Skill, version: store.Version, *, remote: str
) -> skill_wire.SentSkill:
    is_live, state = skill.state in LIVE_STATES, skill.state
    if skill.project_id and not remote:  # of a folder on the server, which no machine can name
        is_live, state = False, SkillState.RETIRED
    return skill_wire.SentSkill(
        workspace=viewer.workspace_id,
        scope=scope,
        skill_id=skill.skill_id,
        state=state,
        version=version.version,
        content_hash=version.content_hash,
        remote=remote,
        topic=skill.topic,
        author=version.author[: wire.MAX_NAME_CHARS],
        requests=version.requests[: skill_wire.MAX_REQUESTS_CHARS] if is_live else "",
        document=version.document if is_live else None,
    )


def _remotes(workspace: Workspace, projects: Collection[str]) -> dict[str, str]:
    t = schema.projects
    query = sa.select(t.c.project_id, t.c.remote).where(
        t.c.workspace_id == workspace.workspace_id, t.c.project_id.in_(sorted(projects))
    )
    return {row.project_id: row.remote for row in workspace.execute(query)}


def propose(site: Site, viewer: Viewer, shared: skill_wire.Shared) -> dict[str, Any]:
    """Store a proposed skill after the gates; what the team has is never changed by it."""
    if shared.remote and normalise_remote(f"https://{shared.remote}") != shared.remote:
        reading.refuse("remote", "is not a normalised git remote")
    project = project_id(remote=shared.remote, root="") if shared.remote else ""
    with site.database.write(viewer.space(Scope.TEAM)) as workspace:
        if shared.remote:
            facts = ProjectFacts(
                project_id=project, name=project_name(remote=shared.remote, root=""), remote=shared.remote
            )
            sessions.put_project(workspace, facts)
        answer = _proposed(workspace, viewer, shared, project)
        audit.record(
            workspace,
            "skill.propose",
            shared.skill_id,
            person_id=viewer.person_id,
            token_id=viewer.token_id,
            detail={"name": shared.document.name, "outcome": answer["outcome"]},
        )
    return answer


def _proposed(
    workspace: Workspace, viewer: Viewer, shared: skill_wire.Shared, project: str
) -> dict[str, Any]:
    versions = store.versions(workspace, shared.skill_id)
    wanted = content_hash(shared.document)
    skill = store.by_id(workspace, shared.skill_id) if versions else None
    if skill is not None and any(v.content_hash == wanted for v in versions):
        return {"outcome": "known", "skill_id": skill.skill_id, "state": skill.state.value}
    context = lifecycle.context_for(
        workspace, project_id=project, skill_id=shared.skill_id, person_authored=True
    )
    found = gates.check(shared.document, context)
    if skill is None:
        lifecycle.require_passed(shared.document, found)
        return _first(workspace, viewer, shared, project, found)
    base = next((v.version for v in versions if v.content_hash == shared.base_hash), versions[0].version)
    proposal = proposing.propose(
        workspace,
        skill.skill_id,
        shared.document,
        base_version=base,
        person_id=viewer.person_id,
        author=viewer.name,
        findings=found,
    )
    return {
        "outcome": "proposed",
        "skill_id": skill.skill_id,
        "state": skill.state.value,
        "proposal_id": proposal.proposal_id,
        "version": proposal.version,
    }


def _first(
    workspace: Workspace,
    viewer: Viewer,
    shared: skill_wire.Shared,
    project: str,
    findings: Sequence[Finding],
) -> dict[str, Any]:
    version = store.Version(
        skill_id=shared.skill_id,
        version=1,
        content_hash=content_hash(shared.document),
        document=shared.document,
        requests=shared.requests,
        origin=proposing.ORIGIN,
        author=viewer.name,
        findings=tuple(findings),
        created_at=datetime.now(UTC),
    )
    skill = store.Skill(
        skill_id=shared.skill_id,
        name=shared.document.name,
        description=shared.document.description,
        project_id=project,
        topic=shared.topic,
        state=SkillState.CANDIDATE,
        version=1,
        author=viewer.name,
        created_at=version.created_at,
        updated_at=version.created_at,
    )
    made = lifecycle.adopt(
        workspace, skill, version=version, actor=viewer.actor, reason="proposed from a machine"
    )
    return {"outcome": "candidate", "skill_id": made.skill_id, "state": made.state.value, "version": 1}
