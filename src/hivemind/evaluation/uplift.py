"""What skills do: success with and without each, by model, with an interval or "not enough data".

Only sessions that took part in the experiment are compared: those from which the skill might have been
withheld, by the arm that the draw gave them, at prompts that it fitted, whether or not the agent got it in
another way. So the same kind of task is on both sides. Sessions are compared within their project, model and
share of withholding, and the strata are pooled (`statistics.standardised`). What a person has rewritten is
measured anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from hivemind.domain.exposures import Arm
from hivemind.domain.outcomes import Outcome
from hivemind.domain.skills import SkillState
from hivemind.evaluation import statistics
from hivemind.evaluation.statistics import Comparison, Interval, Proportion
from hivemind.store import schema
from hivemind.store.database import Workspace

#: Bound parameters of one statement.
_CHUNK = 500
#: Origins of a version that is no revision by the machine: what was measured before was another text.
_NEW_TEXT = ("person", "import")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Hold what became of the episodes on one side; means are for an episode, None without any."""

    episodes: int = 0
    sessions: int = 0
    successes: int = 0
    failures: int = 0
    unknown: int = 0
    turns: float | None = None
    tokens: float | None = None
    tool_errors: float | None = None
    followed: int = 0
    followable: int = 0  #: episodes in which it could be seen whether the skill was followed
    rate: float | None = None  #: of success among the known, pooled over strata as the means are

    @property
    def known(self) -> int:
        """Count the episodes with an outcome."""
        return self.successes + self.failures


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplift:
    """Hold what one skill does, with one model or with all of them."""

    skill_id: str
    name: str
    project_id: str
    state: SkillState
    version: int
    request_model: str  #: empty: all of them together
    exposures: int  #: episodes that it was given to, also outside of the experiment
    given: Side
    withheld: Side
    difference: float | None = None
    interval: Interval | None = None
    harm_probability: float | None = None
    comparison: Comparison | None = None  #: None where no stratum has both sides
    is_enough: bool = False  #: both sides are worth enough independent episodes to show a difference


def of_workspace(
    workspace: Workspace, *, by_model: bool = False, skill_ids: Sequence[str] | None = None
) -> list[Uplift]:
    """Give every skill that was ever offered, or some; with `by_model` a row for each of its models."""
    rows = list(_strata(workspace, skill_ids=skill_ids))
    totals = _totals(workspace, skill_ids=skill_ids)
    known = _skills(workspace, {skill_id for skill_id, _ in totals})
    return _measured(rows, totals if by_model else _of_all_models(totals), known, by_model=by_model)


def by_skill_and_model(workspace: Workspace) -> tuple[dict[str, Uplift], list[Uplift]]:
    """Give every skill that was ever offered, by its id, and a row for each of its models: counted once."""
    rows, totals = list(_strata(workspace, skill_ids=None)), _totals(workspace, skill_ids=None)
    known = _skills(workspace, {skill_id for skill_id, _ in totals})
    whole = _measured(rows, _of_all_models(totals), known, by_model=False)
    return {one.skill_id: one for one in whole}, _measured(rows, totals, known, by_model=True)


def _measured(
    rows: Iterable[Any], totals: Mapping[tuple[str, str], int], known: Mapping[str, Any], *, by_model: bool
) -> list[Uplift]:
    strata: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        strata.setdefault((row.skill_id, row.request_model if by_model else ""), []).append(row)
    return [
        _uplift(known[key[0]], key[1], exposures=totals[key], rows=strata.get(key, []))
        for key in sorted(totals)
        if key[0] in known
    ]


def by_skill(workspace: Workspace) -> dict[str, Uplift]:
    """Give every skill that was ever offered, with all models together, by its id."""
    return {one.skill_id: one for one in of_workspace(workspace)}


