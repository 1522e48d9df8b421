"""Count what lessons rest on: the sessions that show them, and how the episodes with their evidence ended."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hivemind.domain.exposures import Arm
from hivemind.domain.outcomes import Outcome
from hivemind.store import schema
from hivemind.store.database import Workspace

#: Bound parameters of one statement; SQLite before 3.32 allows 999.
_CHUNK = 900
#: What an event shows that leads up to the answer, and is not the answer.
_LEADS_UP = ("failure", "failed-call", "request", "change")


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """Count the independent sessions that show lessons, by how the work ended that they show them in.

    A session that had been given the skill before it showed the lesson is not independent: it is left out.
    """

    sessions: int = 0
    successes: int = 0  #: sessions with evidence in an episode that went well
    failures: int = 0  #: without such an episode, and with one that went badly
    unknown: int = 0
    given: int = 0  #: sessions left out, as they had the skill
    stated: int = 0  #: sessions in which a person said it
    agents: tuple[str, ...] = ()

    def as_numbers(self) -> dict[str, Any]:
        """Give the counts as the ledger holds them."""
        return {
            "sessions": self.sessions,
            "successful_sessions": self.successes,
            "failed_sessions": self.failures,
            "unknown_sessions": self.unknown,
            "sessions_with_the_skill": self.given,
            "stated_sessions": self.stated,
            "agents": list(self.agents),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Name a session that shows a lesson, and who sent it."""

    session_id: str
    person_id: str  #: empty where it is of this machine
    agent: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Episodes:
    """Hold a session's episodes in order."""

    rows: list[Any]

    def label(self, *, seq: int, at: datetime | None, is_subagent: bool) -> str:
        """Give the outcome of the episode that an event is in."""
        # A subagent's file is read later than what it worked for: its time tells, not its place.
        if is_subagent and at is not None:
            begun = [row for row in self.rows if row.started_at is not None and row.started_at <= at]
            return str(begun[-1].score_label) if begun else Outcome.UNKNOWN.value
        place = bisect_right(self.rows, seq, key=lambda row: row.first_seq)
        return str(self.rows[place - 1].score_label) if place else Outcome.UNKNOWN.value


def support(workspace: Workspace, lesson_ids: Sequence[str], *, skill_id: str = "") -> Support:
    """Count what supports lessons, as those of a skill where one is given."""
    return supports(workspace, {skill_id: lesson_ids})[skill_id]


def supports(workspace: Workspace, lessons: Mapping[str, Sequence[str]]) -> dict[str, Support]:
    """Count what supports the lessons of each skill, of many in a few queries."""
    wanted = [lesson_id for lesson_ids in lessons.values() for lesson_id in lesson_ids]
    shown: defaultdict[str, list[Any]] = defaultdict(list)
    for row in _shown(workspace, wanted):
        shown[row.lesson_id].append(row)
    sessions = sorted({row.session_id for rows in shown.values() for row in rows})
    had = _first_given(workspace, set(lessons) - {""}, sessions)
    known = episodes_of(workspace, sessions)
    stated = _stated(workspace, wanted)
    return {
        skill_id: _counted(
            [row for lesson_id in dict.fromkeys(lesson_ids) for row in shown[lesson_id]],
            had=had.get(skill_id, {}),
            known=known,
            stated=len({session for lesson_id in lesson_ids for session in stated.get(lesson_id, ())}),
        )
        for skill_id, lesson_ids in lessons.items()
    }


def _counted(
    shown: Sequence[Any], *, had: Mapping[str, datetime], known: Mapping[str, "Episodes"], stated: int
) -> Support:
    labels: defaultdict[str, set[str]] = defaultdict(set)
    agents: set[str] = set()
    left_out: set[str] = set()
    for row in shown:
        since = had.get(row.session_id)
        if since is not None and (row.at is None or row.at >= since):
            left_out.add(row.session_id)
            continue
        agents.add(row.agent)
        seen = labels[row.session_id]
        if row.role not in _LEADS_UP:
            seen.add(
                known[row.session_id].label(seq=row.seq, at=row.at, is_subagent=bool(row.agent_id))
                if row.session_id in known
                else Outcome.UNKNOWN.value
            )
    successes = sum(Outcome.SUCCESS.value in seen for seen in labels.values())
    failures = sum(
        Outcome.FAILURE.value in seen and Outcome.SUCCESS.value not in seen for seen in labels.values()
    )
    return Support(
        sessions=len(labels),
        successes=successes,
        failures=failures,
        unknown=len(labels) - successes - failures,
        given=len(left_out - set(labels)),
        stated=stated,
        agents=tuple(sorted(filter(None, agents))),
    )


