"""Answer a search of past work: the best episodes, the turns that matter in each, and where they are."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from hivemind.domain.events import EventKind, ResultStatus
from hivemind.retrieval.past import words as reading
from hivemind.retrieval.past.ranking import Near, Ranked, rank
from hivemind.retrieval.render import harmless
from hivemind.store import past
from hivemind.store.database import Workspace
from hivemind.store.past import Filter, Work

#: Characters of a turn's text that are shown, and of all of them together.
MAX_SNIPPET_CHARS, MAX_ANSWER_CHARS = 280, 24_000
#: Turns of an episode that are shown for having words of the question.
MAX_HITS = 3
#: Events around a hit in which a failure is looked for, and after a failure in which its fix is.
AROUND_EVENTS, FIXED_WITHIN_EVENTS = 12, 60
#: A question of more characters is read no further when its words are looked for in a text.
_MAX_TEXT_CHARS = 20_000

NOTHING_STORED = "No session is stored yet in the workspace {workspace!r}."
NOTHING_ALLOWED = "No stored work is of the project, agent, time and outcome that were asked for."
NO_WORD = "No event has a word of the query{where}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Hold one event of an episode, and the part of its text that matters."""

    seq: int
    kind: str
    role: str  #: request, hit, failed, changed, fixed, closing
    at: str
    tool: str
    status: str
    snippet: str
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Hold one episode that was found, where it is, and the turns that matter in it, in order."""

    session_id: str
    episode: int  #: its number in the session; 0: the session is not graded yet
    agent: str
    project: str
    started_at: str
    ended_at: str
    outcome: str
    first_seq: int
    last_seq: int
    transcript: str  #: the agent's own file, where it is known
    score: float
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Hold the episodes found, the best first; `note` says why there are none, or what was not searched."""

    episodes: tuple[Episode, ...]
    note: str = ""


def search(
    workspace: Workspace, query: str, *, chosen: Filter, limit: int = 10, near: Near | None = None
) -> Answer:
    """Search past work in plain words; any text is a query."""
    ranked, looked = rank(workspace, query, chosen=chosen, limit=limit, near=near)
    if not ranked:
        return Answer(episodes=(), note=_nothing(workspace, chosen))
    names = {row.project_id: row.name for row in past.projects(workspace)}
    files = past.transcripts(workspace, sorted({one.work.session_id for one in ranked}))
    words = _Words(looked.weights or dict.fromkeys(reading.read(query).words, 1.0))
    found, left = [], MAX_ANSWER_CHARS
    for one in ranked:
        turns = _turns(workspace, one, words)
        turns = turns if sum(len(turn.snippet) for turn in turns) <= left else _least(turns, left)
        left -= sum(len(turn.snippet) for turn in turns)
        work = one.work
        found.append(
            Episode(
                session_id=work.session_id,
                episode=work.number,
                agent=work.agent,
                project=harmless(names.get(work.project_id, "")),
                started_at=_text(work.started_at),
                ended_at=_text(work.ended_at),
                outcome=work.outcome,
                first_seq=work.first_seq,
                last_seq=work.last_seq,
                transcript=harmless(files.get(work.session_id, "")),
                score=round(one.score, 3),
                turns=turns,
            )
        )
    return Answer(episodes=tuple(found))


def _nothing(workspace: Workspace, chosen: Filter) -> str:
    if not past.holds_events(workspace):
        return NOTHING_STORED.format(workspace=workspace.workspace_id)
    if chosen == Filter():
        return NO_WORD.format(where="")
    if not any(one.allowed for one in past.work(workspace, chosen)):
        return NOTHING_ALLOWED
    return NO_WORD.format(where=" in the work that was asked for")


def _least(turns: Sequence[Turn], left: int) -> tuple[Turn, ...]:
    """Give an episode's first turn only, where an answer is long already."""
    return tuple(replace(turn, snippet=turn.snippet[: max(0, min(left, 80))]) for turn in turns[:1])


def _turns(workspace: Workspace, one: Ranked, words: "_Words") -> tuple[Turn, ...]:
    """Give the request, the hits, what failed beside them and what fixed it, and the closing message."""
    work, roles = one.work, dict[str, str]()
    rows: dict[str, Any] = {}

    def take(row: Any, role: str) -> None:
        if row is not None and row.event_id not in rows:
            rows[row.event_id], roles[row.event_id] = row, role

    take(past.request(workspace, work), "request")
    hits = _hits(one)
    for row in past.with_ids(workspace, work.session_id, [place.event_id for place in hits]):
        take(row, "hit")
    for place in hits[:1]:
        for row, role in _failure(workspace, work, place.seq):
            if role in ("failed", "fixed"):
                rows.pop(row.event_id, None)
            take(row, role)
    take(past.closing(workspace, work), "closing")
    return tuple(
        _turn(row, roles[row.event_id], words) for row in sorted(rows.values(), key=lambda row: int(row.seq))
    )


