"""Tell every project what several have learnt: one skill a topic, a candidate until a person approves it.

What a person decided about a claim stands: a live skill keeps the words that were approved, and a rejected
claim stays away until much more supports it. While such a skill is live, projects leave out what it says.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hivemind.distill import portable_rules
from hivemind.distill.agreement import Agreement, Evidence, agreements
from hivemind.distill.miners import correction, fix
from hivemind.distill.portable import Claim
from hivemind.distill.report import Change
from hivemind.distill.writers import everywhere
from hivemind.domain.skills import LIVE_STATES, SkillDocument, SkillState
from hivemind.library import gates, lifecycle
from hivemind.store import skills
from hivemind.store.database import Workspace

ACTOR = "policy:widen"
ORIGIN = "template"
#: Origins of a text that the machine may change.
MACHINE_ORIGINS = (ORIGIN, "model")
EVERY_PROJECT = ""
MAX_CLAIMS = 12
#: So many times the sessions bring a rejected claim back, and so does a further repository.
GROWN = 2
_WORD = re.compile(r"[\w.-]*\w")


def widen(workspace: Workspace, *, author: str, policy: str) -> list[Change]:
    """Bring the skills of every project up to date with what several repositories agree on."""
    found = agreements(workspace)
    wide = _wide(workspace)
    if not wide and not any(a.told for a in found):
        return []
    free = [a for a in found if a.told and not any(_decides(w, a) for w in wide)]
    topics: dict[str, list[Agreement]] = defaultdict(list)
    for agreement in free:
        topics[agreement.topic].append(agreement)
    candidates = {w.skill.topic: w for w in reversed(wide) if w.is_open}
    double = [w for w in wide if w.is_open and candidates[w.skill.topic] is not w]
    changes = [_take_back(workspace, w, reason="another candidate says it") for w in double]
    for topic in sorted({*topics, *candidates}):
        chosen = _chosen(topics.get(topic, []))
        held = candidates.get(topic)
        if chosen:
            held = held or _narrowed(workspace, topic, wide=wide)
            changes += _write(workspace, topic, chosen, held=held, author=author, policy=policy)
        elif held is not None:
            reason = "one project alone supports it now, or another contradicts it"
            changes.append(_take_back(workspace, held, reason=reason))
    return changes


def covered(workspace: Workspace) -> frozenset[str]:
    """Give the lessons that a live skill of every project states: no skill of a project states them too."""
    live = [w for w in _wide(workspace) if w.skill.state in LIVE_STATES]
    return frozenset().union(*_stated(live, agreements(workspace)).values()) if live else frozenset()


def unsettled(workspace: Workspace) -> frozenset[str]:
    """Give the projects whose skills state what is told everywhere now, or lack what no longer is."""
    wide = [w for w in _wide(workspace) if any(d.to_state in LIVE_STATES for d in w.ledger)]
    if not wide:
        return frozenset()
    stated = _stated(wide, agreements(workspace))
    live = {w.skill.skill_id for w in wide if w.skill.state in LIVE_STATES}
    told = frozenset[str]().union(*(ids for skill_id, ids in stated.items() if skill_id in live))
    once = frozenset[str]().union(*stated.values()) - told
    found = set()
    for skill in skills.listed(workspace):
        if not skill.project_id or skill.topic == "" or skill.scope != lifecycle.OWN_SCOPE:
            continue
        if skill.state in LIVE_STATES:
            versions = skills.versions(workspace, skill.skill_id)
            current = next(v for v in versions if v.version == skill.version)
            earlier = {i for v in versions for i in v.lesson_ids} - {*current.lesson_ids}
            stale = current.origin in MACHINE_ORIGINS and not told.isdisjoint(current.lesson_ids)
            if stale or not once.isdisjoint(earlier):
                found.add(skill.project_id)
        elif skill.state is SkillState.RETIRED and _made_way(workspace, skill):
            current = skills.version_of(workspace, skill.skill_id, version=skill.version)
            if not told.issuperset(current.lesson_ids):
                found.add(skill.project_id)
    return frozenset(found)


def make_way(
    workspace: Workspace, project_id: str, *, topics: Collection[str], hidden: Collection[str]
) -> list[Change]:
    """Retire a project's skills of which nothing is left, and bring back those of which something is again.

    `topics` are those that the project's drafts have once the lessons in `hidden`, which are told everywhere,
    are left out.
    """
    changes = []
    for skill in skills.listed(workspace, project_id=project_id):
        if skill.project_id != project_id or skill.scope != lifecycle.OWN_SCOPE:
            continue
        if skill.state in LIVE_STATES and skill.topic not in topics:
            current = skills.version_of(workspace, skill.skill_id, version=skill.version)
            if current.origin in MACHINE_ORIGINS and not set(hidden).isdisjoint(current.lesson_ids):
                reason = "a skill of every project says it"
                gone = lifecycle.decide(
                    workspace, skill.skill_id, SkillState.RETIRED, actor=ACTOR, reason=reason
                )
                changes.append(_change(gone, "retired", reason=reason))
        elif skill.state is SkillState.RETIRED and skill.topic in topics and _made_way(workspace, skill):
            if not _is_free(workspace, skill):
                continue
            reason = "no skill of every project says all of it"
            back = lifecycle.undo(workspace, skill.skill_id, actor=ACTOR, reason=reason)
            changes.append(_change(back, "improved", reason=reason))
    return changes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wide:
    """Hold a skill of every project that was made here, with what is known of the last decision."""

    skill: skills.Skill
    version: skills.Version
    ledger: tuple[skills.Decision, ...]

    @property
    def is_open(self) -> bool:
        """Say whether it is a candidate whose text is the machine's."""
        return self.skill.state is SkillState.CANDIDATE and self.version.origin in MACHINE_ORIGINS

    @property
    def is_narrowed(self) -> bool:
        """Say whether the machine took it back, not a person."""
        return self.skill.state is SkillState.REJECTED and self.ledger[-1].actor == ACTOR


