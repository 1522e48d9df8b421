"""Make skills, change their state and version, and take changes back; every change is a row of the ledger."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from hivemind.capture import boundary
from hivemind.domain.skills import LIVE_STATES, TRANSITIONS, Finding, SkillDocument, SkillState
from hivemind.errors import HivemindError
from hivemind.library import rules
from hivemind.library.document import content_hash
from hivemind.library.gates import GateContext, OtherSkill, blocking
from hivemind.library.gates.base import shown
from hivemind.library.gates.spec import MAX_NAME
from hivemind.store import evidence, flags, remotes
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.flags import FlagKind

AUTO_ACTOR = "policy:auto"
#: How the names begin of servers that decide, and the scope of what is decided here.
BY_SERVER, OWN_SCOPE = "server:", "me"


@dataclass(frozen=True, slots=True)
class _Because:
    actor: str
    reason: str
    numbers: Mapping[str, Any] | None = None


def create(
    workspace: Workspace,
    document: SkillDocument,
    *,
    project_id: str,
    origin: str,
    actor: str,
    topic: str = "",
    requests: str = "",
    lesson_ids: Sequence[str] = (),
    author: str = "",
    findings: Sequence[Finding] = (),
    reason: str = "",
    numbers: Mapping[str, Any] | None = None,
) -> store.Skill:
    """Make a candidate from a document that passed its gates.

    A name that the project, or a skill of every project, has already gets a number. `requests` are the
    prompts it was mined from, one a line; `origin` is template, person, model or import; `actor` is
    person:NAME or policy:NAME.
    """
    require_passed(document, findings)
    named = replace(document, name=_free_name(workspace, document.name, project_id=project_id))
    now = datetime.now(UTC)
    skill = store.Skill(
        skill_id=_new_id(workspace, project_id, topic, document.name),
        name=named.name,
        description=named.description,
        project_id=project_id,
        topic=topic,
        state=SkillState.CANDIDATE,
        version=1,
        author=author,
        created_at=now,
        updated_at=now,
    )
    version = store.Version(
        skill_id=skill.skill_id,
        version=1,
        content_hash=content_hash(named),
        document=named,
        requests=requests,
        origin=origin,
        author=author,
        lesson_ids=tuple(lesson_ids),
        findings=tuple(findings),
        created_at=now,
    )
    store.insert_skill(workspace, skill, version=version)
    because = _Because(actor, reason, numbers)
    _record(workspace, skill.skill_id, before=None, state=skill.state, version=1, because=because)
    return store.by_id(workspace, skill.skill_id)


def add_version(
    workspace: Workspace,
    skill_id: str,
    document: SkillDocument,
    *,
    origin: str,
    actor: str,
    requests: str | None = None,
    lesson_ids: Sequence[str] | None = None,
    author: str = "",
    findings: Sequence[Finding] = (),
    reason: str = "",
    numbers: Mapping[str, Any] | None = None,
) -> store.Skill:
    """Give a skill a new version in its present state, or none where it says what the current one says.

    Requests and lessons are the current version's where they are not given.
    """
    require_passed(document, findings)
    skill = store.by_id(workspace, skill_id)
    if _is_anothers(skill, actor):
        return skill
    held = store.versions(workspace, skill_id)
    current = next(v for v in held if v.version == skill.version)
    if content_hash(document) == current.content_hash:
        return skill
    version = store.Version(
        skill_id=skill_id,
        version=held[-1].version + 1,
        content_hash=content_hash(document),
        document=document,
        requests=current.requests if requests is None else requests,
        origin=origin,
        author=author,
        lesson_ids=current.lesson_ids if lesson_ids is None else tuple(lesson_ids),
        findings=tuple(findings),
        created_at=datetime.now(UTC),
    )
    store.insert_version(workspace, version)
    because = _Because(actor, reason, numbers)
    return _move(workspace, skill, state=skill.state, version=version.version, because=because)


def use_version(
    workspace: Workspace, skill_id: str, version: int, *, actor: str, reason: str = ""
) -> store.Skill:
    """Make one of a skill's versions its current one, in its present state."""
    skill = store.by_id(workspace, skill_id)
    because = _Because(actor, reason, _seen(workspace, skill_id, actor))
    return _move(workspace, skill, state=skill.state, version=version, because=because)


