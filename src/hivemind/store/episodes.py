"""Write and read episodes with their grades, and what was reported about them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hivemind.domain.outcomes import CLEARED, EVEN, Outcome, Report
from hivemind.store import bulk, schema
from hivemind.store.database import Workspace
from hivemind.store.origin import was_done

#: Who graded where nobody reported.
BY_SIGNALS = "signals"
#: How the names begin of those who report on their own work.
BY_AGENT = "agent:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """Hold a row of `episodes` as grading makes it; reports are laid over it here."""

    episode_id: str
    number: int
    first_seq: int
    last_seq: int
    started_at: datetime | None
    ended_at: datetime | None
    request: str
    prompts: int
    tool_calls: int
    tool_errors: int
    request_model: str = ""
    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    graded_label: str
    graded_value: float
    signals: list[dict[str, Any]]
    fingerprint: dict[str, Any]


def ungraded(workspace: Workspace, *, version: int, project_id: str | None = None) -> list[Any]:
    """Give the sessions with events that were not graded, or by another version, the earliest first."""
    s, e = schema.sessions, schema.episodes
    of_project = s.c.project_id == project_id if project_id is not None else sa.true()
    done = (
        sa.select(e.c.episode_id)
        .where(
            e.c.workspace_id == s.c.workspace_id,
            e.c.session_id == s.c.session_id,
            e.c.graded_by == version,
            e.c.graded_seq == s.c.next_seq,
        )
        .exists()
    )
    return list(
        workspace.execute(
            sa.select(s)
            .where(was_done(workspace), s.c.next_seq > 0, ~done, of_project)
            .order_by(schema.earliest(s.c.started_at), s.c.session_id)
        )
    )


def replace(
    workspace: Workspace, session_id: str, *, graded: Sequence[Graded], graded_seq: int, version: int
) -> None:
    """Store a session's episodes in place of what was stored of it before, under the reports on it.

    Where an outcome is another than before, the session is due to be distilled again.
    """
    t = schema.episodes
    before = _labels(workspace, session_id)
    workspace.execute(
        t.delete().where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
    )
    rows = [
        {
            "workspace_id": workspace.workspace_id,
            "session_id": session_id,
            **{name: getattr(one, name) for name in Graded.__dataclass_fields__},
            "score_label": one.graded_label,
            "score_value": one.graded_value,
            "evaluation_name": BY_SIGNALS,
            "graded_seq": graded_seq,
            "graded_by": version,
        }
        for one in graded
    ]
    bulk.append(workspace, t, rows)
    apply_reports(workspace, session_id)
    if before and before != _labels(workspace, session_id):
        _make_due(workspace, session_id)


def _labels(workspace: Workspace, session_id: str) -> dict[str, tuple[str, bool]]:
    """Give each episode's outcome, and whether it was concluded from the events."""
    return {
        row.episode_id: (row.score_label, row.evaluation_name == BY_SIGNALS)
        for row in of_session(workspace, session_id)
    }


def _make_due(workspace: Workspace, session_id: str) -> None:
    t = schema.sessions
    workspace.execute(
        t.update()
        .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
        .values(mined_by=0)
    )


def of_session(workspace: Workspace, session_id: str) -> list[Any]:
    """Give a session's episodes in order."""
    t = schema.episodes
    return list(
        workspace.execute(
            sa.select(t)
            .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
            .order_by(t.c.number)
        )
    )


def fingerprints(
    workspace: Workspace, project_id: str, *, before: datetime, but: str, limit: int
) -> list[Any]:
    """Give the fingerprints of a project's episodes that began before a time, the newest last.

    Those of the session `but` are left out: who asks again there does so because it did not work.
    """
    e, s = schema.episodes, schema.sessions
    rows = workspace.execute(
        sa.select(e.c.fingerprint)
        .join(s, sa.and_(s.c.workspace_id == e.c.workspace_id, s.c.session_id == e.c.session_id))
        .where(
            e.c.workspace_id == workspace.workspace_id,
            s.c.project_id == project_id,
            e.c.session_id != but,
            e.c.started_at < before,
            e.c.prompts > 0,
        )
        .order_by(schema.latest(e.c.started_at), e.c.episode_id)
        .limit(limit)
    ).scalars()
    return list(rows)[::-1]


def report(workspace: Workspace, new: Report) -> str:
    """Append a report and lay it over the episodes it is about; give its id.

    Where that changes an outcome, the session is due to be distilled again, in the same transaction.
    """
    number = _last_number(workspace, new.session_id) + 1
    key = f"{new.session_id}\0{number}\0{new.label}\0{new.at.isoformat()}"
    outcome_id = "r" + hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
    receive(workspace, new.session_id, {outcome_id: new})
    return outcome_id


