"""Move skills by their numbers: to trial, to active, out of use; each move is a row of the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hivemind.domain.skills import LIVE_STATES, SkillState
from hivemind.errors import HivemindError
from hivemind.evaluation import policy, uplift
from hivemind.evaluation.policy import Judgement, Numbers, Verdict
from hivemind.evaluation.statistics import Proportion
from hivemind.evaluation.uplift import Uplift
from hivemind.library import lifecycle, rules
from hivemind.library.rules import Policies
from hivemind.store import flags
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.flags import FlagKind
from hivemind.store.skills import Skill

#: Who retires what harms.
HARM_ACTOR = "policy:harm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Hold one move of a skill."""

    skill_id: str
    name: str
    before: SkillState
    after: SkillState
    reason: str


def apply(
    workspace: Workspace, *, policies: Policies, now: datetime, measured: Mapping[str, Uplift] | None = None
) -> list[Change]:
    """Look at every skill that a policy may move, and move those whose numbers say so.

    What harms is retired under every policy; moving up is for skills under `auto`. `measured` are the numbers
    of all skills, where they are known already.
    """
    changes = [
        change
        for skill in store.listed(workspace, states=(SkillState.CANDIDATE, SkillState.REJECTED))
        if skill.scope == lifecycle.OWN_SCOPE
        and (change := _looked_at_again(workspace, skill, policies)) is not None
    ]
    measured = uplift.by_skill(workspace) if measured is None else measured
    # A skill that no episode had has no numbers, and waits. What harms of a server's skills is the server's
    # to judge, by the numbers of everybody.
    live = store.listed(workspace, states=LIVE_STATES, skill_ids=measured)
    for skill in (one for one in live if one.scope == lifecycle.OWN_SCOPE):
        change = _judged(workspace, skill, measured.get(skill.skill_id), policies=policies, now=now)
        changes += [change] if change else []
    return changes


def _looked_at_again(workspace: Workspace, skill: Skill, policies: Policies) -> Change | None:
    try:
        if skill.state is SkillState.REJECTED:
            after = lifecycle.come_back(workspace, skill.skill_id)
        else:
            after = lifecycle.admit(
                workspace, skill.skill_id, policy=policies.publish, share_policy=policies.share
            )
    except HivemindError as error:
        if error.slug != "skill-name-taken":
            raise
        return None  # another skill has the name by now
    return _change(workspace, skill, after)


def numbers_of(measured: Uplift | None, *, evidence_sessions: int = 0) -> Numbers:
    """Give what a skill is judged by."""
    exposures = measured.exposures if measured else 0
    if measured is not None and measured.comparison is not None:
        return Numbers.of(measured.comparison, evidence_sessions=evidence_sessions, exposures=exposures)
    nothing = Proportion(0.0, 0.0)
    return Numbers(
        given=nothing,
        withheld=nothing,
        sessions_given=0,
        sessions_withheld=0,
        evidence_sessions=evidence_sessions,
        exposures=exposures,
    )


def _judged(
    workspace: Workspace, skill: Skill, measured: Uplift | None, *, policies: Policies, now: datetime
) -> Change | None:
    # Evidence is dear to count and decides only where all else speaks for a promotion.
    numbers = numbers_of(measured, evidence_sessions=policy.DEFAULT.evidence_sessions)
    judgement = policy.judge(skill.state, numbers)
    up = judgement.verdict is Verdict.PROMOTE
    if judgement.verdict is Verdict.WAIT or (up and policies.of(skill) != rules.AUTO):
        return None
    to_state = SkillState.ACTIVE if up else SkillState.RETIRED
    if up:
        shown = rules.support(workspace, skill).successes
        judgement = policy.judge(skill.state, numbers_of(measured, evidence_sessions=shown))
        if judgement.verdict is not Verdict.PROMOTE:
            return None
    ledger = store.decisions(workspace, skill.skill_id)
    if rules.is_settled(ledger, to_state, exposures=numbers.exposures):
        return None
    after = lifecycle.decide(
        workspace,
        skill.skill_id,
        to_state,
        actor=lifecycle.AUTO_ACTOR if up else HARM_ACTOR,
        reason=judgement.reason,
        numbers=_as_numbers(numbers, judgement),
    )
    if not up:
        flags.raise_one(workspace, skill.skill_id, FlagKind.HARM, message=judgement.reason, at=now)
    return _change(workspace, skill, after)


def _as_numbers(numbers: Numbers, judgement: Judgement) -> dict[str, Any]:
    return {
        rules.EXPOSURES: numbers.exposures,
        "given": [numbers.given.successes, numbers.given.total],
        "withheld": [numbers.withheld.successes, numbers.withheld.total],
        "sessions_given": numbers.sessions_given,
        "sessions_withheld": numbers.sessions_withheld,
        "harm_probability": judgement.harm_probability,
    }


def _change(workspace: Workspace, before: Skill, after: Skill) -> Change | None:
    if after.state is before.state:
        return None
    return Change(
        skill_id=after.skill_id,
        name=after.name,
        before=before.state,
        after=after.state,
        reason=store.decisions(workspace, after.skill_id)[-1].reason,
    )
