"""Put a skill away in favour of one that says the same; the one that stays rests on the evidence of both."""

from dataclasses import dataclass
from typing import Final

from hivemind.domain.skills import TRANSITIONS, SkillState
from hivemind.errors import HivemindError
from hivemind.library import lifecycle
from hivemind.library.gates import duplicate
from hivemind.store import skills as store
from hivemind.store.database import Workspace
from hivemind.store.skills import OPEN_STATES, Skill

#: Skills less alike are not offered, nor more of them.
MIN_SIMILARITY: Final = 0.08
MAX_SIMILAR: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """Hold a skill that says something alike, and how much of both is common, from 0 to 1."""

    skill: Skill
    similarity: float


def similar(workspace: Workspace, skill: Skill) -> list[Similar]:
    """Give the skills that agents see beside one and that are most like it."""
    own = _text(store.version_of(workspace, skill.skill_id, version=skill.version))
    found = []
    for other in store.current_versions(workspace, states=OPEN_STATES, project_id=skill.project_id or None):
        if other.skill_id != skill.skill_id:
            alike = duplicate.similarity(own, _text(other))
            if alike >= MIN_SIMILARITY:
                found.append((alike, other.skill_id))
    best = sorted(found, reverse=True)[:MAX_SIMILAR]
    return [Similar(skill=store.by_id(workspace, key), similarity=alike) for alike, key in best]


def _text(version: store.Version) -> str:
    return f"{version.document.description}\n{version.document.body}"


def merge(workspace: Workspace, gone: Skill, *, into: Skill, actor: str) -> Skill:
    """Retire or reject a skill, and have another cite its lessons, too; each can be undone by itself."""
    if gone.skill_id == into.skill_id:
        raise HivemindError("skill-merge", "a skill cannot be merged with itself", hint="choose another one")
    if into.state not in OPEN_STATES or gone.state not in OPEN_STATES:
        put_away = into if into.state not in OPEN_STATES else gone
        raise HivemindError(
            "skill-merge",
            f"{put_away.name} is {put_away.state.value}",
            hint="merge skills that are candidates, on trial or active; `undo` brings one back",
        )
    cited = store.version_of(workspace, gone.skill_id, version=gone.version).lesson_ids
    # Retired where that is possible: it was right, and only told twice.
    states = TRANSITIONS[gone.state]
    state = SkillState.RETIRED if SkillState.RETIRED in states else SkillState.REJECTED
    lifecycle.decide(workspace, gone.skill_id, state, actor=actor, reason=f"merged into {into.name}")
    return lifecycle.cite(
        workspace, into.skill_id, cited, actor=actor, reason=f"has the evidence of {gone.name}, too"
    )
