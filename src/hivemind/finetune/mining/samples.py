"""Cut imported rows into requests with their accepted and rejected answers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hivemind.domain.events import EventKind
from hivemind.finetune import storing
from hivemind.finetune.mining import phrases
from hivemind.finetune.mining.behaviour import PHRASES, Answer, Behaviour, answer_of, behaviours
from hivemind.finetune.mining.groups import Asked

#: Requests of one dialogue that are looked at.
MAX_TURNS: Final = 3
MAX_REQUEST_CHARS: Final = 2_000
MAX_EXCERPT_CHARS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Hold an answer as it is compared: its behaviours, its words, and the event that shows it."""

    does: frozenset[Behaviour]
    words: tuple[str, ...]
    event_id: str
    excerpt: str
    call_event_id: str = ""  #: of its first call
    call_excerpt: str = ""
    key: int  #: the same for the same answer

    def shows(self, behaviour: Behaviour) -> bool:
        """Say whether the answer does something."""
        if behaviour[0] in PHRASES:
            return phrases.shows(behaviour, self.words)
        return behaviour in self.does


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Hold one request of an imported row, and what was said to it."""

    session_id: str
    file: str
    row: int
    asked: Asked
    request_event_id: str
    accepted: Side | None = None
    rejected: Side | None = None


def samples(rows: Iterable[tuple[str, Sequence[Any]]]) -> Iterator[Sample]:
    """Yield the samples of imported rows, in order."""
    for session_id, events in rows:
        facts = storing.facts_of(events)
        if not facts:
            continue
        compared = facts.get("kind") in ("pair", "labelled")
        cut = _compared(events) if compared else _turns(events)
        for asked, request_id, accepted, rejected in cut:
            has_tools = bool(facts.get("tools"))
            number = facts.get("row")
            yield Sample(
                session_id=session_id,
                file=str(facts.get("file", "")),
                row=number if isinstance(number, int) else 0,
                asked=asked,
                request_event_id=request_id,
                accepted=_side(accepted, has_tools=has_tools),
                rejected=_side(rejected, has_tools=has_tools),
            )


_Cut = tuple[Asked, str, Sequence[Any], Sequence[Any]]


def _turns(events: Sequence[Any]) -> Iterator[_Cut]:
    """Cut a dialogue at its requests."""
    asked = [n for n, e in enumerate(events) if e.kind == EventKind.PROMPT]
    system = _system(events[1 : asked[0] if asked else 0])
    for place, start in list(enumerate(asked))[:MAX_TURNS]:
        end = asked[place + 1] if place + 1 < len(asked) else len(events)
        request = events[start]
        yield _asked(request, system), request.event_id, events[start + 1 : end], ()


def _compared(events: Sequence[Any]) -> Iterator[_Cut]:
    """Give the last request of a row with the answers to it."""
    shared = [e for e in events[1:] if not e.agent_id]
    prompts = [e for e in shared if e.kind == EventKind.PROMPT]
    request = prompts[-1] if prompts else events[0]
    chosen = [e for e in events if e.agent_id == storing.CHOSEN]
    rejected = [e for e in events if e.agent_id == storing.REJECTED]
    asked = _asked(request, _system(shared)) if prompts else Asked(request="")
    yield asked, request.event_id, chosen, rejected


def _system(events: Iterable[Any]) -> str:
    return "\n".join(e.text for e in events if e.kind == EventKind.SYSTEM)[:MAX_REQUEST_CHARS]


def _asked(request: Any, system: str) -> Asked:
    return Asked(request=request.text[:MAX_REQUEST_CHARS], system=system)


def _side(events: Sequence[Any], *, has_tools: bool) -> Side | None:
    if not events:
        return None
    answer = answer_of(list(storing.messages_of(events)))
    if not answer.text and not answer.calls:
        return None
    shown = [e for e in events if e.kind in (EventKind.ASSISTANT, EventKind.TOOL_CALL) and e.text.strip()]
    event = shown[-1] if answer.text and shown else events[-1]
    side = side_of(answer, event_id=event.event_id, has_tools=has_tools)
    call = next((e for e in events if e.kind == EventKind.TOOL_CALL), None)
    if call is None:
        return side
    excerpt = f"{call.tool_name} {call.text}"[:MAX_EXCERPT_CHARS]
    return replace(side, call_event_id=call.event_id, call_excerpt=excerpt)


def side_of(answer: Answer, *, event_id: str, has_tools: bool = False) -> Side:
    """Give an answer as it is compared."""
    return Side(
        does=behaviours(answer, has_tools=has_tools),
        words=phrases.words_of(answer.text),
        event_id=event_id,
        excerpt=(" ".join(answer.text.split()) or ", ".join(name for name, _ in answer.calls))[
            :MAX_EXCERPT_CHARS
        ],
        key=hash((answer.text, answer.calls)),
    )
