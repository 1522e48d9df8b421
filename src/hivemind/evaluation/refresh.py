"""What follows once sessions were graded: exposures, shares of withholding, flags, and skills that move."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hivemind.evaluation import holdouts, joining, promotion, uplift
from hivemind.evaluation.promotion import Change
from hivemind.evaluation.staleness import sweep
from hivemind.evaluation.uplift import Uplift
from hivemind.library.rules import Policies
from hivemind.store.database import Database, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """Report what one run changed."""

    sessions_joined: int = 0
    shares_changed: int = 0
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Hold what the user wants withheld, in percent of sessions."""

    enabled: bool = True
    trial_percent: int = 10
    active_percent: int = 5
    new_model_percent: int = 30


def refresh(
    database: Database,
    workspace_id: str,
    *,
    policies: Policies,
    shares: Shares,
    now: datetime | None = None,
    sweeps: bool = True,
) -> Refreshed:
    """Bring everything that is derived from outcomes up to date; running it again changes nothing.

    Without `sweeps` what skills name is not compared with their projects, which reads every one of them.
    """
    now = now or datetime.now(UTC)
    joined = joining.join_new(database, workspace_id, now=now)
    seen = None
    if sweeps:
        with database.read(workspace_id) as workspace:
            seen = sweep.look(workspace, now=now)
    with database.write(workspace_id) as workspace:
        if seen is not None:
            sweep.record(workspace, seen, now=now)
        measured = uplift.by_skill(workspace)
        changes = promotion.apply(workspace, policies=policies, now=now, measured=measured)
        changed = set_shares(workspace, shares, now=now, measured=measured)
    return Refreshed(sessions_joined=joined, shares_changed=changed, changes=tuple(changes))


def set_shares(
    workspace: Workspace,
    shares: Shares,
    *,
    now: datetime | None = None,
    measured: Mapping[str, Uplift] | None = None,
) -> int:
    """Set the shares after skills have moved, so that what is live from now on is withheld from now on."""
    measured = uplift.by_skill(workspace) if measured is None else measured
    return holdouts.refresh(
        workspace,
        enabled=shares.enabled,
        trial_percent=shares.trial_percent,
        active_percent=shares.active_percent,
        new_model_percent=shares.new_model_percent,
        numbers={skill_id: promotion.numbers_of(one) for skill_id, one in measured.items()},
        now=now,
    )
