"""Look in successful work for what imported rows taught: only that lets a candidate of theirs move up."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa

from hivemind.domain.lessons import Occurrence
from hivemind.domain.outcomes import Outcome
from hivemind.domain.skills import Evidence
from hivemind.finetune import storing
from hivemind.finetune.mining import groups
from hivemind.finetune.mining.behaviour import answer_of
from hivemind.finetune.mining.groups import Asked
from hivemind.finetune.mining.samples import side_of
from hivemind.store import lessons, schema, sessions
from hivemind.store.database import Workspace

#: The kinds of lessons that imported rows teach.
KIND, PITFALL = "imported", "imported-pitfall"
#: The newest successful episodes of a project that are looked at.
MAX_EPISODES: Final = 400


def confirm(workspace: Workspace) -> int:
    """Add the successful episodes that were asked the like and did what a lesson says; give their number."""
    held = lessons.of_kinds(workspace, [KIND])
    count = 0
    for project_id, own in groupby(held, key=lambda row: row.project_id):
        found = list(_shown(workspace, project_id, list(own)))
        count += len(found)
        lessons.refresh(workspace, sorted(lessons.add_found(workspace, project_id, found)))
    return count


def _shown(workspace: Workspace, project_id: str, held: Sequence[Any]) -> Iterator[tuple[str, Occurrence]]:
    for episode in _successes(workspace, project_id):
        asked = Asked(request=episode.request)
        fitting = [row for row in held if groups.belongs(tuple(row.data["group"]), asked)]
        if not fitting:
            continue
        rows = [
            row
            for row in sessions.events_of(workspace, episode.session_id)
            if episode.first_seq <= row.seq <= episode.last_seq and not row.agent_id
        ]
        side = side_of(answer_of(list(storing.messages_of(rows))), event_id=rows[-1].event_id if rows else "")
        for row in fitting if rows else ():
            if side.shows(tuple(row.data["behaviour"])):
                yield episode.session_id, _occurrence(row, episode, side.event_id, side.excerpt)


def _occurrence(row: Any, episode: Any, event_id: str, excerpt: str) -> Occurrence:
    shown = Evidence(event_id=event_id, session_id=episode.session_id, role="success", excerpt=excerpt)
    return Occurrence(
        kind=row.kind,
        key=row.key,
        topic=row.topic,
        data=row.data,
        evidence=(shown,),
        at=episode.started_at,
    )


def _successes(workspace: Workspace, project_id: str) -> list[Any]:
    """Give a project's newest successful episodes; of every project's where it is for all of them."""
    e, s = schema.episodes, schema.sessions
    query = (
        sa.select(e.c.session_id, e.c.request, e.c.first_seq, e.c.last_seq, e.c.started_at)
        .join(s, sa.and_(s.c.workspace_id == e.c.workspace_id, s.c.session_id == e.c.session_id))
        .where(e.c.workspace_id == workspace.workspace_id, e.c.score_label == Outcome.SUCCESS.value)
        .order_by(schema.latest(e.c.started_at), e.c.episode_id)
        .limit(MAX_EPISODES)
    )
    return list(workspace.execute(query.where(s.c.project_id == project_id) if project_id else query))
