"""Lessons, skills and their life cycle."""

from dataclasses import dataclass, field
from enum import StrEnum


class SkillState(StrEnum):
    """Name the states of a skill; the value is what `skills.state` holds."""

    CANDIDATE = "candidate"  #: passed its gates, loads nowhere
    TRIAL = "trial"  #: loads in its author's own project
    ACTIVE = "active"  #: a person approved it, or its numbers did where the policy lets them
    RETIRED = "retired"
    REJECTED = "rejected"


#: States in which a skill is loaded by agents.
LIVE_STATES = (SkillState.TRIAL, SkillState.ACTIVE)

#: From state to the states that a decision may move a skill to (undo is recorded as a decision of its own).
TRANSITIONS: dict[SkillState, tuple[SkillState, ...]] = {
    SkillState.CANDIDATE: (SkillState.TRIAL, SkillState.ACTIVE, SkillState.REJECTED),
    SkillState.TRIAL: (SkillState.ACTIVE, SkillState.RETIRED, SkillState.REJECTED),
    SkillState.ACTIVE: (SkillState.RETIRED, SkillState.TRIAL),
    SkillState.RETIRED: (SkillState.ACTIVE, SkillState.TRIAL, SkillState.REJECTED),
    SkillState.REJECTED: (SkillState.CANDIDATE, SkillState.TRIAL, SkillState.ACTIVE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillDocument:
    """Hold a SKILL.md: its frontmatter fields and its body.

    Only the six keys of the Agent Skills specification exist (agentskills.io, read 2026-08-09); everything of
    our own lives under `metadata`, a map of strings.
    """

    name: str
    description: str
    body: str
    license: str = ""
    compatibility: str = ""
    allowed_tools: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Link a claim to the event it came from."""

    event_id: str
    session_id: str
    role: str  #: what the event shows: `failure`, `fix`, `success`, `correction`, `request`
    excerpt: str = ""  #: one line of the event's redacted text


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Report one thing a gate saw in a skill."""

    gate: str  #: `spec`, `grounding`, `secrets`, `duplicate`, `size`, …
    message: str  #: one sentence that a person can act on
    blocking: bool = True
    line: int | None = None  #: of the body, or of the file beside it, from 1