def receive(workspace: Workspace, session_id: str, said: Mapping[str, Report]) -> int:
    """Append those reports on a session that are new, by their ids, as `report` does; give how many were."""
    known = {row.outcome_id for row in reports(workspace, session_id)}
    new = {outcome_id: one for outcome_id, one in said.items() if outcome_id not in known}
    if not new:
        return 0
    before = _labels(workspace, session_id)
    first = _last_number(workspace, session_id) + 1
    rows = [
        {
            "workspace_id": workspace.workspace_id,
            "outcome_id": outcome_id,
            "session_id": session_id,
            "number": number,
            "event_id": one.event_id,
            "score_label": one.label,
            "score_value": one.score,
            "evaluation_name": one.actor,
            "commit_id": one.commit,
            "note": one.note,
            "at": one.at,
        }
        for number, (outcome_id, one) in enumerate(new.items(), first)
    ]
    bulk.append(workspace, schema.outcomes, rows)
    apply_reports(workspace, session_id)
    if before != _labels(workspace, session_id):
        _make_due(workspace, session_id)
    return len(new)


def _last_number(workspace: Workspace, session_id: str) -> int:
    t = schema.outcomes
    here = sa.and_(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
    query = sa.select(sa.func.coalesce(sa.func.max(t.c.number), 0)).where(here)
    return int(workspace.execute(query).scalar_one())


def reports(workspace: Workspace, session_id: str) -> list[Any]:
    """Give what was reported about a session, the first report first."""
    t = schema.outcomes
    return list(
        workspace.execute(
            sa.select(t)
            .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == session_id)
            .order_by(t.c.number)
        )
    )


def apply_reports(workspace: Workspace, session_id: str) -> None:
    """Lay what was reported over the grades: the latest report on an episode wins, an agent's own last."""
    t = schema.episodes
    # By when it was said: what a machine was too long offline to send does not overrule what came since.
    said = sorted(reports(workspace, session_id), key=lambda row: (row.at, row.number))
    found = of_session(workspace, session_id)
    of_event = {key: _episode_of(workspace, key, found) for key in {r.event_id for r in said if r.event_id}}
    for episode in found:
        about = [r for r in said if _is_about(r, episode, of_event)]
        # What an agent says of its own work does not overrule a person or a CI run.
        others = [r for r in about if not r.evaluation_name.startswith(BY_AGENT)]
        last = (others or about or [None])[-1]
        if last is None or last.score_label == CLEARED:
            label, value, name = episode.graded_label, episode.graded_value, BY_SIGNALS
        else:
            label, name = last.score_label, last.evaluation_name
            value = {Outcome.SUCCESS: 1.0, Outcome.FAILURE: 0.0}.get(label, EVEN)
            value = last.score_value if last.score_value is not None else value
        workspace.execute(
            t.update()
            .where(t.c.workspace_id == workspace.workspace_id, t.c.episode_id == episode.episode_id)
            .values(score_label=label, score_value=value, evaluation_name=name)
        )


def is_under(workspace: Workspace, outcome_id: str, episode: Any) -> bool:
    """Say whether a report is about an episode."""
    said = [r for r in reports(workspace, episode.session_id) if r.outcome_id == outcome_id]
    found = of_session(workspace, episode.session_id)
    of_event = {r.event_id: _episode_of(workspace, r.event_id, found) for r in said if r.event_id}
    return any(_is_about(r, episode, of_event) for r in said)


def first_event(workspace: Workspace, episode: Any) -> str:
    """Name the event that an episode begins with."""
    e = schema.events
    found = workspace.execute(
        sa.select(e.c.event_id).where(
            e.c.workspace_id == workspace.workspace_id,
            e.c.session_id == episode.session_id,
            e.c.seq == episode.first_seq,
        )
    ).scalar()
    return str(found or "")


def _is_about(said: Any, episode: Any, of_event: dict[str, str]) -> bool:
    if said.event_id:
        return bool(of_event[said.event_id] == episode.episode_id)
    # What was done later was not judged; the first is meant by whoever judges a session at all.
    return bool(episode.number == 1 or episode.started_at is None or episode.started_at <= said.at)


def _episode_of(workspace: Workspace, event_id: str, found: Sequence[Any]) -> str:
    """Name the episode that an event is in; a subagent's is told by its time, as its file is read later."""
    e = schema.events
    row = workspace.execute(
        sa.select(e.c.seq, e.c.at, e.c.agent_id).where(
            e.c.workspace_id == workspace.workspace_id, e.c.event_id == event_id
        )
    ).first()
    if row is None:
        return ""
    if row.agent_id and row.at is not None:
        before = [one for one in found if one.started_at is not None and one.started_at <= row.at]
    else:
        before = [one for one in found if one.first_seq <= row.seq]
    return before[-1].episode_id if before else ""
