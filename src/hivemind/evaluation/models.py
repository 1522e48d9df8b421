"""Models over time: which are in use, which are new here, and what a swap did to the skills."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from hivemind.domain.outcomes import Outcome
from hivemind.domain.skills import LIVE_STATES
from hivemind.errors import HivemindError
from hivemind.evaluation import uplift
from hivemind.evaluation.statistics import ENOUGH_EPISODES, Interval, Proportion, difference, wilson
from hivemind.evaluation.uplift import Uplift
from hivemind.store import schema
from hivemind.store.database import Workspace

#: A skill is said to help, or to harm, with a model from this posterior probability on.
SURE = 0.9
#: Within so much success two rates are called the same.
SAME = 0.05
#: Models by which agents mark messages that no model wrote.
NOT_MODELS = ("<synthetic>", "synthetic", "unknown", "")
#: From so many episodes with an outcome on, a share of failures below the second says: they are not seen.
ENOUGH_TO_FAIL = 20
FEW_FAILURES = 0.05


class Fate(StrEnum):
    """Name what became of a skill when one model followed another."""

    CARRIED_OVER = "carried over"  #: it helps with both
    STOPPED_HELPING = "stopped helping"  #: it helped; the new model does no better with it, and fails without
    NOT_NEEDED = "no longer needed"  #: it helped; the new model succeeds without it
    STARTED_HELPING = "started helping"
    HARMS = "harms"  #: the new model does worse with it
    NO_EFFECT = "no effect seen"  #: enough data, and no difference that would be sure
    UNKNOWN = "unknown"  #: not enough data on one side or the other


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSeen:
    """Hold what is known of one model in a workspace; means are for an episode, None without any."""

    request_model: str
    first_at: datetime | None
    last_at: datetime | None
    sessions: int
    episodes: int
    successes: int
    failures: int
    turns: float | None
    input_tokens: float | None
    output_tokens: float | None
    tool_errors: float | None
    is_new: bool = False  #: it came after the first live skill, and some skill lacks data with it

    @property
    def known(self) -> int:
        """Count the episodes with an outcome."""
        return self.successes + self.failures

    @property
    def unknown(self) -> int:
        """Count the episodes without one."""
        return self.episodes - self.known

    @property
    def hardly_fails(self) -> bool:
        """Say whether so few failures are graded that a harm could not be seen."""
        return self.known >= ENOUGH_TO_FAIL and self.failures < FEW_FAILURES * self.known

    @property
    def proportion(self) -> Proportion:
        """Give its successes among the episodes with an outcome."""
        return Proportion(float(self.successes), float(self.known))

    @property
    def interval(self) -> Interval | None:
        """Give the interval of its share of success (Wilson 1927); None without an outcome."""
        return wilson(self.proportion) if self.proportion.total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Hold one skill before and after a change of model."""

    skill_id: str
    name: str
    state: str
    fate: Fate
    reason: str
    old: Uplift | None
    new: Uplift | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """Hold the report on a change of model."""

    old: ModelSeen
    new: ModelSeen
    skills: tuple[Moved, ...]
    success_difference: float | None  #: new less old, all episodes; tasks may differ; None: too few
    success_interval: Interval | None

    def of(self, fate: Fate) -> list[Moved]:
        """Give the skills with one fate."""
        return [moved for moved in self.skills if moved.fate is fate]


def seen(workspace: Workspace) -> list[ModelSeen]:
    """Give the models that episodes were done with, the first seen first."""
    e = schema.episodes
    success, failure = (
        sa.func.sum(sa.case((e.c.score_label == label.value, 1), else_=0))
        for label in (Outcome.SUCCESS, Outcome.FAILURE)
    )
    rows = workspace.execute(
        sa.select(
            e.c.request_model,
            sa.func.min(e.c.started_at).label("first_at"),
            sa.func.max(e.c.ended_at).label("last_at"),
            sa.func.count(sa.distinct(e.c.session_id)).label("sessions"),
            sa.func.count().label("episodes"),
            success.label("successes"),
            failure.label("failures"),
            sa.func.avg(e.c.turns).label("turns"),
            sa.func.avg(e.c.input_tokens).label("input_tokens"),
            sa.func.avg(e.c.output_tokens).label("output_tokens"),
            sa.func.avg(e.c.tool_errors).label("tool_errors"),
        )
        .where(e.c.workspace_id == workspace.workspace_id, e.c.request_model.not_in(NOT_MODELS))
        .group_by(e.c.request_model)
    ).all()
    lacking = _lacking(workspace)
    found = [ModelSeen(**row._mapping, is_new=row.request_model in lacking) for row in rows]
    return sorted(found, key=lambda model: (_at(model.first_at), model.request_model))


