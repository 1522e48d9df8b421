"""What a team's admins set for their workspace: policies, redaction rules, and how long sessions stay."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hivemind.capture.redaction import linear
from hivemind.errors import HivemindError
from hivemind.library.rules import POLICIES
from hivemind.store import jobs, workspace_settings
from hivemind.store.database import Workspace
from hivemind.store.workspace_settings import (
    PUBLISH_POLICY,
    REDACTION_RULES,
    RETENTION_DAYS,
    SHARE_POLICY,
    Held,
)

#: A hundred years: whatever is longer is for ever.
MAX_RETENTION_DAYS = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionRule:
    """Name what a team's texts are never stored with."""

    id: str
    regex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamSettings:
    """Hold the settings of a workspace; an empty policy is the server's own."""

    publish_policy: str = ""  #: of skills of one project
    share_policy: str = ""  #: of skills of every project
    redaction_rules: tuple[RedactionRule, ...] = ()
    retention_days: int = 0  #: 0: sessions stay until somebody deletes them
    set_by: Mapping[str, Held] = field(default_factory=dict)  #: by key: who, and when

    def cutoff(self, now: datetime) -> datetime | None:
        """Give the time before which sessions have to have ended to be deleted; None where they stay."""
        return now - timedelta(days=self.retention_days) if self.retention_days else None


def of(workspace: Workspace) -> TeamSettings:
    """Give the settings of a workspace."""
    held = workspace_settings.values(workspace)

    def value(key: str, default: Any) -> Any:
        return held[key].value if key in held else default

    return TeamSettings(
        publish_policy=value(PUBLISH_POLICY, ""),
        share_policy=value(SHARE_POLICY, ""),
        redaction_rules=tuple(
            RedactionRule(id=str(one["id"]), regex=str(one["regex"])) for one in value(REDACTION_RULES, ())
        ),
        retention_days=value(RETENTION_DAYS, 0),
        set_by=held,
    )


def change(workspace: Workspace, wanted: TeamSettings, *, person_id: str) -> dict[str, Any]:
    """Make settings those of a workspace; gives what changed, by key, as it was and as it is.

    What follows is asked for in the same transaction: skills that may move now, sessions that are too old.
    """
    _require_good(wanted)
    before, now = written(of(workspace)), datetime.now(UTC)
    after = written(wanted)
    changed = {key: value for key, value in after.items() if value != before[key]}
    for key, value in changed.items():
        workspace_settings.put(workspace, key, value, person_id=person_id, at=now)
    if changed.keys() & {PUBLISH_POLICY, SHARE_POLICY}:
        jobs.ask_to_settle(workspace)
    if RETENTION_DAYS in changed and wanted.retention_days:
        jobs.ask_to_prune(workspace)
    return {key: {"from": before[key], "to": value} for key, value in changed.items()}


def written(settings: TeamSettings) -> dict[str, Any]:
    """Give settings as they are stored; None is what no row says."""
    rules = [{"id": one.id, "regex": one.regex} for one in settings.redaction_rules]
    return {
        PUBLISH_POLICY: settings.publish_policy or None,
        SHARE_POLICY: settings.share_policy or None,
        REDACTION_RULES: rules or None,
        RETENTION_DAYS: settings.retention_days or None,
    }


def _require_good(wanted: TeamSettings) -> None:
    for each in (wanted.publish_policy, wanted.share_policy):
        if each and each not in POLICIES:
            raise HivemindError(
                "policy-unknown", f"{each!r} is not a policy", hint=f"set it to {' or '.join(POLICIES)}"
            )
    if not 0 <= wanted.retention_days <= MAX_RETENTION_DAYS:
        raise HivemindError(
            "retention-days",
            f"sessions cannot be kept for {wanted.retention_days} days",
            hint=f"give 1 to {MAX_RETENTION_DAYS}, or 0 to keep them until somebody deletes them",
        )
    linear.made((one.id, one.regex) for one in wanted.redaction_rules)
