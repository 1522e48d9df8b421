"""What the tests of the store put into it."""

from __future__ import annotations

from datetime import UTC, datetime

from hivemind.domain.events import Event, EventKind, SessionFacts
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.store import sessions

NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)
FACTS = SessionFacts(session_id="s", agent="claude", cwd="/x")


def event(native: str, text: str = "text", **more: object) -> sessions.RedactedEvent:
    """Make an event as the ingestion hands it over."""
    values = {"kind": EventKind.PROMPT, "native_id": native, "text": text, "at": NOW, **more}
    return sessions.RedactedEvent(event=Event(**values))  # type: ignore[arg-type]


def offer(skill_id: str, *, channel: Channel = Channel.PROMPT, arm: Arm = Arm.GIVEN) -> Offer:
    """Make an offer to session `s` at one moment."""
    return Offer(
        session_id="s",
        skill_id=skill_id,
        version=1,
        channel=channel,
        arm=arm,
        agent="claude",
        at=datetime(2026, 8, 9, tzinfo=UTC),
    )