def decide(
    workspace: Workspace,
    skill_id: str,
    to_state: SkillState,
    *,
    actor: str,
    reason: str = "",
    numbers: Mapping[str, Any] | None = None,
) -> store.Skill:
    """Move a skill to a state that the life cycle allows from its present one.

    A person may do so on less evidence than the rule asks for; the ledger then says that it was. What a
    server decides on no policy moves; a person may put it away on this machine, and take it up again.
    """
    skill = store.by_id(workspace, skill_id)
    if _is_anothers(skill, actor):
        return skill
    _require_own(workspace, skill, to_state)
    allowed = TRANSITIONS[skill.state]
    if to_state not in allowed:
        raise HivemindError(
            "skill-transition",
            f"{skill.name} is {skill.state} and cannot become {to_state}",
            hint=f"it can become {' or '.join(allowed)}; `hivemind skills undo` takes the last decision back",
        )
    numbers = dict(numbers or {})
    if rules.is_person(actor) and to_state in LIVE_STATES and skill.state is not SkillState.ACTIVE:
        shown = rules.support(workspace, skill)
        if not rules.enough(shown):
            reason = f"{reason}; {rules.waits_for(shown)}, and a person decides all the same"
            numbers["override"] = True
    because = _Because(actor, reason.removeprefix("; "), _seen(workspace, skill_id, actor) | numbers)
    return _move(workspace, skill, state=to_state, version=skill.version, because=because)


def keep(
    workspace: Workspace, skill_id: str, *, actor: str, reason: str, numbers: Mapping[str, Any] | None = None
) -> store.Skill:
    """Note that a skill was looked at and stays as it is."""
    skill = store.by_id(workspace, skill_id)
    if _is_anothers(skill, actor):
        return skill
    because = _Because(actor, reason, _seen(workspace, skill_id, actor) | dict(numbers or {}))
    return _move(workspace, skill, state=skill.state, version=skill.version, because=because)


def cite(
    workspace: Workspace, skill_id: str, lesson_ids: Sequence[str], *, actor: str, reason: str
) -> store.Skill:
    """Have a skill rest on more lessons, in a version that says what the current one says."""
    skill = store.by_id(workspace, skill_id)
    held = store.versions(workspace, skill_id)
    current = next(v for v in held if v.version == skill.version)
    more = [lesson_id for lesson_id in lesson_ids if lesson_id not in current.lesson_ids]
    if not more:
        return skill
    version = replace(
        current,
        version=held[-1].version + 1,
        lesson_ids=(*current.lesson_ids, *more),
        created_at=datetime.now(UTC),
    )
    store.insert_version(workspace, version)
    because = _Because(actor, reason, {rules.EDITED: current.version})
    return _move(workspace, skill, state=skill.state, version=version.version, because=because)


def undo(workspace: Workspace, skill_id: str, *, actor: str, reason: str = "") -> store.Skill:
    """Take back the latest decision that stands, restoring state and version; again, the one before it."""
    skill = store.by_id(workspace, skill_id)
    if _is_anothers(skill, actor):
        return skill
    for last in reversed(rules.standing(store.decisions(workspace, skill_id))):
        if last.from_state is None or last.from_version is None:
            break
        _require_own(workspace, skill, last.from_state)
        reason = reason or f"undo of decision {last.number}: {last.reason}".rstrip(": ")
        because = _Because(actor, reason, _seen(workspace, skill_id, actor))
        for kind, message in rules.seen_flags(last).items():
            flags.raise_one(workspace, skill_id, FlagKind(kind), message=message, at=last.at)
        return _move(
            workspace,
            skill,
            state=last.from_state,
            version=last.from_version,
            because=because,
            undoes=last.decision_id,
        )
    raise HivemindError(
        "skill-nothing-to-undo",
        f"no decision about {skill.name} is left to take back",
        hint=f"`hivemind skills reject {skill.name}` keeps it from being used",
    )


def _is_anothers(skill: store.Skill, actor: str) -> bool:
    """Say whether a policy of this machine would move what a server decides on."""
    return skill.scope != OWN_SCOPE and not actor.startswith((rules.BY_PERSON, BY_SERVER))


