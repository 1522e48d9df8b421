"""What waits for a person: which skills, why, and all that is needed to decide on one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from hivemind.domain.skills import SkillState
from hivemind.library import lifecycle, rules
from hivemind.library.rules import Policies
from hivemind.store import evidence, flags
from hivemind.store import skills as store
from hivemind.store import turns as stored_turns
from hivemind.store.database import Workspace
from hivemind.store.evidence import Support
from hivemind.store.flags import Flag, FlagKind
from hivemind.store.skills import Skill, Version
from hivemind.store.turns import Turn

#: Turns that are shown of one skill.
MAX_TURNS = 4
#: What is looked at first.
_ORDER = (FlagKind.HARM.value, FlagKind.STALE.value, "ready", "waiting", "trial", FlagKind.UNUSED.value)
ASKED = "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Name a skill that waits for a person, and say why."""

    skill: Skill
    why: str  #: one of `harm`, `stale`, `ready`, `waiting`, `trial`, `unused`, `asked`
    reason: str
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Hold what a person decides on."""

    waiting: Waiting
    version: Version
    before: Version | None  #: what a person last saw, where it is another version
    support: Support
    turns: tuple[Turn, ...]


def queue(workspace: Workspace, policies: Policies) -> list[Waiting]:
    """Give the skills that wait, those that may do harm first."""
    raised: dict[str, list[Flag]] = {}
    for flag in flags.listed(workspace):
        raised.setdefault(flag.skill_id, []).append(flag)
    candidates = store.current_versions(workspace, states=(SkillState.CANDIDATE,))
    supports = evidence.supports(workspace, {v.skill_id: v.lesson_ids for v in candidates})
    return in_order(
        waiting
        for skill in store.listed(workspace)
        if (waiting := _waiting(workspace, skill, raised.get(skill.skill_id, []), policies, supports))
    )


def in_order(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Sort skills that wait, those that may do harm first."""
    return sorted(waiting, key=lambda w: (_ORDER.index(w.why), w.skill.name, w.skill.skill_id))


def one(workspace: Workspace, skill: Skill, policies: Policies) -> Waiting:
    """Give a skill that a person asked for, whether it waits or not."""
    raised = [flag for flag in flags.listed(workspace) if flag.skill_id == skill.skill_id]
    asked = Waiting(skill=skill, why=ASKED, reason="you asked for it", flags=tuple(raised))
    return _waiting(workspace, skill, raised, policies) or asked


def _waiting(
    workspace: Workspace,
    skill: Skill,
    raised: Sequence[Flag],
    policies: Policies,
    supports: Mapping[str, Support] = MappingProxyType({}),
) -> Waiting | None:
    for kind in (FlagKind.HARM, FlagKind.STALE):
        for flag in raised:
            if flag.kind is kind:
                return Waiting(skill=skill, why=kind.value, reason=flag.message, flags=tuple(raised))
    if skill.state is SkillState.CANDIDATE:
        shown = supports.get(skill.skill_id) or rules.support(workspace, skill)
        is_ready = rules.enough(shown)
        if is_ready and rules.is_held_back(workspace, skill, shown):
            is_ready += "; a person turned it down before"
        return Waiting(
            skill=skill,
            why="ready" if is_ready else "waiting",
            reason=is_ready or rules.waits_for(shown),
            flags=tuple(raised),
        )
    if skill.state is SkillState.TRIAL and policies.of(skill) == rules.REVIEW:
        return Waiting(
            skill=skill, why="trial", reason="it is on trial and nobody approved it", flags=tuple(raised)
        )
    if raised:
        return Waiting(skill=skill, why=FlagKind.UNUSED.value, reason=raised[0].message, flags=tuple(raised))
    return None


def case(workspace: Workspace, waiting: Waiting) -> Case:
    """Gather what a person needs to decide on a skill."""
    skill = waiting.skill
    known = {v.version: v for v in store.versions(workspace, skill.skill_id)}
    version = known[skill.version]
    seen = _seen_version(store.decisions(workspace, skill.skill_id))
    return Case(
        waiting=waiting,
        version=version,
        before=known.get(seen) if seen != skill.version else None,
        support=rules.support(workspace, skill),
        turns=tuple(stored_turns.turns(workspace, version.lesson_ids, limit=MAX_TURNS)),
    )


def _seen_version(ledger: Sequence[store.Decision]) -> int:
    """Give the version that a person last decided on, else the one that first went to trial; 0: neither."""
    standing = rules.standing(ledger)
    for decision in reversed(standing):
        if rules.is_person(decision.actor):
            return decision.to_version
    live = [d.to_version for d in standing if d.to_state is SkillState.TRIAL]
    return live[0] if live else 0


def approve(workspace: Workspace, skill: Skill, *, actor: str, reason: str = "") -> Skill:
    """Make a skill active; one that is so already stays, and what it was flagged for is taken as seen."""
    if skill.state is SkillState.ACTIVE:
        return lifecycle.keep(workspace, skill.skill_id, actor=actor, reason=reason or "it is right as it is")
    return lifecycle.decide(workspace, skill.skill_id, SkillState.ACTIVE, actor=actor, reason=reason)


def reject(workspace: Workspace, skill: Skill, *, actor: str, reason: str = "") -> Skill:
    """Reject a skill; one that was approved is retired."""
    to_state = SkillState.RETIRED if skill.state is SkillState.ACTIVE else SkillState.REJECTED
    return lifecycle.decide(workspace, skill.skill_id, to_state, actor=actor, reason=reason)
