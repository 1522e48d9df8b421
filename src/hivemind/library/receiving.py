"""Take in what a server decided: through the same gates, and beside the versions that are here."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hivemind.domain.skills import LIVE_STATES, SkillDocument, SkillState
from hivemind.library import gates, lifecycle, rules
from hivemind.library.document import content_hash
from hivemind.store import remotes
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.remotes import Received

#: `skill_versions.origin` of what came from a server.
ORIGIN = "server"
GONE = SkillState.RETIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """Hold a skill as a server said it, its signature checked."""

    skill_id: str
    scope: str
    state: SkillState
    remote_version: int
    content_hash: str
    project_id: str = ""
    topic: str = ""
    author: str = ""
    requests: str = ""
    document: SkillDocument | None = None
    signature: str = ""


def receive(workspace: Workspace, arrived: Arrived, *, actor: str) -> Received | None:
    """Store what came and do as it says; gives what is kept of it, None where it is of no concern here.

    A skill that a person put away on this machine stays away. A person's own edit stays a version, and stays
    the current one until the server has another text.
    """
    held = remotes.received_one(workspace, arrived.skill_id)
    if held is not None and held.scope != arrived.scope and _is_shadowed(held, arrived):
        return None
    skill = _skill(workspace, arrived.skill_id)
    if arrived.state not in LIVE_STATES:
        return _put_away(workspace, arrived, skill, held, actor=actor)
    refused = _refusal(workspace, arrived)
    if refused:
        version = held.version if held is not None else 0
        return _keep(workspace, arrived, version=version, refused=refused)
    assert arrived.document is not None  # noqa: S101 - without one it was refused
    if skill is None:
        return _adopt(workspace, arrived, arrived.document, actor=actor)
    return _update(workspace, arrived, arrived.document, skill, held, actor=actor)


def forget(workspace: Workspace, skill_id: str, *, actor: str, reason: str) -> None:
    """Put away a skill that its server no longer has."""
    held, skill = remotes.received_one(workspace, skill_id), _skill(workspace, skill_id)
    if held is None:
        return
    if skill is not None and skill.scope != lifecycle.OWN_SCOPE and skill.state in store.OPEN_STATES:
        lifecycle.follow(workspace, skill_id, state=GONE, version=skill.version, actor=actor, reason=reason)
    remotes.put_received(workspace, replace(held, state=GONE.value, at=datetime.now(UTC)))


def _is_shadowed(held: Received, arrived: Arrived) -> bool:
    """Say whether another scope's word counts for more: that of the team, while the skill is live."""
    return held.state in LIVE_STATES and (arrived.scope != "team" or arrived.state not in LIVE_STATES)


def _skill(workspace: Workspace, skill_id: str) -> store.Skill | None:
    return store.by_id(workspace, skill_id) if store.versions(workspace, skill_id) else None


def _put_away(
    workspace: Workspace, arrived: Arrived, skill: store.Skill | None, held: Received | None, *, actor: str
) -> Received | None:
    if held is None:
        return None  # it was never live there as far as this machine knows, and what is here is its own
    if skill is not None and skill.scope != lifecycle.OWN_SCOPE and skill.state in store.OPEN_STATES:
        reason = f"it is {arrived.state.value} in your {arrived.scope}"
        lifecycle.follow(
            workspace, skill.skill_id, state=GONE, version=skill.version, actor=actor, reason=reason
        )
    return _keep(workspace, arrived, version=held.version)


def _refusal(workspace: Workspace, arrived: Arrived) -> str:
    """Say why a skill is not taken in; empty where it is. The server's gates are not believed."""
    document = arrived.document
    if document is None:
        return "the server did not send what it says"
    if content_hash(document) != arrived.content_hash:
        return "what it says is not what was signed"
    context = lifecycle.context_for(
        workspace, project_id=arrived.project_id, skill_id=arrived.skill_id, person_authored=True
    )
    # What stands beside it here is no reason against what a team decided; a name is given another number.
    found = gates.check(document, replace(context, imported=True, others=()))
    stopped = gates.blocking(found)
    return f"the {stopped[0].gate} gate: {stopped[0].message}" if stopped else ""


