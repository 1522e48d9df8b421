"""Gather what the page shows: a few queries whose answers are small, however much is stored."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from hivemind.domain.exposures import Arm
from hivemind.domain.outcomes import Outcome
from hivemind.domain.skills import LIVE_STATES, SkillState
from hivemind.evaluation import models, uplift
from hivemind.evaluation.models import ModelSeen
from hivemind.evaluation.statistics import Proportion
from hivemind.evaluation.uplift import Uplift
from hivemind.retrieval.tokens import count_tokens
from hivemind.store import model_calls, schema
from hivemind.store.database import Workspace
from hivemind.store.origin import was_done


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPeriod:
    """Hold the success of one model before and since the first skill was live."""

    request_model: str
    before: Proportion
    since: Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Hold what Hivemind's own model calls of one day cost."""

    day: date
    calls: int
    tokens: int
    cost_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """Hold in how many episodes a skill was given and withheld, and from which share of sessions now."""

    skill_id: str
    name: str
    given: int
    withheld: int
    leaked: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Hold everything on the page."""

    workspace_id: str
    at: datetime
    sessions: int
    episodes: int
    exposures: int
    states: list[tuple[datetime, dict[str, int]]]  #: after each change, skills by state
    uplifts: list[Uplift]  #: of all models together
    cells: list[Uplift]  #: by model
    models: list[ModelSeen]
    periods: list[ModelPeriod]
    injected: list[tuple[date, int, int]]  #: day, times a skill was given at a prompt, their tokens
    spent: list[Spent]
    withheld: list[Withheld]
    flags: list[tuple[str, str, str]]  #: skill, kind, message


def gather(workspace: Workspace, *, now: datetime | None = None) -> Numbers:
    """Read a workspace's numbers."""
    uplifts = uplift.of_workspace(workspace)
    return Numbers(
        workspace_id=workspace.workspace_id,
        at=now or datetime.now(UTC),
        sessions=_sessions(workspace),
        episodes=_count(workspace, schema.episodes),
        exposures=_count(workspace, schema.exposures),
        states=_states(workspace),
        uplifts=uplifts,
        cells=uplift.of_workspace(workspace, by_model=True),
        models=models.seen(workspace),
        periods=_periods(workspace),
        injected=_injected(workspace),
        spent=_spent(workspace),
        withheld=_withheld(workspace),
        flags=_flags(workspace),
    )


def _sessions(workspace: Workspace) -> int:
    query = sa.select(sa.func.count()).select_from(schema.sessions).where(was_done(workspace))
    return int(workspace.execute(query).scalar_one())


def _count(workspace: Workspace, table: sa.Table) -> int:
    query = sa.select(sa.func.count()).select_from(table)
    return int(workspace.execute(query.where(table.c.workspace_id == workspace.workspace_id)).scalar_one())


def _states(workspace: Workspace) -> list[tuple[datetime, dict[str, int]]]:
    t = schema.decisions
    rows = workspace.execute(
        sa.select(t.c.at, t.c.skill_id, t.c.to_state)
        .where(t.c.workspace_id == workspace.workspace_id)
        .order_by(t.c.at, t.c.skill_id, t.c.number)
    )
    now: dict[str, str] = {}
    found: list[tuple[datetime, dict[str, int]]] = []
    for row in rows:
        now[row.skill_id] = row.to_state
        counts = Counter(now.values())
        state = (row.at, {s.value: counts.get(s.value, 0) for s in SkillState})
        if found and found[-1][0] == row.at:
            found[-1] = state
        else:
            found.append(state)
    return found


def _periods(workspace: Workspace) -> list[ModelPeriod]:
    """Give success by model before and since the first skill went live; tasks may differ between the two."""
    d, e = schema.decisions, schema.episodes
    live = [state.value for state in LIVE_STATES]
    first = workspace.execute(
        sa.select(sa.func.min(d.c.at)).where(
            d.c.workspace_id == workspace.workspace_id, d.c.to_state.in_(live)
        )
    ).scalar()
    if first is None:
        return []
    since = sa.case((e.c.started_at >= first, 1), else_=0)
    success = sa.func.sum(sa.case((e.c.score_label == Outcome.SUCCESS.value, 1), else_=0))
    rows = workspace.execute(
        sa.select(e.c.request_model, since.label("since"), sa.func.count().label("n"), success.label("k"))
        .where(
            e.c.workspace_id == workspace.workspace_id,
            e.c.score_label.in_([Outcome.SUCCESS.value, Outcome.FAILURE.value]),
            e.c.request_model.not_in(models.NOT_MODELS),
            e.c.started_at.is_not(None),
        )
        .group_by(e.c.request_model, since)
    )
    found: dict[str, dict[int, Proportion]] = {}
    for row in rows:
        found.setdefault(row.request_model, {})[row.since] = Proportion(float(row.k), float(row.n))
    none = Proportion(0.0, 0.0)
    return [
        ModelPeriod(request_model=name, before=sides.get(0, none), since=sides.get(1, none))
        for name, sides in sorted(found.items())
    ]