def _hits(one: Ranked) -> list[past.Place]:
    """Give the best events; of a call and its result, which say the same, the better one."""
    found = sorted(one.found.events if one.found else (), key=lambda hit: (-hit[0], hit[1].seq))
    chosen: list[past.Place] = []
    for score, place in found:
        if len(chosen) == MAX_HITS or score < found[0][0] / 2:
            break
        if all(abs(place.seq - other.seq) > 1 for other in chosen):
            chosen.append(place)
    return chosen


def _failure(workspace: Workspace, work: Work, seq: int) -> list[tuple[Any, str]]:
    """Give the failed call nearest to a hit, what was changed after it, and the call that then worked."""
    first = max(work.first_seq, seq - AROUND_EVENTS - 1)
    rows = past.between(
        workspace,
        work.session_id,
        first_seq=first,
        last_seq=min(work.last_seq, seq + AROUND_EVENTS + FIXED_WITHIN_EVENTS),
    )
    calls = {row.tool_call_id: row for row in rows if row.kind == EventKind.TOOL_CALL and row.tool_call_id}
    results = [row for row in rows if row.kind == EventKind.TOOL_RESULT and row.tool_call_id in calls]
    failed = [
        row for row in results if row.status == ResultStatus.ERROR and abs(row.seq - seq) <= AROUND_EVENTS
    ]
    for result in sorted(failed, key=lambda row: abs(row.seq - seq)):
        call, changed = calls[result.tool_call_id], None
        for later in results:
            if later.seq <= result.seq or later.status != ResultStatus.OK:
                continue
            again = calls[later.tool_call_id]
            if again.seq > result.seq and _is_like(call, again):
                shown = [(call, "failed"), (result, "failed")]
                return [*shown, *([(changed, "changed")] if changed is not None else []), (again, "fixed")]
            if again.tool_name != call.tool_name:
                changed = again
    if failed:
        result = min(failed, key=lambda row: abs(row.seq - seq))
        return [(calls[result.tool_call_id], "failed"), (result, "failed")]
    return []


def _is_like(call: Any, other: Any) -> bool:
    """Say whether a call does what another did: the same tool, told in the same first words."""
    return bool(call.tool_name == other.tool_name and call.text.split()[:2] == other.text.split()[:2])


def _turn(row: Any, role: str, words: "_Words") -> Turn:
    return Turn(
        seq=int(row.seq),
        kind=row.kind,
        role=role,
        at=_text(row.at),
        tool=harmless(row.tool_name),
        status=row.status or "",
        snippet=words.snippet(row.text),
        event_id=row.event_id,
    )


def _text(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z") if at is not None else ""


class _Words:
    """Show the part of a text in which the words of a question stand closest together."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = {reading.term(word).text.casefold(): weight for word, weight in weights.items()}
        longest = sorted(self._weights, key=lambda word: (-len(word), word))
        pattern = "|".join(map(re.escape, longest))
        self._pattern = re.compile(rf"(?<![^\W_])(?:{pattern})", re.IGNORECASE) if pattern else None

    def snippet(self, text: str) -> str:
        """Give that part, on one line; the beginning where there is none."""
        text = " ".join(harmless(text[:_MAX_TEXT_CHARS]).split())
        if len(text) <= MAX_SNIPPET_CHARS:
            return text
        start = self._place(text)
        start = max(0, min(start - MAX_SNIPPET_CHARS // 4, len(text) - MAX_SNIPPET_CHARS))
        part = text[start : start + MAX_SNIPPET_CHARS].strip()
        return ("…" if start else "") + part + ("…" if start + MAX_SNIPPET_CHARS < len(text) else "")

    def _place(self, text: str) -> int:
        hits = (
            []
            if self._pattern is None
            else [(hit.start(), hit.group().casefold()) for hit in self._pattern.finditer(text)]
        )
        best, place = 0.0, 0
        for number, (start, _) in enumerate(hits[:400]):
            near = {word for at, word in hits[number : number + 40] if at < start + MAX_SNIPPET_CHARS // 2}
            weight = sum(self._weights.get(word, 0.0) for word in near)
            if weight > best:
                best, place = weight, start
        return place
