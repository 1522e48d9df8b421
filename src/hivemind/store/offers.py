"""Record what channels gave to sessions and withheld from them."""

import hashlib
from collections.abc import Sequence

import sqlalchemy as sa

from hivemind.domain.exposures import Arm, Offer
from hivemind.domain.skills import LIVE_STATES
from hivemind.store import bulk, schema
from hivemind.store.database import Workspace


def record(workspace: Workspace, offers: Sequence[Offer]) -> None:
    """Append offers; one that is there already stays as it is."""
    for offer in offers:
        put(workspace, offer, offer_id=offer_key(offer))


def put(workspace: Workspace, offer: Offer, *, offer_id: str) -> None:
    """Append an offer under a key that somebody derived; one that is there already stays as it is."""
    values = {name: getattr(offer, name) for name in Offer.__dataclass_fields__}
    values |= {"channel": offer.channel.value, "arm": offer.arm.value, "offer_id": offer_id}
    bulk.put_new(workspace, schema.offers, values)


def offer_key(offer: Offer) -> str:
    """Derive the key of an offer."""
    moment = offer.event_id or offer.at.isoformat()
    seed = f"{offer.session_id}\0{offer.skill_id}\0{offer.version}\0{offer.channel}\0{offer.arm}\0{moment}"
    return "x" + hashlib.blake2b(seed.encode("utf-8", "replace"), digest_size=12).hexdigest()


def decided(workspace: Workspace, session_id: str, *, channel: str) -> dict[str, tuple[str, float]]:
    """Give what became of each skill that a channel offered to a session, the latest, with its share."""
    t = schema.offers
    rows = workspace.execute(
        sa.select(t.c.skill_id, t.c.arm, t.c.share)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
        .where(t.c.channel == channel)
        .order_by(t.c.at, t.c.version, t.c.arm)
    )
    return {row.skill_id: (row.arm, row.share) for row in rows}


def shown_to(workspace: Workspace, session_id: str, *, channel: str) -> frozenset[str]:
    """Give the ids of the skills that a session was given through a channel."""
    t = schema.offers
    return frozenset(
        workspace.execute(
            sa.select(t.c.skill_id).where(
                t.c.workspace_id == workspace.workspace_id,
                t.c.session_id == session_id,
                t.c.channel == channel,
                t.c.arm == Arm.GIVEN.value,
            )
        ).scalars()
    )


def total(workspace: Workspace, arm: Arm = Arm.GIVEN) -> int:
    """Count how often a skill was given, or withheld."""
    t = schema.offers
    counted = sa.select(sa.func.count()).select_from(t)
    here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.arm == arm.value)
    return int(workspace.execute(counted.where(here)).scalar_one())


def only_withheld(workspace: Workspace) -> list[str]:
    """Name the live skills that fitted a session, and that none has had so far."""
    t, s = schema.offers, schema.skills
    times_had = sa.func.sum(sa.case((t.c.arm == Arm.WITHHELD.value, 0), else_=1))
    query = (
        sa.select(s.c.name)
        .join(t, sa.and_(t.c.workspace_id == s.c.workspace_id, t.c.skill_id == s.c.skill_id))
        .where(
            s.c.workspace_id == workspace.workspace_id, s.c.state.in_([state.value for state in LIVE_STATES])
        )
        .group_by(s.c.skill_id, s.c.name)
        .having(times_had == 0)
        .order_by(s.c.name)
    )
    return list(workspace.execute(query).scalars())


def sessions_by_arm(workspace: Workspace, skill_id: str) -> dict[str, int]:
    """Count the sessions on each side of what is withheld of a skill."""
    t = schema.offers
    rows = workspace.execute(
        sa.select(t.c.arm, sa.func.count(sa.distinct(t.c.session_id)).label("sessions"))
        .where(t.c.workspace_id == workspace.workspace_id, t.c.skill_id == skill_id)
        .group_by(t.c.arm)
    )
    return {str(row.arm): int(row.sessions) for row in rows}