def _require_own(workspace: Workspace, skill: store.Skill, to_state: SkillState) -> None:
    """Raise where somebody would load what its server put away."""
    said = remotes.received_one(workspace, skill.skill_id) if skill.scope != OWN_SCOPE else None
    if said is not None and to_state in LIVE_STATES and said.state not in LIVE_STATES:
        raise HivemindError(
            "skill-of-team",
            f"{skill.name} is a skill of your {skill.scope}, where it is {said.state}",
            hint=f"a reviewer decides there; `hivemind skills share {skill.name}` proposes what is here",
        )


def follow(
    workspace: Workspace,
    skill_id: str,
    *,
    state: SkillState,
    version: int,
    actor: str,
    reason: str,
) -> store.Skill:
    """Do as a server decided about a skill, whatever its state here; nothing where it is so already."""
    skill = store.by_id(workspace, skill_id)
    if (skill.state, skill.version) == (state, version):
        return skill
    return _move(workspace, skill, state=state, version=version, because=_Because(actor, reason))


def free_name(workspace: Workspace, wanted: str, *, project_id: str, skill_id: str) -> str:
    """Give a name as wanted, with a number where another skill beside this one has it."""
    return _free_name(workspace, wanted, project_id=project_id, but=skill_id)


def adopt(
    workspace: Workspace, skill: store.Skill, *, version: store.Version, actor: str, reason: str
) -> store.Skill:
    """Store a skill that another machine made, under the id that it has there."""
    store.insert_skill(workspace, skill, version=version)
    because = _Because(actor, reason)
    _record(
        workspace, skill.skill_id, before=None, state=skill.state, version=version.version, because=because
    )
    return store.by_id(workspace, skill.skill_id)


def admit(
    workspace: Workspace,
    skill_id: str,
    *,
    policy: str,
    share_policy: str = "review",
    numbers: Mapping[str, Any] | None = None,
) -> store.Skill:
    """Let a candidate go to trial where the policy and its evidence allow it without a person.

    `policy` is that of its own project, `share_policy` of a skill of every project.
    """
    skill = store.by_id(workspace, skill_id)
    policies = rules.Policies(publish=policy, share=share_policy)
    if policies.of(skill) != rules.AUTO or skill.state is not SkillState.CANDIDATE:
        return skill
    shown = rules.support(workspace, skill)
    reason = rules.enough(shown)
    if not reason or rules.is_held_back(workspace, skill, shown):
        return skill
    return decide(workspace, skill_id, SkillState.TRIAL, actor=AUTO_ACTOR, reason=reason, numbers=numbers)


def come_back(workspace: Workspace, skill_id: str, *, lesson_ids: Sequence[str] = ()) -> store.Skill:
    """Make a rejected skill a candidate again where its evidence has grown; it then waits for a person.

    `lesson_ids` are those that support it now, where they are others than its current version's.
    """
    skill = store.by_id(workspace, skill_id)
    reason = rules.may_come_back(workspace, skill, lesson_ids=lesson_ids)
    if not reason:
        return skill
    return decide(workspace, skill_id, SkillState.CANDIDATE, actor=AUTO_ACTOR, reason=reason)


def context_for(
    workspace: Workspace,
    *,
    project_id: str,
    lesson_ids: Sequence[str] = (),
    skill_id: str = "",
    person_authored: bool = False,
    unknown_keys: tuple[str, ...] = (),
) -> GateContext:
    """Gather what the gates judge a project's document against, as a version of `skill_id` where given."""
    return GateContext(
        evidence_texts=store.evidence_texts(workspace, lesson_ids),
        others=tuple(other for other in _neighbours(workspace, project_id) if other.skill_id != skill_id),
        person_authored=person_authored,
        unknown_keys=unknown_keys,
        redactor=boundary.redactor_of(workspace),
    )


def _neighbours(workspace: Workspace, project_id: str) -> list[OtherSkill]:
    """Give the open skills that agents see beside one of a project, or beside one of every project."""
    found = store.current_versions(workspace, states=store.OPEN_STATES, project_id=project_id or None)
    return [
        OtherSkill(skill_id=v.skill_id, name=d.name, description=d.description, body=d.body)
        for v, d in ((v, v.document) for v in found)
    ]