def _adopt(workspace: Workspace, arrived: Arrived, document: SkillDocument, *, actor: str) -> Received:
    now = datetime.now(UTC)
    named = _named(workspace, arrived, document)
    skill = store.Skill(
        skill_id=arrived.skill_id,
        name=named.name,
        description=named.description,
        project_id=arrived.project_id,
        topic=arrived.topic,
        state=arrived.state,
        version=1,
        author=arrived.author,
        scope=arrived.scope,
        created_at=now,
        updated_at=now,
    )
    version = _version(arrived, named, number=1, at=now)
    lifecycle.adopt(workspace, skill, version=version, actor=actor, reason=_reason(arrived))
    return _keep(workspace, arrived, version=1)


def _update(
    workspace: Workspace,
    arrived: Arrived,
    document: SkillDocument,
    skill: store.Skill,
    held: Received | None,
    *,
    actor: str,
) -> Received:
    is_put_away = skill.state not in store.OPEN_STATES and _by_person(workspace, skill)
    remotes.set_scope(workspace, skill.skill_id, arrived.scope)
    is_known = held is not None and bool(held.version) and not held.refused
    is_news = held is None or not is_known or held.content_hash != arrived.content_hash
    number = held.version if held is not None and not is_news else _store(workspace, arrived, document)
    if not is_put_away:
        # The same text as before: what a person made of it here stays what is loaded here.
        current = number if is_news else skill.version
        lifecycle.follow(
            workspace,
            skill.skill_id,
            state=arrived.state,
            version=current,
            actor=actor,
            reason=_reason(arrived),
        )
    return _keep(workspace, arrived, version=number)


def _store(workspace: Workspace, arrived: Arrived, document: SkillDocument) -> int:
    """Store a text as the next version, or find the version that says it already; gives its number."""
    named = _named(workspace, arrived, document)
    versions = store.versions(workspace, arrived.skill_id)
    same = [v.version for v in versions if v.content_hash == content_hash(named)]
    if same:
        return same[-1]
    number = versions[-1].version + 1
    store.insert_version(workspace, _version(arrived, named, number=number, at=datetime.now(UTC)))
    return number


def _named(workspace: Workspace, arrived: Arrived, document: SkillDocument) -> SkillDocument:
    name = lifecycle.free_name(
        workspace, document.name, project_id=arrived.project_id, skill_id=arrived.skill_id
    )
    return replace(document, name=name)


def _version(arrived: Arrived, document: SkillDocument, *, number: int, at: datetime) -> store.Version:
    return store.Version(
        skill_id=arrived.skill_id,
        version=number,
        content_hash=content_hash(document),
        document=document,
        requests=arrived.requests,
        origin=ORIGIN,
        author=arrived.author,
        created_at=at,
    )


def _by_person(workspace: Workspace, skill: store.Skill) -> bool:
    """Say whether a person of this machine put a skill away last."""
    moved = [
        d
        for d in rules.standing(store.decisions(workspace, skill.skill_id))
        if d.from_state is not d.to_state
    ]
    return bool(moved) and rules.is_person(moved[-1].actor)


def _reason(arrived: Arrived) -> str:
    return f"version {arrived.remote_version} is {arrived.state.value} in your {arrived.scope}"


def _keep(workspace: Workspace, arrived: Arrived, *, version: int, refused: str = "") -> Received:
    kept = Received(
        skill_id=arrived.skill_id,
        scope=arrived.scope,
        remote_version=arrived.remote_version,
        version=version,
        content_hash=arrived.content_hash,
        state=arrived.state.value,
        signature=arrived.signature,
        refused=refused,
        at=datetime.now(UTC),
    )
    remotes.put_received(workspace, kept)
    return kept
