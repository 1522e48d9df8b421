"""Bring a project's stored contrast lessons up to date with its graded episodes."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from hivemind.distill import episodes, session_view
from hivemind.distill.contrast import project
from hivemind.distill.contrast.families import Asked
from hivemind.distill.contrast.project import Graded, Stands
from hivemind.distill.contrast.stated import Stated
from hivemind.distill.episodes import Episode
from hivemind.domain.outcomes import Outcome
from hivemind.store import episodes as stored
from hivemind.store import lessons, schema, sessions
from hivemind.store.database import Workspace

_LIKE_REQUESTS = "like_requests"
#: What is learnt here, as it is stored.
_KINDS, _TOPICS = (project.KIND, project.PITFALL), (project.TOPIC, project.FAMILY_TOPIC)
#: The newest episodes of a project that are compared, so that a large history stays cheap.
MAX_EPISODES = 400


def refresh(
    workspace: Workspace, project_id: str, *, known: Callable[[], Sequence[Stated]] = tuple
) -> set[str]:
    """Learn again from a project's stored grades; give the ids of the lessons concerned.

    `known` gives what skills state, and is asked only where there is something to compare.
    """
    found = graded(workspace, project_id)
    return update(workspace, project_id, found, known=known() if found else ())


def update(
    workspace: Workspace, project_id: str, found: Sequence[Graded], *, known: Sequence[Stated] = ()
) -> set[str]:
    """Replace what a project's episodes taught together; give the ids of the lessons concerned.

    Only the events of episodes at like tasks, some of which worked and some failed, are read.
    """

    def load(wanted: Sequence[Graded]) -> Iterator[Episode]:
        ids: defaultdict[str, set[str]] = defaultdict(set)
        for one in wanted:
            ids[one.session_id].add(one.asked.episode_id)
        for session_id, wanted_ids in ids.items():
            cut = episodes.cut(sessions.events_of(workspace, session_id), session_id=session_id)
            yield from (episode for episode in cut if episode.episode_id in wanted_ids)

    concerned = lessons.replace_lessons(
        workspace,
        project_id,
        kinds=_KINDS,
        topics=_TOPICS,
        found=project.learn(found, load, known=known, standing=_standing(workspace, project_id)),
    )
    lessons.refresh(workspace, sorted(concerned))
    return concerned


def _standing(workspace: Workspace, project_id: str) -> list[Stands]:
    """Give what was learnt from a project's grades the last time."""
    held = lessons.stated_by(workspace, project_id, kinds=_KINDS, topics=_TOPICS)
    return [stands for kind, data in held if (stands := Stands.of(kind, data)).patterns]


def graded(workspace: Workspace, project_id: str) -> list[Graded]:
    """Give a project's newest episodes that ended well or badly."""
    e, s = schema.episodes, schema.sessions
    rows = workspace.execute(
        sa.select(e, s.c.agent)
        .join(s, sa.and_(s.c.workspace_id == e.c.workspace_id, s.c.session_id == e.c.session_id))
        .where(e.c.workspace_id == workspace.workspace_id, s.c.project_id == project_id)
        .where(e.c.score_label.in_((Outcome.SUCCESS.value, Outcome.FAILURE.value)), e.c.tool_calls > 0)
        .order_by(schema.latest(e.c.started_at), e.c.episode_id)
        .limit(MAX_EPISODES)
    ).all()
    if len({row.score_label for row in rows}) < 2:
        return []
    coding = _coding_agents(workspace, project_id)
    return [
        Graded(
            asked=Asked(
                episode_id=row.episode_id,
                request=row.request,
                at=row.started_at.isoformat() if row.started_at else "",
                agent=row.agent,
                own_tools=row.agent not in coding,
            ),
            session_id=row.session_id,
            succeeded=row.score_label == Outcome.SUCCESS.value,
            rests_on=_grounds(row),
            decided_by=_grounds(row, deciding=True),
            same_changes=_by_like_requests(row),
        )
        for row in rows
    ]


def _coding_agents(workspace: Workspace, project_id: str) -> set[str]:
    """Name the agents that ever ran a command or changed a file in a project."""
    e, s = schema.events, schema.sessions
    tools = session_view.tools("shell_tools") | session_view.tools("edit_tools")
    return set(
        workspace.execute(
            sa.select(s.c.agent)
            .distinct()
            .join(e, sa.and_(e.c.workspace_id == s.c.workspace_id, e.c.session_id == s.c.session_id))
            .where(s.c.workspace_id == workspace.workspace_id, s.c.project_id == project_id)
            .where(e.c.tool_name.in_(sorted(tools)))
        ).scalars()
    )


def _grounds(row: sa.Row[tuple[object, ...]], *, deciding: bool = False) -> frozenset[str]:
    """Give the events that a grade was concluded from, or only those that decided it."""
    return frozenset(
        event_id
        for signal in _for_the_grade(row)
        if signal["name"] != _LIKE_REQUESTS and (signal.get("decides") or not deciding)
        for event_id in signal["event_ids"]
    )


def _by_like_requests(row: sa.Row[tuple[object, ...]]) -> bool:
    return any(signal["name"] == _LIKE_REQUESTS for signal in _for_the_grade(row))


def _for_the_grade(row: sa.Row[tuple[object, ...]]) -> list[dict[str, Any]]:
    """Give the signals on the side of a grade; a report was not concluded from any."""
    if row.evaluation_name != stored.BY_SIGNALS:
        return []
    return [signal for signal in row.signals if signal["points_to"] == row.score_label]