def episodes_with(workspace: Workspace, skill_id: str) -> int:
    """Count the episodes that were given a skill."""
    t = schema.exposures
    here = sa.and_(
        t.c.workspace_id == workspace.workspace_id, t.c.skill_id == skill_id, t.c.arm == Arm.GIVEN.value
    )
    return int(workspace.execute(sa.select(sa.func.count()).select_from(t).where(here)).scalar_one())


def _shown(workspace: Workspace, lesson_ids: Sequence[str]) -> Iterator[Any]:
    c, e, s = schema.evidence, schema.events, schema.sessions
    for chunk in _chunks(lesson_ids):
        yield from workspace.execute(
            sa.select(c.c.lesson_id, c.c.session_id, c.c.role, e.c.seq, e.c.at, e.c.agent_id, s.c.agent)
            .join(e, sa.and_(e.c.workspace_id == c.c.workspace_id, e.c.event_id == c.c.event_id))
            .join(s, sa.and_(s.c.workspace_id == c.c.workspace_id, s.c.session_id == c.c.session_id))
            .where(c.c.workspace_id == workspace.workspace_id, c.c.lesson_id.in_(chunk))
        )


def witnesses(workspace: Workspace, lesson_ids: Sequence[str]) -> list[Witness]:
    """Name the sessions that show lessons, the latest first, with who sent each."""
    o, s = schema.occurrences, schema.sessions
    found: dict[str, Witness] = {}
    for chunk in _chunks(lesson_ids):
        rows = workspace.execute(
            sa.select(s.c.session_id, s.c.person_id, s.c.agent, s.c.ended_at)
            .join(o, sa.and_(o.c.workspace_id == s.c.workspace_id, o.c.session_id == s.c.session_id))
            .where(s.c.workspace_id == workspace.workspace_id, o.c.lesson_id.in_(chunk))
            .distinct()
        )
        for row in rows:
            found[row.session_id] = Witness(
                session_id=row.session_id, person_id=row.person_id, agent=row.agent, at=row.ended_at
            )
    return sorted(
        found.values(), key=lambda w: (w.at.isoformat() if w.at else "", w.session_id), reverse=True
    )


def episodes_of(workspace: Workspace, sessions: Sequence[str]) -> dict[str, Episodes]:
    """Give the episodes of sessions that have any."""
    t = schema.episodes
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for chunk in _chunks(sessions):
        rows = workspace.execute(
            sa.select(t.c.session_id, t.c.first_seq, t.c.started_at, t.c.score_label)
            .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id.in_(chunk))
            .order_by(t.c.session_id, t.c.first_seq)
        )
        for row in rows:
            found[row.session_id].append(row)
    return {session_id: Episodes(rows) for session_id, rows in found.items()}


def _first_given(
    workspace: Workspace, skill_ids: set[str], sessions: Sequence[str]
) -> dict[str, dict[str, datetime]]:
    t = schema.offers
    found: dict[str, dict[str, datetime]] = {}
    for chunk in _chunks(sessions if skill_ids else ()):
        query = (
            sa.select(t.c.skill_id, t.c.session_id, sa.func.min(t.c.at, type_=schema.UtcTime()).label("at"))
            .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id.in_(chunk))
            .where(t.c.arm == Arm.GIVEN.value)
            .group_by(t.c.skill_id, t.c.session_id)
        )
        if len(skill_ids) == 1:
            query = query.where(t.c.skill_id == next(iter(skill_ids)))
        for row in workspace.execute(query):
            if row.skill_id in skill_ids:
                found.setdefault(row.skill_id, {})[row.session_id] = row.at
    return found


def _stated(workspace: Workspace, lesson_ids: Sequence[str]) -> dict[str, set[str]]:
    t = schema.occurrences
    said: dict[str, set[str]] = {}
    for chunk in _chunks(lesson_ids):
        rows = workspace.execute(
            sa.select(t.c.lesson_id, t.c.session_id)
            .distinct()
            .where(t.c.workspace_id == workspace.workspace_id, t.c.lesson_id.in_(chunk))
            .where(t.c.explicit.is_(True))
        )
        for row in rows:
            said.setdefault(row.lesson_id, set()).add(row.session_id)
    return said


def _chunks(keys: Sequence[str]) -> Iterator[list[str]]:
    unique = list(dict.fromkeys(keys))
    for start in range(0, len(unique), _CHUNK):
        yield unique[start : start + _CHUNK]
