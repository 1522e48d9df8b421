"""Grade the sessions that have something new, and store their episodes."""

from typing import Any

from hivemind.distill import episodes, grading
from hivemind.distill.episodes import Episode
from hivemind.distill.grading import history
from hivemind.store import episodes as stored
from hivemind.store import sessions
from hivemind.store.database import Database, Workspace
from hivemind.store.episodes import Graded

#: What is kept of a request, in characters.
MAX_REQUEST_CHARS = 200


def grade_new(database: Database, workspace_id: str) -> int:
    """Grade what is not graded yet, the earliest session first; give the number of sessions."""
    with database.read(workspace_id) as workspace:
        waiting = stored.ungraded(workspace, version=grading.VERSION)
    for session in waiting:
        with database.read(workspace_id) as workspace:
            graded = grade_session(workspace, session)
        with database.write(workspace_id) as workspace:
            stored.replace(
                workspace,
                session.session_id,
                graded=graded,
                graded_seq=session.next_seq,
                version=grading.VERSION,
            )
    return len(waiting)


def grade_session(workspace: Workspace, session: Any) -> list[Graded]:
    """Cut a session as far as its row counts its events, and grade its episodes."""
    rows = [r for r in sessions.events_of(workspace, session.session_id) if r.seq < session.next_seq]
    return [
        _graded(workspace, session, episode) for episode in episodes.cut(rows, session_id=session.session_id)
    ]


def _graded(workspace: Workspace, session: Any, episode: Episode) -> Graded:
    own = history.fingerprint(episode)
    earlier = []
    if session.project_id and episode.started_at is not None and episode.prompts:
        rows = stored.fingerprints(
            workspace,
            session.project_id,
            before=episode.started_at,
            but=session.session_id,
            limit=history.MAX_EARLIER,
        )
        earlier = [history.of_json(row) for row in rows]
    grade = grading.grade(episode, alike=history.like(own, earlier))
    calls = [*episode.calls, *(call for side in episode.subagents for call in side)]
    texts = [prompt.text for prompt in episode.prompts]
    asked = next((text for text in texts if not text.startswith("/")), "".join(texts[:1]))
    return Graded(
        episode_id=episode.episode_id,
        number=episode.number,
        first_seq=episode.first_seq,
        last_seq=episode.last_seq,
        started_at=episode.started_at,
        ended_at=episode.ended_at,
        request=" ".join(asked.split())[:MAX_REQUEST_CHARS],
        prompts=len(episode.prompts),
        tool_calls=len(calls),
        tool_errors=sum(call.failed for call in calls),
        graded_label=grade.label,
        graded_value=grade.score,
        signals=[signal.as_json() for signal in grade.signals],
        fingerprint=own.as_json(),
    )