def _neighbours_names(workspace: Workspace, project_id: str) -> dict[str, str]:
    return store.names(workspace, states=store.OPEN_STATES, project_id=project_id or None)


def _seen(workspace: Workspace, skill_id: str, actor: str) -> dict[str, Any]:
    """Take the flags off a skill about which a person decides, and give them for the ledger."""
    raised = [flag for flag in flags.listed(workspace) if flag.skill_id == skill_id]
    if not raised or not rules.is_person(actor):
        return {}
    flags.clear(workspace, skill_id)
    return {rules.SEEN_FLAGS: {flag.kind.value: flag.message for flag in raised}}


def require_passed(document: SkillDocument, findings: Sequence[Finding]) -> None:
    """Raise HivemindError where a gate keeps a document out of the library."""
    stopped = blocking(findings)
    if stopped:
        raise HivemindError(
            "skill-gated",
            f"{shown(document.name)} did not pass the {stopped[0].gate} gate: {stopped[0].message}",
            hint="mend what the finding names and try again",
        )


def _free_name(workspace: Workspace, wanted: str, *, project_id: str, but: str = "") -> str:
    names = _neighbours_names(workspace, project_id)
    taken = {name for skill_id, name in names.items() if skill_id != but}
    name, number = wanted, 1
    while name in taken:
        number += 1
        suffix = f"-{number}"
        name = wanted[: MAX_NAME - len(suffix)].rstrip("-") + suffix
    return name


def _require_free(workspace: Workspace, skill: store.Skill, *, name: str) -> None:
    for other_id, other_name in _neighbours_names(workspace, skill.project_id).items():
        if other_name == name and other_id != skill.skill_id:
            raise HivemindError(
                "skill-name-taken",
                f"{name} is also the name of skill {other_id}",
                hint=f"retire or reject that one first: `hivemind skills retire {other_id}`",
            )


def _new_id(workspace: Workspace, *parts: str) -> str:
    number = 0
    while True:
        seed = "\0".join((*parts, str(number)))
        # Derived, not random, so that the same sessions give the same ids on another machine.
        skill_id = "s" + hashlib.blake2b(seed.encode("utf-8", "replace"), digest_size=6).hexdigest()
        if not store.versions(workspace, skill_id, only=1):
            return skill_id
        number += 1


def _move(
    workspace: Workspace,
    skill: store.Skill,
    *,
    state: SkillState,
    version: int,
    because: _Because,
    undoes: str = "",
) -> store.Skill:
    if state in store.OPEN_STATES:
        name = store.version_of(workspace, skill.skill_id, version=version).document.name
        _require_free(workspace, skill, name=name)
    store.set_current(workspace, skill.skill_id, state=state, version=version)
    _record(
        workspace, skill.skill_id, before=skill, state=state, version=version, because=because, undoes=undoes
    )
    return store.by_id(workspace, skill.skill_id)


def _record(
    workspace: Workspace,
    skill_id: str,
    *,
    before: store.Skill | None,
    state: SkillState,
    version: int,
    because: _Because,
    undoes: str = "",
) -> None:
    number = len(store.decisions(workspace, skill_id)) + 1
    lesson_ids = store.version_of(workspace, skill_id, version=version).lesson_ids
    shown = evidence.support(workspace, lesson_ids, skill_id=skill_id).as_numbers() if lesson_ids else {}
    shown[rules.EXPOSURES] = evidence.episodes_with(workspace, skill_id)
    store.append_decision(
        workspace,
        store.Decision(
            decision_id="d" + hashlib.blake2b(f"{skill_id}\0{number}".encode(), digest_size=10).hexdigest(),
            skill_id=skill_id,
            number=number,
            at=datetime.now(UTC),
            actor=because.actor,
            from_state=before.state if before else None,
            to_state=state,
            from_version=before.version if before else None,
            to_version=version,
            reason=because.reason,
            numbers={**shown, **(because.numbers or {})},
            undoes=undoes,
        ),
    )
