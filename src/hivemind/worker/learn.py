"""Learn from what is stored: distil, then measure what skills did, and move those whose numbers say so."""

from dataclasses import dataclass

from hivemind import config
from hivemind.config import Settings
from hivemind.distill import pipeline
from hivemind.distill.report import Change, DistillReport, Progress
from hivemind.evaluation import joining, refresh
from hivemind.evaluation.refresh import Refreshed, Shares
from hivemind.finetune.mining import confirm
from hivemind.library.rules import Policies
from hivemind.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """Report one run."""

    distilled: DistillReport
    measured: Refreshed

    @property
    def changes(self) -> list[Change]:
        """Give what happened to skills: what was distilled, then what moved by its numbers."""
        moved = [
            Change(
                name=one.name,
                action="moved",
                skill_id=one.skill_id,
                state=one.after.value,
                reason=f"it was {one.before.value}; {one.reason}",
            )
            for one in self.measured.changes
        ]
        return [*self.distilled.changes, *moved]

    @property
    def is_to_publish(self) -> bool:
        """Say whether the skill files may have to change."""
        return bool(self.changes or self.measured.shares_changed)


def shares(settings: Settings) -> Shares:
    """Give what the user wants withheld."""
    return Shares(
        enabled=settings.holdout_enabled,
        trial_percent=settings.holdout_trial_percent,
        active_percent=settings.holdout_active_percent,
        new_model_percent=settings.holdout_new_model_percent,
    )


def learn(
    database: Database,
    workspace_id: str,
    *,
    settings: Settings,
    progress: Progress = lambda _doing, _done, _total: None,
    sweeps: bool = True,
) -> Learnt:
    """Bring skills and what is known of them up to date; on the same data it changes nothing.

    With `sweeps` skills are compared with their projects, too: what names something that is gone is flagged.
    """
    distilled = pipeline.distill(
        database,
        workspace_id,
        author=config.user_name(),
        policy=settings.publish_policy,
        progress=progress,
        graded=joining.renew,
    )
    return Learnt(
        distilled=distilled, measured=measure(database, workspace_id, settings=settings, sweeps=sweeps)
    )


def measure(database: Database, workspace_id: str, *, settings: Settings, sweeps: bool = True) -> Refreshed:
    """Bring what outcomes say of skills up to date, and move those whose numbers say so."""
    with database.write(workspace_id) as workspace:
        confirm.confirm(workspace)
    return refresh.refresh(
        database,
        workspace_id,
        policies=Policies(publish=settings.publish_policy, share=settings.share_policy),
        shares=shares(settings),
        sweeps=sweeps,
    )
