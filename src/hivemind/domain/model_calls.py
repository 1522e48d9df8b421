"""Calls of a model: how they end, and how many of them a day may have."""

from dataclasses import dataclass
from enum import StrEnum


class CallStatus(StrEnum):
    """Name how a call ended; the value is what `model_calls.status` holds."""

    RUNNING = "running"
    ANSWERED = "answered"  #: not judged yet
    USED = "used"  #: its wording became a version
    MALFORMED = "malformed"  #: not the JSON that was asked for
    EMPTY = "empty"
    REFUSED = "refused"  #: by the model
    GATED = "gated"  #: by the writer's checks or a gate
    STALE = "stale"  #: the skill had changed meanwhile
    TOO_LONG = "too-long"
    TIMEOUT = "timeout"
    FAILED = "failed"  #: the program, the network or the account
    STOPPED = "stopped"  #: Hivemind was told to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """Bound what a day's calls cost and how many they are."""

    usd: float
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """Count the calls since midnight UTC."""

    calls: int
    cost_usd: float

    def reaches(self, cap: Cap, *, next_usd: float = 0.0) -> bool:
        """Say whether the next call would go over a cap."""
        return self.calls >= cap.calls or self.cost_usd >= cap.usd or self.cost_usd + next_usd > cap.usd
