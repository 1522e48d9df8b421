"""A session as miners read it: requests, and calls joined with their results, in order."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Any

from hivemind.agents.registry import agents
from hivemind.domain.events import EventKind, ResultStatus

#: A longer request is a brief, whose words say little about one step of it, in characters.
MAX_REQUEST_CHARS = 400
_INJECTED = re.compile(r"<hivemind-skills\b.*?(?:</hivemind-skills>|\Z)", re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Hold what a person wrote."""

    event_id: str
    seq: int
    text: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Hold a tool call with its result; `status` is UNKNOWN where the result never came."""

    event_id: str
    result_id: str
    seq: int
    tool_name: str
    text: str
    data: dict[str, Any]
    status: ResultStatus
    exit_code: int | None
    output: str
    at: datetime | None

    @property
    def failed(self) -> bool:
        """Say whether the tool ran and failed; a refused or cancelled call did not run."""
        return self.status is ResultStatus.ERROR

    @property
    def worked(self) -> bool:
        """Say whether the tool ran and reported success."""
        return self.status is ResultStatus.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Hold one conversation of a session, the main one or a subagent's."""

    agent_id: str
    items: tuple[Prompt | Call, ...]
    #: Taken out of the items once: a session of a week has thousands, and is asked for each of them.
    calls: tuple[Call, ...] = field(init=False, repr=False, compare=False)
    prompts: tuple[Prompt, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "calls", tuple(i for i in self.items if isinstance(i, Call)))
        object.__setattr__(self, "prompts", tuple(i for i in self.items if isinstance(i, Prompt)))

    def request_before(self, seq: int) -> Prompt | None:
        """Give what a person asked for last before an event; None where it was a command or a long brief."""
        place = bisect_left(self.prompts, seq, key=lambda prompt: prompt.seq)
        last = self.prompts[place - 1] if place else None
        return (
            last if last and not last.text.startswith("/") and len(last.text) <= MAX_REQUEST_CHARS else None
        )


@cache
def tools(kind: str) -> frozenset[str]:
    """Join what the agents call their tools: names do not collide, and old sessions stay readable."""
    return frozenset[str]().union(*(getattr(agent, kind) for agent in agents()))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """Hold what miners see of a session."""

    session_id: str
    project_id: str
    project_name: str
    root: str
    streams: tuple[Stream, ...]
    shell_tools: frozenset[str] = field(default_factory=partial(tools, "shell_tools"))
    edit_tools: frozenset[str] = field(default_factory=partial(tools, "edit_tools"))


def build(
    rows: Sequence[Any], *, session_id: str, project_id: str, project_name: str, root: str
) -> SessionView:
    """Build the view from a session's event rows, in order of `seq`."""
    results = {
        row.tool_call_id: row for row in rows if row.kind == EventKind.TOOL_RESULT and row.tool_call_id
    }
    streams: dict[str, list[Prompt | Call]] = {}
    for row in rows:
        items = streams.setdefault(row.agent_id, [])
        if row.kind == EventKind.PROMPT and not row.agent_id:
            items.append(Prompt(event_id=row.event_id, seq=row.seq, text=_own_words(row.text), at=row.at))
        elif row.kind == EventKind.TOOL_CALL:
            items.append(_call(row, results.get(row.tool_call_id)))
    return SessionView(
        session_id=session_id,
        project_id=project_id,
        project_name=project_name,
        root=root,
        streams=tuple(Stream(agent_id=key, items=tuple(items)) for key, items in streams.items() if items),
    )


def _own_words(text: str) -> str:
    """Leave out what Hivemind injected, so that nothing is learnt from its own skills."""
    return _INJECTED.sub("", text) if "<hivemind-skills" in text else text


def _call(row: Any, result: Any | None) -> Call:
    return Call(
        event_id=row.event_id,
        result_id=result.event_id if result is not None else "",
        seq=row.seq,
        tool_name=row.tool_name,
        text=row.text,
        data=row.data or {},
        status=ResultStatus(result.status) if result is not None and result.status else ResultStatus.UNKNOWN,
        exit_code=result.exit_code if result is not None else None,
        output=result.text if result is not None else "",
        at=row.at,
    )