def _injected(workspace: Workspace) -> list[tuple[date, int, int]]:
    """Give how often skills were sent beside prompts each day, and how many tokens that was."""
    o, v = schema.offers, schema.skill_versions
    day = sa.func.substr(sa.cast(o.c.at, sa.String), 1, 10)
    rows = workspace.execute(
        sa.select(day.label("day"), o.c.skill_id, o.c.version, sa.func.count().label("times"))
        .where(
            o.c.workspace_id == workspace.workspace_id, o.c.arm == Arm.GIVEN.value, o.c.channel == "prompt"
        )
        .group_by(day, o.c.skill_id, o.c.version)
        .order_by(day)
    ).all()
    texts = workspace.execute(
        sa.select(v.c.skill_id, v.c.version, v.c.description, v.c.body).where(
            v.c.workspace_id == workspace.workspace_id,
            v.c.skill_id.in_(sorted({row.skill_id for row in rows})[:900]),
        )
    )
    tokens = {(t.skill_id, t.version): count_tokens(f"{t.description}\n{t.body}") for t in texts}
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        times, sent = found.get(row.day, (0, 0))
        found[row.day] = (times + row.times, sent + row.times * tokens.get((row.skill_id, row.version), 0))
    return [(date.fromisoformat(key), *value) for key, value in sorted(found.items())]


def _spent(workspace: Workspace) -> list[Spent]:
    return [
        Spent(day=date.fromisoformat(row.day), calls=row.calls, tokens=row.tokens, cost_usd=row.cost_usd)
        for row in model_calls.by_day(workspace)
    ]


def _withheld(workspace: Workspace) -> list[Withheld]:
    x, s, h = schema.exposures, schema.skills, schema.holdouts
    counts: dict[str, dict[str, int]] = {}
    for row in workspace.execute(
        sa.select(x.c.skill_id, x.c.arm, sa.func.count().label("n"))
        .where(x.c.workspace_id == workspace.workspace_id)
        .group_by(x.c.skill_id, x.c.arm)
    ):
        counts.setdefault(row.skill_id, {})[row.arm] = row.n
    shares = {
        row.skill_id: row.share
        for row in workspace.execute(
            sa.select(h.c.skill_id, h.c.share).where(
                h.c.workspace_id == workspace.workspace_id, h.c.request_model == ""
            )
        )
    }
    names: Sequence[Any] = workspace.execute(
        sa.select(s.c.skill_id, s.c.name)
        .where(s.c.workspace_id == workspace.workspace_id)
        .order_by(s.c.name, s.c.skill_id)
    ).all()
    return [
        Withheld(
            skill_id=row.skill_id,
            name=row.name,
            given=counts.get(row.skill_id, {}).get(Arm.GIVEN.value, 0),
            withheld=counts.get(row.skill_id, {}).get(Arm.WITHHELD.value, 0),
            leaked=counts.get(row.skill_id, {}).get(Arm.LEAKED.value, 0),
            share=shares.get(row.skill_id, 0.0),
        )
        for row in names
        if row.skill_id in counts or row.skill_id in shares
    ]


def _flags(workspace: Workspace) -> list[tuple[str, str, str]]:
    f, s = schema.flags, schema.skills
    rows = workspace.execute(
        sa.select(s.c.name, f.c.kind, f.c.message)
        .join(s, sa.and_(s.c.workspace_id == f.c.workspace_id, s.c.skill_id == f.c.skill_id))
        .where(f.c.workspace_id == workspace.workspace_id)
        .order_by(s.c.name, f.c.kind)
    )
    return [(row.name, row.kind, row.message) for row in rows]
