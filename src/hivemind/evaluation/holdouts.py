"""From which share of sessions each live skill is withheld now: by its state, and more for a model new here.

A model is new for a skill that others had before it came, while it has too few episodes without it.
Everything is computed anew from the stored exposures; the channels read the table `holdouts`.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from hivemind.domain.exposures import Arm
from hivemind.domain.skills import LIVE_STATES, SkillState
from hivemind.evaluation import policy
from hivemind.store import bulk, schema
from hivemind.store.database import Workspace

#: Episodes of other models with a skill before a model came, from which there is something to differ from.
KNOWN_EPISODES = 5
#: Episodes of a new model without a skill, with which the raised share ends: an interval of about ±20 points.
ENOUGH_EPISODES = 20
#: Where a skill rarely fits, the raised share ends with so many episodes of the new model in all …
MOST_EPISODES = 100
#: … or so long after the model's first session, however few they are.
MOST_DAYS = 60
#: Models of one workspace that are looked at, the latest used first; a long tail of them is noise.
MAX_MODELS = 20
#: What agents write where no model answered.
NO_MODELS = frozenset({"", "<synthetic>", "synthetic", "unknown"})
#: Bound parameters of one statement.
_CHUNK = 500
_LIVE = [state.value for state in LIVE_STATES]
_DATE = re.compile(r"[-@]20\d{2}-?\d{2}-?\d{2}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdout:
    """Hold one share with its reason; an empty model stands for all without a row of their own."""

    skill_id: str
    request_model: str
    share: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Hold what is withheld of a skill, and what came of it so far."""

    skill_id: str
    name: str
    state: SkillState
    share: float
    reason: str
    by_model: dict[str, float]
    sessions_given: int
    sessions_withheld: int
    reasons: tuple[str, ...]  #: of the models that are new here


@dataclass(frozen=True, slots=True)
class _Live:
    skill_id: str
    state: SkillState
    project_id: str


@dataclass(frozen=True, slots=True)
class _Recent:
    """Hold a model that came here not long ago, with the projects that it worked on."""

    name: str
    since: datetime
    projects: frozenset[str]


@dataclass(slots=True)
class _Counts:
    given: int = 0
    withheld: int = 0

    @property
    def episodes(self) -> int:
        return self.given + self.withheld


@dataclass(frozen=True, slots=True)
class _New:
    """Hold a model that is new here, with its episodes of the skills that others had before it."""

    model: _Recent
    known: dict[str, _Counts]


def refresh(
    workspace: Workspace,
    *,
    enabled: bool,
    trial_percent: int,
    active_percent: int,
    new_model_percent: int,
    numbers: Mapping[str, policy.Numbers] | None = None,
    now: datetime | None = None,
) -> int:
    """Bring the table in line with skills, settings and data; give the number of rows that changed.

    `numbers` are those by which skills are promoted: what seems to do harm is withheld more.
    """
    if not enabled:
        return _store(workspace, {}, before=_stored(workspace))
    base = {SkillState.TRIAL: trial_percent / 100, SkillState.ACTIVE: active_percent / 100}
    numbers = numbers or {}
    # Of a large library nearly every skill has the share of its state, as it had before: only what may be
    # otherwise is looked at here, and the database finds that.
    out_of_line = _out_of_line(workspace, base)
    new = _new_models(workspace, now or datetime.now(UTC)) if new_model_percent and any(base.values()) else []
    concerned = {*out_of_line, *numbers, *(skill_id for one in new for skill_id in one.known)}
    live = _live(workspace, concerned)
    rows = [_of_state(skill, base[skill.state], numbers.get(skill.skill_id)) for skill in live]
    wanted = {(row.skill_id, ""): row for row in rows}
    for row in _of_new_models(live, new, new_model_percent / 100):
        if row.share > wanted[row.skill_id, ""].share > 0:
            wanted[row.skill_id, row.request_model] = row
    return _store(workspace, wanted, before=_stored(workspace, concerned))


