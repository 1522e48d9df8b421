"""Spans as the conversations that they are part of: which session and project, and which are a subagent's."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from hivemind.domain.events import session_key
from hivemind.domain.projects import project_id, project_name, service_remote
from hivemind.otlp import conventions
from hivemind.otlp.conventions.base import Reading, Work
from hivemind.otlp.spans import Span
from hivemind.store.sessions import ProjectFacts

#: The agent of sessions that came in as traces.
AGENT = "otel"
#: A conversation's id of so many characters is nobody else's; a shorter one is told apart by its program.
UNIQUE_CHARS = 20
_PROJECT = "hivemind.project"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Pair a span with what it says."""

    span: Span
    reading: Reading
    agent_id: str = ""  #: the subagent's, empty in the main conversation
    is_inner: bool = False  #: another span reports the same request to a model
    records: int = 1  #: of spans or log records that came in of it
    session_id: str = ""  #: where it belongs, if that is known otherwise than by what it says
    about: str = ""  #: the prompt that its verdicts are about, if that is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Hold what came in of one session."""

    session_id: str
    service: str
    version: str
    project: ProjectFacts
    said: tuple[Said, ...]  #: the earliest first


def trace_path(trace_id: str) -> str:
    """Give the name under which the session of a trace is remembered."""
    return f"otlp:{trace_id}"


def session_of(conversation_id: str, *, service: str, trace_id: str = "") -> str:
    """Give the session that a conversation is stored as; one without an id is its trace."""
    if not conversation_id:
        return f"{AGENT}.{trace_id}"
    if len(conversation_id) >= UNIQUE_CHARS or not service:
        return session_key(f"{AGENT}.{conversation_id}")
    return session_key(f"{AGENT}.{service}.{conversation_id}")


def read_all(spans: Sequence[Span]) -> list[Said]:
    """Read spans, each once, with the subagent that each is of; those that say nothing are left out."""
    unique = {(span.trace_id, span.span_id): span for span in reversed(spans)}
    read = {key: reading for key, span in unique.items() if (reading := conventions.read(span)) is not None}
    found = []
    for key, reading in read.items():
        span = unique[key]
        agent_id, is_inner = _place(span, unique, read)
        found.append(Said(span=span, reading=reading, agent_id=agent_id, is_inner=is_inner))
    return found


def _place(
    span: Span, spans: Mapping[tuple[str, str], Span], read: Mapping[tuple[str, str], Reading]
) -> tuple[str, bool]:
    """Say which subagent a span is of: what happens within a tool is a subagent's, and so are guardrails."""
    agent_id, is_inner, seen = "", False, {span.span_id}
    own = read.get((span.trace_id, span.span_id))
    parent = span.parent_id
    while parent and parent not in seen:
        seen.add(parent)
        above, reading = spans.get((span.trace_id, parent)), read.get((span.trace_id, parent))
        if above is None:
            break
        work = reading.work if reading else None
        same = own is not None and own.work is work
        if work is Work.CHAT and same:
            is_inner = True
        if work is Work.TOOL and same and _is_same_run(own, reading):
            is_inner = True
        elif work in (Work.TOOL, Work.ASIDE) and not agent_id:
            agent_id = f"{above.name[:80]}.{above.span_id}"
        parent = above.parent_id
    return agent_id, is_inner


def _is_same_run(one: Reading | None, other: Reading | None) -> bool:
    """Say whether two spans of which one is within the other report the same run of a tool."""
    return bool(one and other and one.tool and other.tool and one.tool.name == other.tool.name)


def conversations(
    said: Sequence[Said], *, known: Mapping[str, str]
) -> tuple[list[Conversation], dict[str, str]]:
    """Group what spans say by session; `known` are the sessions of traces of which spans came before.

    Also gives the sessions of traces that name their conversation, to be remembered for spans that do not.
    """
    named: dict[str, str] = {}
    for one in sorted(said, key=lambda o: (o.span.start_ns, o.span.span_id)):
        if one.reading.conversation_id and one.span.trace_id and one.span.trace_id not in named:
            named[one.span.trace_id] = session_of(
                one.reading.conversation_id, service=one.span.service, trace_id=one.span.trace_id
            )
    groups: defaultdict[str, list[Said]] = defaultdict(list)
    for one in said:
        span, own = one.span, one.reading.conversation_id
        if one.session_id:
            session_id = one.session_id
        elif own:
            session_id = session_of(own, service=span.service, trace_id=span.trace_id)
        else:
            path = trace_path(span.trace_id)
            session_id = (
                named.get(span.trace_id)
                or known.get(path)
                or session_of("", service="", trace_id=span.trace_id)
            )
        groups[session_id].append(one)
    return [_conversation(key, group) for key, group in groups.items()], named


def _conversation(session_id: str, group: list[Said]) -> Conversation:
    ordered = tuple(sorted(group, key=lambda o: (o.span.start_ns, -o.span.end_ns, o.span.span_id)))
    first = ordered[0].span
    version = first.resource.get("service.version")
    return Conversation(
        session_id=session_id,
        service=first.service,
        version=version if isinstance(version, str) else "",
        project=project_of(first),
        said=ordered,
    )


def project_of(span: Span) -> ProjectFacts:
    """Give the project that a span is work on: the one it names, else its program."""
    named = span.attributes.get(_PROJECT) or span.resource.get(_PROJECT) or span.service or "unknown_service"
    remote = service_remote(named if isinstance(named, str) else json.dumps(named)) or service_remote(
        "unknown"
    )
    return ProjectFacts(
        project_id=project_id(remote=remote, root=""),
        name=project_name(remote=remote, root=""),
        remote=remote,
    )


def digest(text: str) -> str:
    """Give a short name of a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