def _uplift(skill: Any, model: str, *, exposures: int, rows: Sequence[Any]) -> Uplift:
    strata = _by_stratum(rows)
    found = Uplift(
        skill_id=skill.skill_id,
        name=skill.name,
        project_id=skill.project_id,
        state=SkillState(skill.state),
        version=skill.version,
        request_model=model,
        exposures=exposures,
        given=_side(strata, Arm.GIVEN),
        withheld=_side(strata, Arm.WITHHELD),
    )
    comparison = statistics.standardised([_comparison(arms) for arms in strata])
    given = statistics.effective(comparison.given, comparison.sessions_given)
    withheld = statistics.effective(comparison.withheld, comparison.sessions_withheld)
    if given.rate is None or withheld.rate is None:
        return found
    return replace(
        found,
        given=replace(found.given, rate=given.rate),
        withheld=replace(found.withheld, rate=withheld.rate),
        difference=given.rate - withheld.rate,
        interval=statistics.difference(given, withheld),
        harm_probability=statistics.harm_probability(given, withheld),
        comparison=comparison,
        is_enough=statistics.is_enough(comparison),
    )


def _by_stratum(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Give the rows of both arms of each stratum."""
    strata: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        strata.setdefault((row.project_id, row.request_model, row.share), {})[row.arm] = row
    return [arms for _, arms in sorted(strata.items())]


def _comparison(arms: dict[str, Any]) -> Comparison:
    given, withheld = arms.get(Arm.GIVEN.value), arms.get(Arm.WITHHELD.value)
    return Comparison(
        given=_proportion(given),
        withheld=_proportion(withheld),
        sessions_given=_sessions(given),
        sessions_withheld=_sessions(withheld),
    )


def _proportion(row: Any) -> Proportion:
    return Proportion(float(row.k), float(row.n)) if row else Proportion(0.0, 0.0)


def _sessions(row: Any) -> float:
    """Give how many sessions of one size would be worth as much: most episodes may be of a few (Kish)."""
    return row.n * row.n / row.squares if row and row.squares else 0.0


def _of_all_models(totals: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for (skill_id, _), number in totals.items():
        found[skill_id, ""] = found.get((skill_id, ""), 0) + number
    return found


def _totals(workspace: Workspace, *, skill_ids: Sequence[str] | None) -> dict[tuple[str, str], int]:
    """Count the episodes that each skill was given to by model; 0 where it was only ever withheld."""
    x = schema.exposures
    given = sa.func.sum(sa.case((x.c.arm == Arm.GIVEN.value, 1), else_=0))
    query = sa.select(x.c.skill_id, x.c.request_model.label("model"), given.label("given")).where(
        x.c.workspace_id == workspace.workspace_id
    )
    found: dict[tuple[str, str], int] = {}
    for chosen in _chosen(query, x.c.skill_id, skill_ids):
        for row in workspace.execute(chosen.group_by(x.c.skill_id, x.c.request_model)):
            found[row.skill_id, row.model] = int(row.given)
    return found


def _strata(workspace: Workspace, *, skill_ids: Sequence[str] | None) -> Iterable[Any]:
    """Give a row of sums for each skill, project, model, share and arm of the experiment."""
    x, e, v = schema.exposures, schema.episodes, _measured_versions(workspace, skill_ids)
    success = sa.case((e.c.score_label == Outcome.SUCCESS.value, 1), else_=0)
    known = sa.case((e.c.score_label.in_([Outcome.SUCCESS.value, Outcome.FAILURE.value]), 1), else_=0)
    # The draw is what was by chance. Who got the skill all the same looked for it, as agents in trouble do.
    arm = sa.case((x.c.arm == Arm.LEAKED.value, Arm.WITHHELD.value), else_=x.c.arm).label("arm")
    names = ("skill_id", "project_id", "request_model", "share")
    keys = (*(x.c[name] for name in names), arm)
    sums = {
        "k": success,
        "n": known,
        "turns": e.c.turns,
        "tokens": e.c.input_tokens + e.c.output_tokens,
        "tool_errors": e.c.tool_errors,
        "followed": sa.case((x.c.followed.is_(True), 1), else_=0),
    }
    query = (
        sa.select(
            *keys,
            sa.func.count().label("episodes"),
            sa.func.count(x.c.followed).label("followable"),
            *(sa.func.sum(what).label(name) for name, what in sums.items()),
        )
        .join(e, sa.and_(e.c.workspace_id == x.c.workspace_id, e.c.episode_id == x.c.episode_id))
        .join(v, sa.and_(v.c.skill_id == x.c.skill_id, x.c.version.between(v.c.first, v.c.last)))
        .where(x.c.workspace_id == workspace.workspace_id, x.c.share > 0)
        .group_by(*keys, x.c.session_id)
    )
    for chosen in _chosen(query, x.c.skill_id, skill_ids):
        one = chosen.subquery()
        added = ("episodes", "followable", *sums)
        of = [one.c[name] for name in (*names, "arm")]
        yield from workspace.execute(
            sa.select(
                *of,
                *(sa.func.sum(one.c[name]).label(name) for name in added),
                sa.func.count().label("sessions"),
                sa.func.sum(one.c.n * one.c.n).label("squares"),
            ).group_by(*of)
        )


def _measured_versions(workspace: Workspace, skill_ids: Sequence[str] | None) -> sa.Subquery:
    """Give from which to which version each skill is one text: a person's, with the machine's revisions."""
    s, v = schema.skills, schema.skill_versions
    worded = sa.func.max(sa.case((v.c.origin.in_(_NEW_TEXT), v.c.version), else_=1))
    return (
        sa.select(s.c.skill_id, worded.label("first"), sa.func.max(s.c.version).label("last"))
        .join(
            v,
            sa.and_(
                v.c.workspace_id == s.c.workspace_id,
                v.c.skill_id == s.c.skill_id,
                v.c.version <= s.c.version,
            ),
        )
        .where(s.c.workspace_id == workspace.workspace_id, *_few(s.c.skill_id, skill_ids))
        .group_by(s.c.skill_id)
        .subquery()
    )


def _side(strata: Sequence[dict[str, Any]], arm: Arm) -> Side:
    """Add up one arm over the strata; means are pooled as the rates are where both sides have something."""
    mine = [arms[arm.value] for arms in strata if arm.value in arms]
    episodes = sum(row.episodes for row in mine)
    if not episodes:
        return Side()
    both = [arms for arms in strata if len(arms) > 1]
    weighted = [(_weight(arms), arms[arm.value]) for arms in both] or [(row.episodes, row) for row in mine]
    total = sum(weight for weight, _ in weighted)
    successes, known = sum(row.k for row in mine), sum(row.n for row in mine)

    def mean(name: str) -> float:
        return float(sum(weight * getattr(row, name) / row.episodes for weight, row in weighted) / total)

    return Side(
        episodes=episodes,
        sessions=sum(row.sessions for row in mine),
        successes=successes,
        failures=known - successes,
        unknown=episodes - known,
        turns=mean("turns"),
        tokens=mean("tokens"),
        tool_errors=mean("tool_errors"),
        followed=sum(row.followed for row in mine),
        followable=sum(row.followable for row in mine),
        rate=successes / known if known else None,
    )


def _weight(arms: dict[str, Any]) -> float:
    """Give a stratum's weight among episodes, graded or not (Mantel and Haenszel)."""
    given, withheld = arms[Arm.GIVEN.value].episodes, arms[Arm.WITHHELD.value].episodes
    return float(given * withheld / (given + withheld))


def _chosen(query: sa.Select[Any], column: Any, skill_ids: Sequence[str] | None) -> Iterable[sa.Select[Any]]:
    if skill_ids is None:
        yield query
        return
    unique = sorted(set(skill_ids))
    for start in range(0, len(unique), _CHUNK):
        yield query.where(column.in_(unique[start : start + _CHUNK]))


def _few(column: Any, skill_ids: Sequence[str] | None) -> list[Any]:
    """Choose some skills where they are few enough for one statement."""
    return [] if skill_ids is None or len(skill_ids) > _CHUNK else [column.in_(sorted(set(skill_ids)))]


def _skills(workspace: Workspace, skill_ids: set[str]) -> dict[str, Any]:
    t = schema.skills
    query = sa.select(t.c.skill_id, t.c.name, t.c.project_id, t.c.state, t.c.version).where(
        t.c.workspace_id == workspace.workspace_id
    )
    return {
        row.skill_id: row
        for chosen in _chosen(query, t.c.skill_id, sorted(skill_ids))
        for row in workspace.execute(chosen)
    }
