"""What miners find: one occurrence of a lesson in one session, with the events it rests on."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hivemind.domain.skills import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """Hold one sighting of a lesson; those of one kind and key in a project are the same lesson."""

    kind: str  #: the miner's name
    key: str
    topic: str  #: lessons of one topic share a skill
    data: dict[str, Any] = field(default_factory=dict)  #: JSON values, as the kind's writer reads them
    evidence: tuple[Evidence, ...] = ()
    explicit: bool = False  #: a person said it: one sighting is enough
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Hold a lesson with what its occurrences add up to."""

    lesson_id: str
    project_id: str
    kind: str
    key: str
    topic: str
    data: dict[str, Any]
    sessions: int
    occurrences: int
    explicit: bool
    last_at: datetime | None = None
    evidence: tuple[Evidence, ...] = ()
