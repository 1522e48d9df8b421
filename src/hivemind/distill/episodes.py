"""Cut a session into episodes: from a person's request until the next new one.

Corrections, approvals, answers and follow-ups stay in the episode that they are about, and so does what its
subagents did. Every event of a session is in exactly one episode.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

from hivemind.distill import phrases, session_view
from hivemind.distill.session_view import Call, Prompt
from hivemind.domain.events import EventKind
from hivemind.domain.outcomes import episode_key

#: A message of so few words says too little to be a request of its own.
FEW_WORDS = 3
#: A message of so many words is a brief of its own, whatever it begins with.
MANY_WORDS = 60
#: After so long a pause a message that could be either is a new request.
PAUSE = timedelta(hours=3)
#: The words of a message that must have come up before, as a share, for a follow-up.
MIN_SHARED = 0.6
#: Unspaced scripts say in so many characters what others say in a word.
CHARS_A_WORD = 2
_WORD = re.compile(r"[^\W_]{3,}", re.UNICODE)
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
#: Asking whether there is more is no question about the request.
_MORE = re.compile(
    r"(?:anything|something) else|further (?:help|assist|question)|what(?:'s| is| would you like) next"
    r"|sonst noch|autre chose|algo más|mais alguma coisa|altro"
    r"|还有什么|其他|ほかに|他に|더 필요|что-нибудь ещё",
    re.IGNORECASE,
)
_REFERS = re.compile(
    r"^(?:it|its|it's|this|that|that's|these|those|they|he|the (?:same|error|test|tests|build|output|last)"
    r"|why|das|es|ça|cela|eso|esto|isso|questo|这|那|これ|それ|это)\b",
    re.IGNORECASE,
)
#: Calls of the next episode that still tell what became of this one.
SOON = 40
#: An answer that is drawn from to see whether a message goes on about it, in characters.
_TOLD_CHARS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Hold a message of the agent to the person."""

    event_id: str
    seq: int
    text: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Hold the moment in which a person stopped the agent."""

    event_id: str
    seq: int
    at: datetime | None


Moment = Prompt | Call | Said | Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Hold one episode with what happened in it, in order."""

    episode_id: str
    session_id: str
    number: int  #: within the session, from 1
    event_ids: tuple[str, ...]  #: all its events, also those of subagents
    first_seq: int
    last_seq: int
    started_at: datetime | None
    ended_at: datetime | None
    moments: tuple[Moment, ...]  #: of the main conversation
    subagents: tuple[tuple[Call, ...], ...] = ()
    next_prompt: Prompt | None = None  #: what the person wrote after it
    next_calls: tuple[Call, ...] = ()  #: what the agent did first after it
    shell_tools: frozenset[str] = field(default_factory=partial(session_view.tools, "shell_tools"))
    edit_tools: frozenset[str] = field(default_factory=partial(session_view.tools, "edit_tools"))
    #: Taken out of the moments once: an episode may have thousands, and every signal asks for them.
    prompts: tuple[Prompt, ...] = field(init=False, repr=False, compare=False)  #: the request first
    calls: tuple[Call, ...] = field(init=False, repr=False, compare=False)  #: of the main conversation
    said: tuple[Said, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, kind in (("prompts", Prompt), ("calls", Call), ("said", Said)):
            object.__setattr__(self, name, tuple(m for m in self.moments if isinstance(m, kind)))


def cut(rows: Sequence[Any], *, session_id: str) -> list[Episode]:
    """Cut a session's event rows, in order of `seq`, into its episodes; none without events."""
    if not rows:
        return []
    moments = _moments(rows, session_id)
    main = [row for row in rows if not row.agent_id]
    starts = _starts(main or list(rows), moments)
    parts = _parts(rows, starts)
    found = [
        _episode(part, moments, session_id=session_id, number=number)
        for number, part in enumerate(parts, start=1)
    ]
    followed = [
        replace(one, next_prompt=other.prompts[0] if other.prompts else None, next_calls=other.calls[:SOON])
        for one, other in pairwise(found)
    ]
    return [*followed, found[-1]]


def whole(rows: Sequence[Any], *, session_id: str) -> Episode:
    """Read event rows as one episode, wherever they might be cut."""
    return _episode(rows, _moments(rows, session_id), session_id=session_id, number=1)


def _moments(rows: Sequence[Any], session_id: str) -> dict[str, Moment]:
    view = session_view.build(rows, session_id=session_id, project_id="", project_name="", root="")
    read = {item.event_id: item for stream in view.streams for item in stream.items}
    return {row.event_id: moment for row in rows if (moment := _moment(row, read)) is not None}


def _moment(row: Any, read: dict[str, Prompt | Call]) -> Moment | None:
    if row.event_id in read:
        return read[row.event_id]
    if row.kind == EventKind.ASSISTANT and row.text.strip():
        return Said(event_id=row.event_id, seq=row.seq, text=row.text, at=row.at)
    if row.kind == EventKind.INTERRUPT:
        return Stopped(event_id=row.event_id, seq=row.seq, at=row.at)
    return None


def _starts(main: Sequence[Any], moments: dict[str, Moment]) -> list[int]:
    """Give the places in the main conversation's rows where a new request begins; the first is always 0."""
    starts = [0]
    before = _Before()
    for place, row in enumerate(main):
        moment = moments.get(row.event_id)
        if moment is None:
            continue
        if before.asked and isinstance(moment, Prompt) and _is_new_request(moment, before):
            starts.append(place)
            before = _Before()
        before.add(moment)
    return [main[place].seq for place in starts]


class _Before:
    """Hold what of the episode so far says whether the next message goes on about it.

    Its words are read when they are first asked for, and each text once, however many messages follow.
    """

    def __init__(self) -> None:
        self.asked = False
        self.last: Moment | None = None
        self._unread: list[str] = []
        self._words: set[str] = set()

    def add(self, moment: Moment) -> None:
        self.asked = self.asked or isinstance(moment, Prompt)
        self.last = moment
        if isinstance(moment, Prompt | Said):
            self._unread.append(moment.text[:_TOLD_CHARS])

    def words(self) -> set[str]:
        for text in self._unread:
            self._words.update(word.lower() for word in _WORD.findall(text))
        self._unread.clear()
        return self._words


def _is_new_request(prompt: Prompt, before: _Before) -> bool:
    """Say whether a prompt asks for something new, given the episode so far."""
    text = prompt.text.strip()
    words = _count_words(text)
    if not text or text.startswith("/") or words <= FEW_WORDS:
        return False
    last = before.last
    if not isinstance(last, Said):
        # The agent was still at work, or was stopped: this redirects it.
        return words > MANY_WORDS and not isinstance(last, Stopped)
    if words > MANY_WORDS:
        return True
    if _asks(last.text) or _goes_on(text):
        return False
    if prompt.at and last.at and prompt.at - last.at > PAUSE:
        return True
    return _shared(text, before.words()) < MIN_SHARED


def _count_words(text: str) -> int:
    return len(text.split()) + len(_UNSPACED.findall(text)) // CHARS_A_WORD


def _asks(said: str) -> bool:
    """Say whether the agent ended with a question about the request."""
    tail = said.rstrip().rsplit("\n\n", 1)[-1][-600:]
    questions = [part for part in re.split(r"(?<=[.!?？。！])\s*", tail) if part.endswith(("?", "？"))]
    return any(not _MORE.search(question) for question in questions)


def _goes_on(text: str) -> bool:
    kinds = ("correction", "complaint", "continue", "giving_up", "approval")
    return (
        bool(_REFERS.match(text))
        or any(phrases.begins(kind, text) for kind in kinds)
        or bool(phrases.says("complaint", text))
    )


def _shared(text: str, known: set[str]) -> float:
    """Give the share of a message's words that came up in the episode already."""
    words = {word.lower() for word in _WORD.findall(text)}
    return len(words & known) / len(words) if words else 1.0


def _parts(rows: Sequence[Any], starts: list[int]) -> list[list[Any]]:
    """Deal the rows out to the episodes that begin at these places of the conversation."""
    times = _start_times(rows, starts)
    of_agent: dict[str, int] = {}
    parts: list[list[Any]] = [[] for _ in starts]
    for row in rows:
        by_seq = max(0, bisect_right(starts, row.seq) - 1)
        if not row.agent_id:
            parts[by_seq].append(row)
            continue
        # A subagent's transcript is a file of its own, which may be read long after the main one.
        if row.agent_id not in of_agent:
            of_agent[row.agent_id] = _by_time(row.at, times) if row.at and times else by_seq
        parts[of_agent[row.agent_id]].append(row)
    return parts


def _start_times(rows: Sequence[Any], starts: list[int]) -> list[datetime]:
    """Give when each episode began; empty where that is not known, or not in order."""
    at = {row.seq: row.at for row in rows}
    times = [at[seq] for seq in starts if at[seq] is not None]
    ordered = len(times) == len(starts) and all(one <= other for one, other in pairwise(times))
    return times if ordered else []


def _by_time(at: datetime, times: list[datetime]) -> int:
    return max(0, bisect_right(times, at) - 1)


def _episode(part: Sequence[Any], moments: dict[str, Moment], *, session_id: str, number: int) -> Episode:
    subagents: dict[str, list[Call]] = {}
    for row in part:
        moment = moments.get(row.event_id)
        if row.agent_id and isinstance(moment, Call):
            subagents.setdefault(row.agent_id, []).append(moment)
    times = [row.at for row in part if row.at is not None]
    first = next((row for row in part if not row.agent_id), part[0])
    return Episode(
        episode_id=episode_key(session_id, first.event_id),
        session_id=session_id,
        number=number,
        event_ids=tuple(row.event_id for row in part),
        first_seq=part[0].seq,
        last_seq=part[-1].seq,
        started_at=min(times, default=None),
        ended_at=max(times, default=None),
        moments=tuple(moments[r.event_id] for r in part if not r.agent_id and r.event_id in moments),
        subagents=tuple(tuple(calls) for calls in subagents.values()),
    )
