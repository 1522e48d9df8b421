"""Whether a piece of work went well: episodes, the signals they give, and what was reported about them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """Name how an episode ended; the value is what `episodes.score_label` holds."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"  #: not enough is known to say


#: What takes back the reports before it, in `outcomes.score_label`.
CLEARED = "cleared"
#: A reward in the middle says neither.
EVEN = 0.5


def of_reward(reward: float) -> Outcome:
    """Name the outcome of a reward between 0 and 1."""
    if reward == EVEN:
        return Outcome.UNKNOWN
    return Outcome.SUCCESS if reward > EVEN else Outcome.FAILURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Hold one observation that speaks for or against an episode, and the events it was made on."""

    name: str
    points_to: Outcome  #: UNKNOWN where it explains the episode and speaks for neither side
    text: str  #: the observation in words, for a person
    event_ids: tuple[str, ...] = ()
    strength: float = 1.0  #: how much it says, against the other signals
    decides: bool = False  #: it was verified by a tool or said by a person: enough by itself

    def as_json(self) -> dict[str, Any]:
        """Give the signal as it is stored and printed."""
        return {
            "name": self.name,
            "points_to": self.points_to.value,
            "text": self.text,
            "event_ids": list(self.event_ids),
            "decides": self.decides,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Hold how an episode is thought to have ended; `score` is the probability of success."""

    label: Outcome
    score: float
    signals: tuple[Signal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Hold what somebody said about an outcome; it wins over every grade."""

    session_id: str
    label: str  #: an Outcome, or CLEARED
    score: float | None
    actor: str  #: person:NAME, ci:NAME or agent:NAME
    at: datetime
    event_id: str = ""  #: an event of the episode it is about; empty: the session so far
    commit: str = ""
    note: str = ""


def episode_key(session_id: str, first_event_id: str) -> str:
    """Derive the key of an episode, which it keeps when its session grows."""
    digest = hashlib.blake2b(f"{session_id}\0{first_event_id}".encode("utf-8", "replace"), digest_size=12)
    return "p" + digest.hexdigest()
