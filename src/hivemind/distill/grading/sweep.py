"""Grade the sessions that have something new, and store their episodes."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from hivemind.distill import episodes, grading
from hivemind.distill.episodes import Episode
from hivemind.distill.grading import history
from hivemind.domain.events import EventKind
from hivemind.store import episodes as stored
from hivemind.store import sessions
from hivemind.store.database import Database, Workspace
from hivemind.store.episodes import Graded

#: What is kept of a request, in characters.
MAX_REQUEST_CHARS = 200


def grade_new(
    database: Database,
    workspace_id: str,
    *,
    project_id: str | None = None,
    graded: Callable[[Workspace, str], object] = lambda _workspace, _session_id: None,
    progress: Callable[[int, int], object] = lambda _done, _total: None,
) -> int:
    """Grade what is not graded yet, the earliest session first; give the number of sessions.

    Those of one project alone where one is given. `graded` is called for each in the transaction that stores
    its episodes.
    """
    with database.read(workspace_id) as workspace:
        waiting = stored.ungraded(workspace, version=grading.VERSION, project_id=project_id)
    for done, session in enumerate(waiting):
        progress(done, len(waiting))
        with database.read(workspace_id) as workspace:
            found = grade_session(workspace, session)
        with database.write(workspace_id) as workspace:
            stored.replace(
                workspace,
                session.session_id,
                graded=found,
                graded_seq=session.next_seq,
                version=grading.VERSION,
            )
            graded(workspace, session.session_id)
    return len(waiting)


def grade_session(workspace: Workspace, session: Any) -> list[Graded]:
    """Cut a session as far as its row counts its events, and grade its episodes."""
    rows = [r for r in sessions.events_of(workspace, session.session_id) if r.seq < session.next_seq]
    by_id = {row.event_id: row for row in rows}
    return [
        _graded(workspace, session, episode, cost=_cost([by_id[event_id] for event_id in episode.event_ids]))
        for episode in episodes.cut(rows, session_id=session.session_id)
    ]


class _Cost(TypedDict):
    request_model: str
    turns: int
    input_tokens: int
    output_tokens: int


def _cost(rows: Sequence[Any]) -> _Cost:
    """Count what a model did for event rows; one without usage is counted by what it said and called."""
    used = [row for row in rows if row.output_tokens is not None]
    models = Counter(row.request_model for row in rows if row.request_model)
    return {
        # Of models that wrote as much the first by name, so that the same rows give the same one.
        "request_model": min(models, key=lambda name: (-models[name], name), default=""),
        "turns": len({row.message_id or row.event_id for row in used})
        or sum(row.kind == EventKind.ASSISTANT for row in rows),
        "input_tokens": sum(
            (row.input_tokens or 0) + (row.cache_read_tokens or 0) + (row.cache_write_tokens or 0)
            for row in used
        ),
        "output_tokens": sum(row.output_tokens for row in used),
    }


def _graded(workspace: Workspace, session: Any, episode: Episode, *, cost: _Cost) -> Graded:
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
        **cost,
        graded_label=grade.label,
        graded_value=grade.score,
        signals=[signal.as_json() for signal in grade.signals],
        fingerprint=own.as_json(),
    )