def _at(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0


def _lacking(workspace: Workspace) -> set[str]:
    """Name the models with a holdout of their own: those about which too little is known."""
    h = schema.holdouts
    rows = workspace.execute(
        sa.select(h.c.request_model).where(
            h.c.workspace_id == workspace.workspace_id, h.c.request_model != "", h.c.share > 0
        )
    )
    return set(rows.scalars())


def compare(workspace: Workspace, old: str, new: str) -> Migration:
    """Report what a change from one model to another did to each skill that is or was live."""
    models = {model.request_model: model for model in seen(workspace)}
    before, after = _both(models, old, new)
    rows = uplift.of_workspace(workspace, by_model=True)
    by_model = {
        model.request_model: {row.skill_id: row for row in rows if row.request_model == model.request_model}
        for model in (before, after)
    }
    one, other = by_model[before.request_model], by_model[after.request_model]
    live = {row.skill_id: row for row in (*one.values(), *other.values()) if _is_of_interest(row)}
    both = min(before.known, after.known) >= ENOUGH_EPISODES
    rates = [model.successes / model.known for model in (after, before)] if both else []
    return Migration(
        old=before,
        new=after,
        skills=tuple(
            _moved(row, one.get(key), other.get(key)) for key, row in sorted(live.items(), key=_name)
        ),
        success_difference=rates[0] - rates[1] if rates else None,
        success_interval=difference(after.proportion, before.proportion) if both else None,
    )


def _name(item: tuple[str, Uplift]) -> tuple[str, str]:
    return item[1].name, item[0]


def _is_of_interest(row: Uplift) -> bool:
    return row.state in LIVE_STATES or row.is_enough


def _both(models: dict[str, ModelSeen], old: str, new: str) -> tuple[ModelSeen, ModelSeen]:
    """Give both models by their names or unambiguous parts of them; the error names all that are wrong."""
    before, after = _named(models, old), _named(models, new)
    if len(before) == len(after) == 1:
        return models[before[0]], models[after[0]]
    wrong = {word: found for word, found in ((old, before), (new, after)) if len(found) != 1}
    unknown = [repr(word) for word, found in wrong.items() if not found]
    several = [repr(word) for word, found in wrong.items() if found]
    parts = [
        f"{' and '.join(words)} {one if len(words) == 1 else more}"
        for words, one, more in (
            (unknown, "is not a model that sessions here used", "are not models that sessions here used"),
            (several, "names several models", "name several models each"),
        )
        if words
    ]
    meant = models if unknown else {name for found in wrong.values() for name in found}
    names = ", ".join(sorted(meant)[:10]) or "none yet"
    raise HivemindError("model-unknown", "; ".join(parts), hint=f"models: {names}")


def _named(models: dict[str, ModelSeen], wanted: str) -> list[str]:
    """Give the names that a word may mean: itself, or those that it is a part of."""
    return [wanted] if wanted in models else [name for name in models if wanted and wanted in name]


def _moved(row: Uplift, old: Uplift | None, new: Uplift | None) -> Moved:
    fate, reason = _fate(old, new)
    return Moved(
        skill_id=row.skill_id,
        name=row.name,
        state=row.state.value,
        fate=fate,
        reason=reason,
        old=old,
        new=new,
    )


def _fate(old: Uplift | None, new: Uplift | None) -> tuple[Fate, str]:
    if new is None or not new.is_enough:
        return Fate.UNKNOWN, f"with the new model {_counted(new)}"
    if harms(new):
        return Fate.HARMS, f"with the new model {_told(new)}"
    if old is None or not old.is_enough:
        return Fate.UNKNOWN, f"with the old model {_counted(old)}; with the new one {_told(new)}"
    said = f"was {_told(old)}; is {_told(new)}"
    if helps(new):
        return (Fate.CARRIED_OVER if helps(old) else Fate.STARTED_HELPING), said
    if not helps(old):
        return Fate.NO_EFFECT, said
    return (Fate.NOT_NEEDED if _succeeds_without(old, new) else Fate.STOPPED_HELPING), said


def helps(row: Uplift) -> bool:
    """Say whether success is surely higher with a skill; for a report, never for a promotion."""
    return row.is_enough and row.harm_probability is not None and row.harm_probability <= 1 - SURE


def harms(row: Uplift) -> bool:
    """Say whether success is surely lower with a skill."""
    return row.is_enough and row.harm_probability is not None and row.harm_probability >= SURE


def _succeeds_without(old: Uplift, new: Uplift) -> bool:
    """Say whether the new model does without the skill about as well as the old one did with it."""
    without, before_with = new.withheld.rate, old.given.rate
    if without is None or before_with is None:
        return False
    return without >= before_with - SAME


def _told(row: Uplift) -> str:
    given, withheld = row.given, row.withheld
    counted = f"({given.known} + {withheld.known} episodes)"
    return f"{given.rate or 0:.0%} with and {withheld.rate or 0:.0%} without it {counted}"


def _counted(row: Uplift | None) -> str:
    if row is None or (not row.exposures and not row.withheld.episodes):
        return "it was never offered"
    return (
        f"{row.given.known} episodes with and {row.withheld.known} without it have an outcome, "
        f"of {ENOUGH_EPISODES:.0f} that are needed of each"
    )


def matrix(rows: Sequence[Uplift]) -> tuple[list[str], list[str], dict[tuple[str, str], Uplift]]:
    """Arrange rows by skill and model: the names of both, and the row of each cell that has one."""
    skills: dict[str, Any] = {}
    for row in rows:
        skills.setdefault(row.skill_id, row)
    ordered = sorted(skills, key=lambda key: (skills[key].name, key))
    models = sorted({row.request_model for row in rows})
    return ordered, models, {(row.skill_id, row.request_model): row for row in rows}
