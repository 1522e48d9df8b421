"""`/sessions`: find sessions, and read one as it went."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from hivemind.domain.outcomes import Outcome
from hivemind.errors import HivemindError
from hivemind.server.pages import figures
from hivemind.server.pages.asking import Asked, Page, PageRoute
from hivemind.server.pages.rendering import render
from hivemind.server.pages.showing import beginning
from hivemind.store import accounts, browsing, episodes, exposures, schema
from hivemind.store import sessions as store
from hivemind.store.browsing import SessionFilter
from hivemind.store.database import Workspace

router = APIRouter(route_class=PageRoute)
PAGE_SIZE = 40
#: Events of one page of a session.
MAX_EVENTS = 200
MAX_DATA_CHARS = 20_000
_SUMMARY_CHARS = 160
#: Where a call's input says in one line what it does.
_TELLING = ("command", "cmd", "file_path", "path", "pattern", "query", "url", "description", "prompt", "name")


@router.get("/sessions")
def listed(
    page: Page,
    q: str = "",
    agent: str = "",
    project: str = "",
    model: str = "",
    outcome: str = "",
    person: str = "",
    since: str = "",
    until: str = "",
    before: str = "",
) -> Response:
    """Show the latest sessions, those that a filter lets through."""
    wanted = SessionFilter(
        words=q.strip()[:200],
        agent=agent,
        project_id=project,
        model=model,
        outcome=outcome,
        person_id=person,
        since=_day(since),
        until=_day(until, after=True),
    )
    choices = figures.choices(page)
    with page.read() as workspace:
        ahead = browsing.horizon(workspace, now=datetime.now(UTC))
        # Who asks for a time gets what is dated so, whatever the clock was.
        if ahead and wanted.since is None and wanted.until is None:
            wanted = replace(wanted, horizon=ahead[0])
        found = browsing.sessions(workspace, wanted, limit=PAGE_SIZE + 1, before=_cursor(before))
        shown = found[:PAGE_SIZE]
        outcomes = browsing.outcomes_of(workspace, [row.session_id for row in shown])
        people = {m.person_id: m.name for m in accounts.members(workspace, with_removed=True)}
        span = browsing.span(workspace, until=ahead[0] if ahead else None)
    chosen = {
        "q": q,
        "agent": agent,
        "project": project,
        "model": model,
        "outcome": outcome,
        "person": person,
        "since": since,
        "until": until,
    }
    return render(
        page.request,
        "sessions.html",
        page=page,
        rows=shown,
        outcomes=outcomes,
        choices=choices,
        people=people,
        chosen=chosen,
        is_filtered=any(chosen.values()),
        labels=[outcome.value for outcome in Outcome],
        span=span,
        ahead=ahead[1] if wanted.horizon and ahead else 0,
        ahead_url=page.url("/sessions", since=f"{ahead[0]:%Y-%m-%d}") if ahead else "",
        is_first=not before,
        more=page.url("/sessions", **chosen, before=_after(shown[-1])) if len(found) > PAGE_SIZE else "",
    )


def _day(text: str, *, after: bool = False) -> datetime | None:
    try:
        found = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return found + timedelta(days=1) if after else found
    except (ValueError, OverflowError):
        return None


def _after(row: Any) -> str:
    at = schema.utc_text(row.ended_at) if row.ended_at else ""
    return f"{at}~{row.session_id}"


def _cursor(text: str) -> tuple[datetime | None, str] | None:
    if not text:
        return None
    at, _, session_id = text.partition("~")
    try:
        found = datetime.fromisoformat(at) if at else None
        if found is not None and found.tzinfo is None:
            raise ValueError("no zone")
    except ValueError as error:
        raise HivemindError(
            "request-invalid", "this is no place in the list", hint="begin at its first page"
        ) from error
    return found, session_id


@dataclass(slots=True, kw_only=True)
class Step:
    """Hold one line of a timeline: an event, and the result of a call below it."""

    event: Any
    result: Any = None
    summary: str = ""
    data: str = ""
    offers: list[Any] = field(default_factory=list)
    cites: bool = False

    @property
    def failed(self) -> bool:
        """Say whether it, or its result, is an error."""
        shown = self.result if self.result is not None else self.event
        return shown.status in ("error", "denied")


@dataclass(slots=True, kw_only=True)
class Part:
    """Hold the steps of one episode, or those before the first."""

    episode: Any = None
    signals: Sequence[Mapping[str, Any]] = ()
    steps: list[Step] = field(default_factory=list)
    exposures: list[Any] = field(default_factory=list)


@router.get("/sessions/{session_id:path}")
def one(page: Page, session_id: str, first: int = 0) -> Response:
    """Show a session as a timeline."""
    with page.read() as workspace:
        session = store.session(workspace, session_id)
        events = browsing.events(
            workspace, session.session_id, first_seq=max(0, min(first, 10**12)), limit=MAX_EVENTS + 1
        )
        parts = _parts(workspace, session.session_id, events[:MAX_EVENTS])
        graded = episodes.of_session(workspace, session.session_id)
        offers = browsing.offers_of(workspace, session.session_id)
        sender = accounts.member(workspace, session.person_id) if session.person_id else None
        project = _project(workspace, session.project_id)
    _audit(page, session)
    return render(
        page.request,
        "session.html",
        page=page,
        session=session,
        project=project,
        sender=sender,
        parts=parts,
        graded=graded,
        offers=offers,
        first=first,
        following=events[MAX_EVENTS].seq if len(events) > MAX_EVENTS else None,
    )


def _audit(page: Asked, session: Any) -> None:
    if page.site.is_local or session.person_id == page.viewer.person_id:
        return
    with page.site.database.write(page.space, alone=False) as workspace:
        page.note(workspace, "session.read", session.session_id)


def _project(workspace: Workspace, project_id: str) -> str:
    p = schema.projects
    row = workspace.execute(
        p.select().where(p.c.workspace_id == workspace.workspace_id, p.c.project_id == project_id)
    ).first()
    return str(row.name) if row else ""


def _parts(workspace: Workspace, session_id: str, events: Sequence[Any]) -> list[Part]:
    """Cut events into episodes, and put each result below its call."""
    graded = episodes.of_session(workspace, session_id)
    shown_to: dict[str, list[Any]] = {}
    for exposure in exposures.of_session(workspace, session_id):
        shown_to.setdefault(exposure.episode_id, []).append(exposure)
    names = {offer.skill_id: offer.name for offer in browsing.offers_of(workspace, session_id)}
    calls: dict[tuple[str, str], Step] = {}
    parts: list[Part] = []
    place = -1
    for event in events:
        key = (event.agent_id, event.tool_call_id)
        if event.kind == "tool_result" and key in calls and calls[key].result is None:
            calls[key].result = event
            continue
        now = max((i for i, e in enumerate(graded) if e.first_seq <= event.seq), default=-1)
        if not parts or now != place:
            place = now
            episode = graded[now] if now >= 0 else None
            given = shown_to.pop(episode.episode_id, []) if episode else []
            parts.append(
                Part(
                    episode=episode,
                    signals=_signals(episode),
                    exposures=[(one, names.get(one.skill_id) or one.skill_id) for one in given],
                )
            )
        step = Step(event=event, summary=summary(event), data=_written(event.data))
        parts[-1].steps.append(step)
        if event.kind == "tool_call":
            calls[key] = step
    return parts


def _signals(episode: Any) -> list[Mapping[str, Any]]:
    found = episode.signals if episode is not None else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def summary(event: Any) -> str:
    """Say in one line what an event is about."""
    data = event.data
    if isinstance(data, dict):
        for key in _TELLING:
            if isinstance(told := data.get(key), str) and told.strip():
                return beginning(told, _SUMMARY_CHARS)
            if isinstance(told, list) and told and all(isinstance(x, str) for x in told):
                return beginning(" ".join(told), _SUMMARY_CHARS)
    if data is not None:
        return beginning(_written(data), _SUMMARY_CHARS)
    return beginning(event.text or "", _SUMMARY_CHARS)


def _written(data: Any) -> str:
    if data is None:
        return ""
    if isinstance(data, dict) and len(data) == 1 and isinstance(only := next(iter(data.values())), str):
        return only[:MAX_DATA_CHARS]
    try:
        return json.dumps(data, ensure_ascii=False, indent=2)[:MAX_DATA_CHARS]
    except (ValueError, RecursionError, TypeError):
        return repr(data)[:MAX_DATA_CHARS]