def standings(workspace: Workspace) -> list[Standing]:
    """Give what is withheld of each live skill, by name."""
    s, o = schema.skills, schema.offers
    rows = _stored(workspace)
    counted = sa.select(o.c.skill_id, o.c.arm, sa.func.count(sa.distinct(o.c.session_id)).label("sessions"))
    counted = counted.where(o.c.workspace_id == workspace.workspace_id).group_by(o.c.skill_id, o.c.arm)
    sessions = {(row.skill_id, row.arm): int(row.sessions) for row in workspace.execute(counted)}
    live = sa.select(s.c.skill_id, s.c.name, s.c.state).where(
        s.c.workspace_id == workspace.workspace_id, s.c.state.in_([state.value for state in LIVE_STATES])
    )
    found = []
    for skill in workspace.execute(live.order_by(s.c.name, s.c.skill_id)):
        own = [row for (skill_id, _), row in rows.items() if skill_id == skill.skill_id]
        base = rows.get((skill.skill_id, ""))
        models = sorted((row for row in own if row.request_model), key=lambda row: row.request_model)
        found.append(
            Standing(
                skill_id=skill.skill_id,
                name=skill.name,
                state=SkillState(skill.state),
                share=base.share if base else 0.0,
                reason=base.reason if base else "",
                by_model={row.request_model: row.share for row in models},
                sessions_given=sessions.get((skill.skill_id, Arm.GIVEN.value), 0),
                sessions_withheld=sessions.get((skill.skill_id, Arm.WITHHELD.value), 0),
                reasons=tuple(row.reason for row in models),
            )
        )
    return found


def _out_of_line(workspace: Workspace, base: Mapping[SkillState, float]) -> set[str]:
    """Name the skills with another row than that of their state, and those with a row that are not live."""
    s, h = schema.skills, schema.holdouts
    same = sa.and_(h.c.workspace_id == s.c.workspace_id, h.c.skill_id == s.c.skill_id)
    in_line = sa.or_(
        *(
            sa.and_(s.c.state == state.value, h.c.share == share, h.c.reason == _reason(state, share))
            for state, share in base.items()
        )
    )
    here = s.c.workspace_id == workspace.workspace_id
    lacking = (
        sa.select(s.c.skill_id)
        .outerjoin(h, sa.and_(same, h.c.request_model == ""))
        .where(here, s.c.state.in_(_LIVE), sa.or_(h.c.skill_id.is_(None), sa.not_(in_line)))
    )
    left = (
        sa.select(h.c.skill_id)
        .outerjoin(s, sa.and_(same, s.c.state.in_(_LIVE)))
        .where(h.c.workspace_id == workspace.workspace_id)
        .where(sa.or_(s.c.skill_id.is_(None), h.c.request_model != ""))
    )
    return {*workspace.execute(lacking).scalars(), *workspace.execute(left).scalars()}


def _live(workspace: Workspace, skill_ids: Collection[str]) -> list[_Live]:
    s = schema.skills
    query = sa.select(s.c.skill_id, s.c.state, s.c.project_id)
    query = query.where(s.c.workspace_id == workspace.workspace_id, s.c.state.in_(_LIVE))
    return [
        _Live(row.skill_id, SkillState(row.state), row.project_id)
        for chunk in _chunks(skill_ids)
        for row in workspace.execute(query.where(s.c.skill_id.in_(chunk)))
    ]


def _reason(state: SkillState, base: float) -> str:
    what = "on trial" if state is SkillState.TRIAL else "active"
    return f"{what}: withheld from {_percent(base)} of sessions"


def _of_state(skill: _Live, base: float, numbers: policy.Numbers | None) -> Holdout:
    share = base if numbers is None else policy.holdout_share(skill.state, numbers, base)
    reason = _reason(skill.state, base)
    if share > base:
        reason = f"it seems to do harm: withheld from {_percent(share)} of sessions until that is known"
    return Holdout(skill_id=skill.skill_id, request_model="", share=share, reason=reason)


def _new_models(workspace: Workspace, now: datetime) -> list[_New]:
    recent = _recent(workspace, now)
    counts = _counts(workspace) if recent else {}
    found = []
    for one in recent:
        had = _had_before(workspace, one)
        known = {skill_id for skill_id, episodes in had.items() if episodes >= KNOWN_EPISODES}
        own = {skill_id: counts.get(skill_id, {}).get(one.name, _Counts()) for skill_id in known}
        found.append(_New(one, own))
    return found


def _of_new_models(live: list[_Live], new: list[_New], share: float) -> Iterator[Holdout]:
    for skill in live:
        for one in new:
            own = one.known.get(skill.skill_id)
            if own is None or (skill.project_id and skill.project_id not in one.model.projects):
                continue
            model = one.model.name
            if own.withheld < ENOUGH_EPISODES and own.episodes < MOST_EPISODES:
                yield Holdout(
                    skill_id=skill.skill_id,
                    request_model=model,
                    share=share,
                    reason=f"{model} is new here: withheld from {_percent(share)} of its sessions "
                    f"until {ENOUGH_EPISODES} episodes without ({own.withheld} so far)",
                )


