"""What distillation did: counts, and a change for each skill it looked at."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hivemind.domain.skills import Finding

#: Is told what is being done, with how many of how many sessions.
Progress = Callable[[str, int, int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Report what distillation did about one skill."""

    name: str
    action: str  #: created, improved, kept, refused, retired, moved
    skill_id: str = ""
    state: str = ""
    findings: tuple[Finding, ...] = ()
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class DistillReport:
    """Count what distillation read and made."""

    sessions_mined: int = 0
    lessons: int = 0
    changes: list[Change] = field(default_factory=list)