def _wide(workspace: Workspace) -> list[_Wide]:
    found = []
    for skill_id in sorted(skills.begun_by(workspace, ACTOR)):
        skill = skills.by_id(workspace, skill_id)
        if skill.project_id == EVERY_PROJECT and skill.scope == lifecycle.OWN_SCOPE:
            ledger = tuple(skills.decisions(workspace, skill_id))
            version = skills.version_of(workspace, skill_id, version=skill.version)
            found.append(_Wide(skill=skill, version=version, ledger=ledger))
    return found


def _decides(wide: _Wide, agreement: Agreement) -> bool:
    """Say whether a skill settles what becomes of a claim, so that it is not proposed again."""
    if wide.is_open or wide.is_narrowed or agreement.lesson_ids.isdisjoint(wide.version.lesson_ids):
        return False
    if wide.skill.state in (SkillState.REJECTED, SkillState.RETIRED):
        return not _has_grown(agreement, wide)
    return True


def _has_grown(agreement: Agreement, wide: _Wide) -> bool:
    """Say whether much more supports a claim than when a person decided against it."""
    now, known = agreement.evidence(), [_recorded(d.numbers, agreement.key) for d in wide.ledger]
    if wide.skill.state is SkillState.RETIRED:
        # What came while it was live is in no decision: its times tell.
        known.append(_pair(agreement.evidence(until=wide.ledger[-1].at)))
    projects, sessions = (max(pair[n] for pair in known) for n in (0, 1))
    return len(now.repositories) > projects or len(now.sessions) >= GROWN * sessions


def _recorded(numbers: Mapping[str, Any], key: str) -> list[int]:
    claims = numbers.get("claims")
    held = claims.get(key) if isinstance(claims, dict) else None
    return [int(held[0]), int(held[1])] if isinstance(held, list) and len(held) == 2 else [0, 0]


def _chosen(free: Iterable[Agreement]) -> list[Agreement]:
    """Keep the best supported claims, in an order that more evidence does not change."""

    def support(agreement: Agreement) -> tuple[int, int, str]:
        evidence = agreement.evidence()
        return (-len(evidence.repositories), -len(evidence.sessions), agreement.key)

    return sorted(sorted(free, key=support)[:MAX_CLAIMS], key=lambda a: a.key)


def _narrowed(workspace: Workspace, topic: str, *, wide: Sequence[_Wide]) -> _Wide | None:
    """Give a skill that was taken back for want of evidence, to bring back now that there is enough again."""
    found = [w for w in wide if w.is_narrowed and w.skill.topic == topic]
    return next((w for w in found if _is_free(workspace, w.skill)), None)