def _recent(workspace: Workspace, now: datetime) -> list[_Recent]:
    """Give the models that came here not long ago, the latest used first."""
    s = schema.sessions
    first, last = sa.func.min(s.c.started_at), sa.func.max(s.c.ended_at)
    rows = workspace.execute(
        sa.select(s.c.request_model, s.c.project_id, first.label("first"), last.label("last"))
        .where(s.c.workspace_id == workspace.workspace_id, s.c.request_model.not_in(NO_MODELS))
        .group_by(s.c.request_model, s.c.project_id)
        .order_by(schema.latest(last))
    )
    projects: dict[str, set[str]] = {}
    came: dict[str, datetime] = {}
    for row in rows:
        projects.setdefault(row.request_model, set()).add(row.project_id)
        if row.first is not None:
            came[row.request_model] = min(row.first, came.get(row.request_model, row.first))
    recent = []
    for name in came:
        since = min(at for other, at in came.items() if _is_same(name, other))
        if now - since < timedelta(days=MOST_DAYS):
            recent.append(_Recent(name, since, frozenset(projects[name])))
    return recent[:MAX_MODELS]


def _is_same(one: str, other: str) -> bool:
    """Say whether two names are of one model: agents put a provider before it, or its date behind it."""
    first, second = one.rpartition("/")[2], other.rpartition("/")[2]
    return first == second or _DATE.sub("", first) == second or first == _DATE.sub("", second)


def _had_before(workspace: Workspace, model: _Recent) -> dict[str, int]:
    """Count the episodes with each skill that other models did before one came."""
    e = schema.exposures
    rows = workspace.execute(
        sa.select(e.c.skill_id, sa.func.count().label("episodes"))
        .where(e.c.workspace_id == workspace.workspace_id, e.c.arm != Arm.LEAKED.value)
        .where(e.c.request_model != model.name, e.c.at < model.since)
        .group_by(e.c.skill_id)
    )
    return {row.skill_id: row.episodes for row in rows}


def _counts(workspace: Workspace) -> dict[str, dict[str, _Counts]]:
    """Count the episodes of each skill and model that had it and that did not."""
    e = schema.exposures
    rows = workspace.execute(
        sa.select(e.c.skill_id, e.c.request_model, e.c.arm, sa.func.count().label("episodes"))
        .where(e.c.workspace_id == workspace.workspace_id)
        .group_by(e.c.skill_id, e.c.request_model, e.c.arm)
    )
    found: dict[str, dict[str, _Counts]] = {}
    for row in rows:
        counts = found.setdefault(row.skill_id, {}).setdefault(row.request_model, _Counts())
        if row.arm == Arm.GIVEN.value:
            counts.given += row.episodes
        elif row.arm == Arm.WITHHELD.value:
            counts.withheld += row.episodes
    return found


def _stored(workspace: Workspace, skill_ids: Collection[str] | None = None) -> dict[tuple[str, str], Holdout]:
    h = schema.holdouts
    query = sa.select(*(h.c[name] for name in Holdout.__dataclass_fields__))
    query = query.where(h.c.workspace_id == workspace.workspace_id)
    queries = [query] if skill_ids is None else [query.where(h.c.skill_id.in_(c)) for c in _chunks(skill_ids)]
    rows = (row for each in queries for row in workspace.execute(each))
    return {(row.skill_id, row.request_model): Holdout(**row._mapping) for row in rows}


def _chunks(skill_ids: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(skill_ids)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]


def _store(
    workspace: Workspace,
    wanted: dict[tuple[str, str], Holdout],
    *,
    before: dict[tuple[str, str], Holdout],
) -> int:
    """Put what is wanted in place of what was stored before of the same skills."""
    h = schema.holdouts
    changed = [row for key, row in wanted.items() if before.get(key) != row]
    for row in changed:
        bulk.put(workspace, h, {name: getattr(row, name) for name in Holdout.__dataclass_fields__})
    gone = [key for key in before if key not in wanted]
    for skill_id, model in gone:
        workspace.execute(
            h.delete().where(
                h.c.workspace_id == workspace.workspace_id,
                h.c.skill_id == skill_id,
                h.c.request_model == model,
            )
        )
    return len(changed) + len(gone)


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
