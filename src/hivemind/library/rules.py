"""What the life cycle asks for: evidence before a skill moves up, and a person's no that stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from hivemind.domain.skills import SkillState
from hivemind.errors import HivemindError
from hivemind.store import evidence
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.evidence import Support

#: Policies: a skill moves up by itself where its numbers allow it, or waits for a person.
AUTO, REVIEW = POLICIES = ("auto", "review")
#: How the names begin of people who decide.
BY_PERSON = "person:"
#: Independent sessions, with evidence in work that went well, that a skill needs to move up.
MIN_SUCCESSES = 2
#: What is rejected is asked about again at so many times the sessions of then, and at so many more.
COME_BACK_RATIO = 2
COME_BACK_MORE = 3
#: Where a person's decision keeps the flags that the skill had: kind to message.
SEEN_FLAGS = "flags"
#: Where a person's edit keeps which version was edited: the library may have had a newer one by then.
EDITED = "edited_version"
#: Where each decision keeps how many episodes had had the skill.
EXPOSURES = "exposures"
#: What a person took back the machine does again at so many times the exposures of then, and so many more.
AGAIN_RATIO = 1.5
AGAIN_MORE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Hold the policy of each scope: a skill of one project, and one that goes further."""

    publish: str = AUTO
    share: str = REVIEW

    def __post_init__(self) -> None:
        """Refuse what is no policy: a misspelt one must not let anything load."""
        for each in (self.publish, self.share):
            if each not in POLICIES:
                raise HivemindError(
                    "policy-unknown", f"{each!r} is not a policy", hint=f"set it to {' or '.join(POLICIES)}"
                )

    def of(self, skill: store.Skill) -> str:
        """Name the policy that a skill is under."""
        return self.publish if skill.project_id else self.share


def support(workspace: Workspace, skill: store.Skill) -> Support:
    """Count what supports the current version of a skill."""
    lesson_ids = store.version_of(workspace, skill.skill_id, version=skill.version).lesson_ids
    return evidence.support(workspace, lesson_ids, skill_id=skill.skill_id)


def enough(shown: Support) -> str:
    """Say why evidence is enough to move up; empty where it is not."""
    if shown.successes >= MIN_SUCCESSES:
        return f"{shown.successes} independent sessions show it in work that went well"
    return "a person stated it in a session" if shown.stated else ""


def waits_for(shown: Support) -> str:
    """Say how far evidence is from being enough."""
    well = {0: "no session shows", 1: "1 session shows"}.get(
        shown.successes, f"{shown.successes} sessions show"
    )
    return f"{well} it in work that went well, of {MIN_SUCCESSES} that it needs"


def is_person(actor: str) -> bool:
    """Say whether a person decided, and not a policy."""
    return actor.startswith(BY_PERSON)


def standing(ledger: Sequence[store.Decision]) -> list[store.Decision]:
    """Give the decisions of a ledger that were not taken back, and take back none."""
    taken_back = {decision.undoes for decision in ledger}
    return [d for d in ledger if not d.undoes and d.decision_id not in taken_back]


def seen_flags(decision: store.Decision) -> dict[str, str]:
    """Give the flags that a person saw when deciding."""
    found = decision.numbers.get(SEEN_FLAGS)
    return {str(kind): str(message) for kind, message in found.items()} if isinstance(found, dict) else {}


def may_come_back(workspace: Workspace, skill: store.Skill, *, lesson_ids: Sequence[str] = ()) -> str:
    """Say why a skill that a person rejected may be asked about again; empty where it may not.

    `lesson_ids` are those that support it now, where they are others than its current version's.
    """
    rejected = _last_rejection(workspace, skill) if skill.state is SkillState.REJECTED else None
    if rejected is None:
        return ""
    shown = (
        evidence.support(workspace, lesson_ids, skill_id=skill.skill_id)
        if lesson_ids
        else support(workspace, skill)
    )
    before = _successes(rejected)
    if not _has_grown(before, shown):
        return ""
    return f"{shown.successes} sessions show it in work that went well now; {before} did when it was rejected"


def is_held_back(workspace: Workspace, skill: store.Skill, shown: Support) -> bool:
    """Say whether a person said no to a candidate before, and nothing much was learnt since."""
    if _last_rejection(workspace, skill) is not None:
        return True  # whoever said no is asked, not overruled
    ledger = store.decisions(workspace, skill.skill_id)
    by_id = {d.decision_id: d for d in ledger}
    refused = [
        d for d in ledger if is_person(d.actor) and d.undoes in by_id and _is_admission(by_id[d.undoes])
    ]
    return bool(refused) and not _has_grown(_successes(refused[-1]), shown)


def is_settled(ledger: Sequence[store.Decision], to_state: SkillState, *, exposures: int) -> bool:
    """Say whether a person turned down this very move of a policy, and not much was seen since.

    Concerns a promotion to active and a retirement for harm.
    """
    made = [d for d in ledger if d.to_state is to_state and d.from_state is not to_state and not d.undoes]
    by_policy = [d.number for d in made if not is_person(d.actor)]
    turned_down = [
        d
        for d in ledger
        if is_person(d.actor)
        and d.from_state is to_state
        and d.to_state is not to_state
        and (to_state is SkillState.ACTIVE or any(number < d.number for number in by_policy))
    ]
    if not turned_down:
        return False
    before = turned_down[-1].numbers.get(EXPOSURES, 0)
    before = before if isinstance(before, int) else 0
    return exposures < max(AGAIN_RATIO * before, before + AGAIN_MORE)


def _is_admission(decision: store.Decision) -> bool:
    moved = (decision.from_state, decision.to_state) == (SkillState.CANDIDATE, SkillState.TRIAL)
    return moved and not is_person(decision.actor)


def _last_rejection(workspace: Workspace, skill: store.Skill) -> store.Decision | None:
    """Give the latest rejection by a person, unless a person thought otherwise since."""
    for decision in reversed(standing(store.decisions(workspace, skill.skill_id))):
        if is_person(decision.actor) and decision.from_state is not decision.to_state:
            return decision if decision.to_state is SkillState.REJECTED else None
    return None


def _successes(decision: store.Decision) -> int:
    found = decision.numbers.get("successful_sessions", 0)
    return found if isinstance(found, int) else 0


def _has_grown(before: int, shown: Support) -> bool:
    return shown.successes >= max(COME_BACK_RATIO * before, before + COME_BACK_MORE)