def _write(
    workspace: Workspace,
    topic: str,
    chosen: Sequence[Agreement],
    *,
    held: _Wide | None,
    author: str,
    policy: str,
) -> list[Change]:
    document = everywhere.write(topic, [a.told for a in chosen if a.told])
    lesson_ids = sorted(frozenset[str]().union(*(a.supporting for a in chosen)))
    skill_id = held.skill.skill_id if held else ""
    context = lifecycle.context_for(
        workspace, project_id=EVERY_PROJECT, lesson_ids=lesson_ids, skill_id=skill_id
    )
    name = held.skill.name if held else _free_name(document.name, {o.name for o in context.others})
    document = replace(document, name=name)
    # No duplicates: a project's skill that these lessons came from, and one with other claims on the topic.
    alike = _citing(workspace, frozenset[str]().union(*(a.lesson_ids for a in chosen)))
    alike |= {w.skill.skill_id for w in _wide(workspace) if w.skill.topic == topic}
    context = replace(context, others=tuple(o for o in context.others if o.skill_id not in alike))
    findings = gates.check(document, context)
    if stopped := gates.blocking(findings):
        return [Change(name=name, action="refused", findings=findings, reason=stopped[0].message)]
    evidence = _evidence(chosen)
    numbers: dict[str, Any] = {**evidence.numbers(), "lessons": len(lesson_ids)}
    numbers["claims"] = {a.key: _pair(a.evidence()) for a in chosen}
    if held is not None:
        if held.is_narrowed:
            reason = f"{_count(evidence)} support it again"
            lifecycle.decide(
                workspace, skill_id, SkillState.CANDIDATE, actor=ACTOR, reason=reason, numbers=numbers
            )
        skill = lifecycle.add_version(
            workspace,
            skill_id,
            document,
            origin=ORIGIN,
            actor=ACTOR,
            author=author,
            lesson_ids=lesson_ids,
            findings=findings,
            reason=f"{_count(evidence)} now",
            numbers=numbers,
        )
        if skill.version != held.version.version or held.is_narrowed:
            return [_change(skill, "improved", findings)]
        if numbers["claims"] != _latest(held.ledger):
            # What a person decides later is about all that was known, not about what it began with.
            lifecycle.keep(
                workspace, skill_id, actor=ACTOR, reason=f"{_count(evidence)} now", numbers=numbers
            )
        return []
    skill = lifecycle.create(
        workspace,
        document,
        project_id=EVERY_PROJECT,
        topic=topic,
        origin=ORIGIN,
        actor=ACTOR,
        author=author,
        lesson_ids=lesson_ids,
        findings=findings,
        reason=f"passed every gate, with evidence from {_count(evidence)}",
        numbers=numbers,
    )
    skill = lifecycle.admit(workspace, skill.skill_id, policy=policy, numbers=numbers)
    return [_change(skill, "created", findings)]


def _take_back(workspace: Workspace, held: _Wide, *, reason: str) -> Change:
    # A candidate cannot be retired: it was never used.
    gone = lifecycle.decide(workspace, held.skill.skill_id, SkillState.REJECTED, actor=ACTOR, reason=reason)
    return _change(gone, "retired", reason=reason)


def _stated(wide: Iterable[_Wide], found: Sequence[Agreement]) -> dict[str, frozenset[str]]:
    """Give for each skill the lessons that it states, also those that joined after it was written."""
    stated = {}
    for one in wide:
        ids = set(one.version.lesson_ids)
        for agreement in found:
            if not agreement.lesson_ids.isdisjoint(one.version.lesson_ids):
                claim = agreement.told or agreement.claims[0]
                if one.version.origin in MACHINE_ORIGINS or _holds(one.version.document, claim):
                    ids |= agreement.lesson_ids
                else:
                    ids -= agreement.lesson_ids
        stated[one.skill.skill_id] = frozenset(ids)
    return stated


def _holds(document: SkillDocument, claim: Claim) -> bool:
    """Say whether a text that a person changed still states a claim."""
    if claim.kind == fix.KIND:
        return all(str(claim.data[name]) in document.body for name in ("failed", "fix"))
    if claim.kind != correction.KIND:
        return str(claim.data["rule"]) in document.body
    signed = portable_rules.read(str(claim.data["rule"]))
    words = {w.lower() for w in _WORD.findall(document.body)}
    words |= {portable_rules.stem(w) for w in words}
    return signed is not None and signed.wanted | signed.unwanted <= words


def _citing(workspace: Workspace, lesson_ids: Collection[str]) -> frozenset[str]:
    current = skills.current_versions(workspace, states=skills.OPEN_STATES)
    return frozenset(v.skill_id for v in current if not set(lesson_ids).isdisjoint(v.lesson_ids))


def _made_way(workspace: Workspace, skill: skills.Skill) -> bool:
    return skills.decisions(workspace, skill.skill_id)[-1].actor == ACTOR


def _is_free(workspace: Workspace, skill: skills.Skill) -> bool:
    """Say whether no other open skill that stands beside a skill has its name."""
    others = lifecycle.context_for(workspace, project_id=skill.project_id, skill_id=skill.skill_id).others
    return all(other.name != skill.name for other in others)


def _free_name(wanted: str, taken: Collection[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _evidence(chosen: Iterable[Agreement]) -> Evidence:
    joined = Evidence()
    for agreement in chosen:
        joined |= agreement.evidence()
    return joined


def _latest(ledger: Sequence[skills.Decision]) -> Any:
    return next((d.numbers["claims"] for d in reversed(ledger) if "claims" in d.numbers), None)


def _pair(evidence: Evidence) -> list[int]:
    return [len(evidence.repositories), len(evidence.sessions)]


def _count(evidence: Evidence) -> str:
    agents = f"{len(evidence.agents)} agent{'' if len(evidence.agents) == 1 else 's'}"
    return f"{len(evidence.repositories)} projects, {len(evidence.sessions)} sessions and {agents}"


def _change(skill: skills.Skill, action: str, findings: Sequence[Any] = (), *, reason: str = "") -> Change:
    return Change(
        name=skill.name,
        action=action,
        skill_id=skill.skill_id,
        state=skill.state,
        findings=tuple(findings),
        reason=reason,
    )
