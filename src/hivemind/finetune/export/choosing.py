"""Choose what is exported: episodes by project, time, outcome, model and agent; or imported rows."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from hivemind.distill.contrast.families import Asked, families, words_of
from hivemind.domain.outcomes import Outcome
from hivemind.finetune import storing
from hivemind.finetune.conversation import Conversation, Example, Labelled, Message, Pair, Role
from hivemind.store import imports, schema
from hivemind.store.database import Workspace
from hivemind.store.origin import IMPORTED

#: A failure is compared with a success at a request that shares so many of its words.
LIKE: Final = 0.8
#: Pairs that one success is in, at most, so that no session outweighs the others.
_MAX_PAIRS: Final = 3
#: Deeper values of a tool's input are described no further.
_MAX_SCHEMA_DEPTH: Final = 4


#: Of an episode's row; its signals are large.
_COLUMNS: Final = (
    *("episode_id", "session_id", "number", "first_seq", "last_seq", "started_at", "request"),
    *("request_model", "score_label", "score_value", "evaluation_name"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Hold what is wanted; empty means any."""

    projects: tuple[str, ...] = ()  #: ids
    since: datetime | None = None
    until: datetime | None = None
    outcomes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()

    @property
    def imported(self) -> bool:
        """Say whether imported rows are wanted, which nobody graded."""
        return IMPORTED in self.agents

    def as_json(self) -> dict[str, Any]:
        """Give the filters as the manifest holds them."""
        return {
            "projects": list(self.projects),
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "outcomes": list(self.outcomes),
            "models": list(self.models),
            "agents": list(self.agents),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Say where an example comes from."""

    ids: tuple[str, ...]  #: of the episodes, or of the imported row; of a pair the chosen one first
    facts: dict[str, Any] = field(default_factory=dict)


Chosen = tuple[Source, Example]


def episodes(workspace: Workspace, filters: Filters) -> list[Any]:
    """Give the rows of the episodes that are wanted, the earliest first."""
    e, s, p = schema.episodes, schema.sessions, schema.projects
    query = (
        sa.select(*(e.c[name] for name in _COLUMNS), s.c.agent, s.c.project_id, p.c.name.label("project"))
        .join(s, sa.and_(s.c.workspace_id == e.c.workspace_id, s.c.session_id == e.c.session_id))
        .outerjoin(p, sa.and_(p.c.workspace_id == s.c.workspace_id, p.c.project_id == s.c.project_id))
        .where(e.c.workspace_id == workspace.workspace_id, e.c.prompts > 0)
        .order_by(schema.earliest(e.c.started_at), e.c.session_id, e.c.number)
    )
    for column, wanted in (
        (s.c.project_id, filters.projects),
        (e.c.score_label, filters.outcomes),
        (e.c.request_model, filters.models),
        (s.c.agent, filters.agents),
    ):
        if wanted:
            query = query.where(column.in_(wanted))
    if filters.since:
        query = query.where(e.c.started_at >= filters.since)
    if filters.until:
        query = query.where(e.c.started_at < filters.until)
    return list(workspace.execute(query))


def conversation_of(workspace: Workspace, episode: Any) -> Conversation | None:
    """Read what was said and done in an episode, up to the last words of the agent, if any."""
    t = schema.events
    rows = workspace.execute(
        sa.select(t)
        .where(t.c.workspace_id == workspace.workspace_id, t.c.session_id == episode.session_id)
        .where(t.c.seq.between(episode.first_seq, episode.last_seq), t.c.agent_id == "")
        .order_by(t.c.seq)
    )
    messages = [m for m in storing.messages_of(rows) if m.role != Role.USER or m.text.strip()]
    first = next((n for n, m in enumerate(messages) if m.role == Role.USER), len(messages))
    messages = messages[first:]
    while messages and not (messages[-1].role == Role.ASSISTANT and messages[-1].says_something):
        messages.pop()
    if not messages:
        return None
    messages = list(_named(messages))
    return Conversation(messages=tuple(messages), tools=tuple(_tools(messages)))


def _named(messages: Sequence[Message]) -> Iterator[Message]:
    """Give each tool's answer the tool's name, as chat templates want it."""
    names = {call.call_id: call.name for message in messages for call in message.calls if call.call_id}
    for message in messages:
        known = names.get(message.call_id) if message.role == Role.TOOL and not message.name else None
        yield replace(message, name=known) if known else message


def _tools(messages: Sequence[Message]) -> Iterator[dict[str, Any]]:
    """Describe the tools that were called by their inputs: no transcript holds their schemas."""
    inputs: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for message in messages:
        for call in message.calls:
            held = inputs[call.name]
            for key, value in call.arguments.items() if isinstance(call.arguments, dict) else ():
                held.setdefault(key, _schema(value))
    for name, properties in sorted(inputs.items()):
        parameters = {"type": "object", "properties": dict(sorted(properties.items()))}
        yield {"type": "function", "function": {"name": name, "description": "", "parameters": parameters}}


def _schema(value: Any, depth: int = 0) -> dict[str, Any]:
    match value:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case list():
            inner = _schema(value[0], depth + 1) if value and depth < _MAX_SCHEMA_DEPTH else {}
            return {"type": "array", "items": inner}
        case dict():
            return {"type": "object"}
        case _:
            return {"type": "string"}


def conversations(workspace: Workspace, filters: Filters) -> Iterator[Chosen]:
    """Yield what is to be imitated: successes unless other outcomes are asked for, and imported dialogues."""
    wanted = filters.outcomes or (Outcome.SUCCESS.value,)
    for episode in episodes(workspace, filters):
        found = conversation_of(workspace, episode) if episode.score_label in wanted else None
        if found is not None:
            yield _source(episode), found
    yield from _imported(workspace, filters, Conversation)


def labelled(workspace: Workspace, filters: Filters) -> Iterator[Chosen]:
    """Yield successes and failures as thumbs up and down, and imported ones."""
    for episode in episodes(workspace, filters):
        if episode.score_label not in (Outcome.SUCCESS.value, Outcome.FAILURE.value):
            continue
        found = conversation_of(workspace, episode)
        if found is not None:
            prompt, completion = cut(found)
            label = episode.score_label == Outcome.SUCCESS.value
            yield (
                _source(episode),
                Labelled(prompt=prompt, completion=completion, label=label, tools=found.tools),
            )
    yield from _imported(workspace, filters, Labelled)


def cut(found: Conversation) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """Cut an episode after its first request: what follows is the work, with what people said meanwhile."""
    asked = next(n for n, m in enumerate(found.messages) if m.role == Role.USER)
    while asked + 1 < len(found.messages) and found.messages[asked + 1].role == Role.USER:
        asked += 1
    return found.messages[: asked + 1], found.messages[asked + 1 :]


def pairs(workspace: Workspace, filters: Filters) -> Iterator[Chosen]:
    """Yield successes against failures at like requests of one project, and imported pairs."""
    known = [
        e
        for e in episodes(workspace, filters)
        if e.score_label in (Outcome.SUCCESS.value, Outcome.FAILURE.value)
    ]
    for members in _families(known):
        failures = [e for e in members if e.score_label == Outcome.FAILURE.value]
        for good in (e for e in members if e.score_label == Outcome.SUCCESS.value):
            near = sorted(failures, key=lambda bad: (-_likeness(good, bad), bad.episode_id))
            for bad in [f for f in near if _likeness(good, f) >= LIKE][:_MAX_PAIRS]:
                pair = _pair(workspace, good, bad)
                if pair is not None:
                    yield pair
    yield from _imported(workspace, filters, Pair)


def _families(known: Sequence[Any]) -> list[list[Any]]:
    by_project: defaultdict[str, list[Any]] = defaultdict(list)
    for episode in known:
        by_project[episode.project_id].append(episode)
    found = []
    for _, own in sorted(by_project.items()):
        asked = [
            Asked(
                episode_id=e.episode_id,
                request=e.request,
                at=e.started_at.isoformat() if e.started_at else "",
                agent=e.agent,
                own_tools=False,
            )
            for e in own
        ]
        members: defaultdict[str, list[Any]] = defaultdict(list)
        for episode, family in zip(own, families(asked), strict=True):
            # Requests of few words are alike only where they are the same.
            members[family.name if family else " ".join(episode.request.lower().split())].append(episode)
        found += [members[name] for name in sorted(members)]
    return found


def _likeness(one: Any, other: Any) -> float:
    if one.request.split() == other.request.split():
        return 1.0
    a, b = words_of(one.request), words_of(other.request)
    return len(a & b) / len(a | b) if a | b else 0.0


def _pair(workspace: Workspace, good: Any, bad: Any) -> Chosen | None:
    chosen, rejected = conversation_of(workspace, good), conversation_of(workspace, bad)
    if chosen is None or rejected is None:
        return None
    prompt, better = cut(chosen)
    _, worse = cut(rejected)
    if not better or not worse or better == worse:
        return None
    tools = {tool["function"]["name"]: tool for tool in (*rejected.tools, *chosen.tools)}
    facts = _facts(good) | {"likeness": round(_likeness(good, bad), 3)}
    return (
        Source(ids=(good.episode_id, bad.episode_id), facts=facts),
        Pair(prompt=prompt, chosen=better, rejected=worse, tools=tuple(tools[n] for n in sorted(tools))),
    )


def _imported(workspace: Workspace, filters: Filters, kind: type[Example]) -> Iterator[Chosen]:
    if not filters.imported:
        return
    scopes: tuple[str | None, ...] = filters.projects or (None,)
    for scope in scopes:
        for session_id, rows in imports.each(workspace, scope):
            example = storing.example_of(rows)
            if isinstance(example, kind):
                facts = {
                    key: value for key, value in storing.facts_of(rows).items() if key in ("file", "row")
                }
                yield Source(ids=(session_id,), facts={"agent": IMPORTED, **facts}), example


def _source(episode: Any) -> Source:
    return Source(ids=(episode.episode_id,), facts=_facts(episode))


def _facts(episode: Any) -> dict[str, Any]:
    return {
        "session_id": episode.session_id,
        "episode": episode.number,
        "agent": episode.agent,
        "model": episode.request_model,
        "project": episode.project or "",
        "started_at": episode.started_at.isoformat() if episode.started_at else "",
        "request": episode.request,
        "outcome": episode.score_label,
        "score": round(episode.score_value, 4),
        "evaluation": episode.evaluation_name,
    }
