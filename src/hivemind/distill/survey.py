"""Look through transcripts without storing anything: what is in them, what fails, what could be learnt."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from hivemind.agents.base import Agent, ReaderState
from hivemind.agents.registry import NAMES, agents, by_name
from hivemind.capture import boundary, ingest
from hivemind.capture.git import project_of
from hivemind.distill import commands, compose, miners, session_view
from hivemind.distill.miners import failures
from hivemind.distill.writers import template
from hivemind.domain.events import Event, EventKind, ResultStatus, Usage
from hivemind.domain.lessons import Lesson, Occurrence
from hivemind.domain.prices import cost_usd
from hivemind.domain.projects import main_folder
from hivemind.domain.skills import Evidence
from hivemind.errors import HivemindError
from hivemind.store.lessons import lesson_key

#: Fewer files than this are read in one process.
MIN_FILES_FOR_PROCESSES = 8
MAX_PROCESSES = 4


@dataclass(frozen=True, slots=True)
class _Row:
    """Give an event the attributes of a stored one."""

    event_id: str
    seq: int
    kind: EventKind
    agent_id: str
    text: str
    at: datetime | None
    tool_name: str
    tool_call_id: str
    data: dict[str, Any]
    status: ResultStatus | None
    exit_code: int | None


@dataclass(slots=True, kw_only=True)
class Sighting:
    """Hold what one transcript shows."""

    path: str
    agent: str = ""
    session_id: str = ""
    project_id: str = ""
    project: str = ""
    root: str = ""
    has_remote: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None
    size_bytes: int = 0
    lines: int = 0
    prompts: int = 0
    tool_calls: int = 0
    tool_errors: int = 0
    models: Counter[str] = field(default_factory=Counter)
    usages: dict[str, tuple[str, Usage]] = field(default_factory=dict)
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    occurrences: list[Occurrence] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Hold a call that failed the same way in several sessions."""

    project: str
    command: str
    error: str
    times: int
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftSkill:
    """Hold a skill that storing these sessions would make."""

    name: str
    description: str
    sessions: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Hold what all transcripts together show."""

    transcripts: int
    sessions: int
    size_bytes: int
    prompts: int
    tool_calls: int
    tool_errors: int
    first_at: datetime | None
    last_at: datetime | None
    agents: dict[str, int]
    projects: dict[str, int]
    models: dict[str, int]
    tokens: dict[str, int]
    cost_usd: float
    unpriced_models: tuple[str, ...]
    failures: tuple[Failure, ...]
    drafts: tuple[DraftSkill, ...]
    problems: tuple[str, ...]


def survey(
    waiting: Sequence[tuple[Path, Agent | None]], *, progress: Callable[[int], None] | None = None
) -> Survey:
    """Read transcripts in several processes and add up what they show; the files are only read."""
    tasks = [(str(path), agent.name if agent else "") for path, agent in waiting]
    sightings: list[Sighting] = []
    for done, sighting in enumerate(_all(tasks), start=1):
        sightings.append(sighting)
        if progress is not None:
            progress(done)
    return _sum(sightings)


def _all(tasks: list[tuple[str, str]]) -> Iterator[Sighting]:
    if len(tasks) < MIN_FILES_FOR_PROCESSES:
        yield from map(look, tasks)
        return
    import os

    with ProcessPoolExecutor(min(MAX_PROCESSES, os.cpu_count() or 1)) as pool:
        yield from pool.map(look, tasks, chunksize=4)


def look(task: tuple[str, str]) -> Sighting:
    """Read one transcript, given as path and the agent's name or nothing."""
    path, name = Path(task[0]), task[1]
    seen = Sighting(path=str(path))
    try:
        agent = by_name(name) if name in NAMES else ingest.recognise(path, agents())
        seen.agent = agent.name
        cwd, remote, rows = _read(path, agent, seen)
    except (OSError, EOFError, HivemindError) as error:
        seen.problem = f"{path}: {error}"
        return seen
    project = project_of(cwd, remote=remote)
    if project is not None:
        seen.project_id, seen.project = project.project_id, project.name
        seen.root, seen.has_remote = project.root, bool(project.remote)
    view = session_view.build(
        rows,
        session_id=seen.session_id,
        project_id=seen.project_id,
        project_name=seen.project,
        root=project.root if project else cwd,
    )
    _count_failures(view, seen)
    seen.occurrences = miners.mine(view)
    return seen


def _read(path: Path, agent: Agent, seen: Sighting) -> tuple[str, str, list[_Row]]:
    state, cwd = ReaderState(), ""
    rows: list[_Row] = []
    for line, record in ingest.records(path, agent):
        seen.lines += 1
        seen.size_bytes += len(line)
        if record is None:
            continue
        result = agent.read_line(record, line=line, state=state)
        if result.facts is not None:
            seen.session_id = seen.session_id or result.facts.session_id
            cwd = cwd or result.facts.cwd
        for event in result.events:
            _count(event, seen)
            rows.append(_row(event, len(rows)))
    remote = state.values.get("remote")
    return cwd, remote if isinstance(remote, str) else "", rows


def _row(event: Event, seq: int) -> _Row:
    return _Row(
        event.native_id + event.kind,
        seq,
        event.kind,
        event.agent_id,
        event.text,
        event.at,
        event.tool_name,
        event.tool_call_id,
        event.data,
        event.status,
        event.exit_code,
    )


def _count(event: Event, seen: Sighting) -> None:
    if event.at is not None:
        seen.started_at = min(seen.started_at or event.at, event.at)
        seen.ended_at = max(seen.ended_at or event.at, event.at)
    match event.kind:
        case EventKind.PROMPT:
            seen.prompts += 1
        case EventKind.TOOL_CALL:
            seen.tool_calls += 1
        case EventKind.TOOL_RESULT:
            seen.tool_errors += event.status is ResultStatus.ERROR
        case EventKind.USAGE if event.usage is not None:
            held = seen.usages.get(event.usage.message_id)
            if held is None or held[1].output_tokens < event.usage.output_tokens:
                seen.usages[event.usage.message_id] = (event.request_model, event.usage)


def _count_failures(view: session_view.SessionView, seen: Sighting) -> None:
    for stream in view.streams:
        for call in stream.calls:
            if call.tool_name in view.shell_tools and call.failed:
                found = [s for s in commands.steps(call.text) if s.program not in commands.LOOKING]
                if len(found) == 1:
                    seen.failures[" ".join(commands.head(found[0])), failures.telling_line(call.output)] += 1


def _sum(sightings: Sequence[Sighting]) -> Survey:
    # As in the store: a session that knows its folder's remote names the project for the others there.
    known = {main_folder(s.root): s for s in sightings if s.has_remote}
    for s in sightings:
        if not s.has_remote and (named := known.get(main_folder(s.root))) is not None:
            s.project_id, s.project = named.project_id, named.project
    usages: dict[str, tuple[str, Usage]] = {}
    for s in sightings:
        for message_id, (model, usage) in s.usages.items():
            held = usages.get(message_id)
            if held is None or held[1].output_tokens < usage.output_tokens:
                usages[message_id] = (model, usage)
    costs = [(model, cost_usd(model, usage)) for model, usage in usages.values()]
    counted = [usage for _, usage in usages.values()]
    projects: dict[str, set[str]] = defaultdict(set)
    agents: dict[str, set[str]] = defaultdict(set)
    for s in sightings:
        if s.session_id:
            projects[s.project or "unknown"].add(s.session_id)
            agents[s.agent].add(s.session_id)
    return Survey(
        transcripts=len(sightings),
        sessions=len({s.session_id for s in sightings if s.session_id}),
        size_bytes=sum(s.size_bytes for s in sightings),
        prompts=sum(s.prompts for s in sightings),
        tool_calls=sum(s.tool_calls for s in sightings),
        tool_errors=sum(s.tool_errors for s in sightings),
        first_at=min((s.started_at for s in sightings if s.started_at), default=None),
        last_at=max((s.ended_at for s in sightings if s.ended_at), default=None),
        agents={name: len(ids) for name, ids in sorted(agents.items())},
        projects=dict(sorted(((n, len(i)) for n, i in projects.items()), key=lambda x: (-x[1], x[0]))),
        models=dict(Counter(model for model, _ in usages.values()).most_common()),
        tokens={
            name: sum(getattr(usage, name) for usage in counted)
            for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
        },
        cost_usd=round(sum(cost for _, cost in costs if cost is not None), 2),
        unpriced_models=tuple(sorted({model for model, cost in costs if cost is None and model})),
        failures=_repeated(sightings),
        drafts=_drafts(sightings),
        problems=tuple(s.problem for s in sightings if s.problem),
    )


def _repeated(sightings: Sequence[Sighting]) -> tuple[Failure, ...]:
    times: Counter[tuple[str, str, str]] = Counter()
    where: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    redactor = boundary.redactor()
    for s in sightings:
        for (command, error), number in s.failures.items():
            key = (s.project, command, redactor.redact(error).text)
            times[key] += number
            where[key].add(s.session_id)
    found = [
        Failure(project=p, command=c, error=e, times=times[p, c, e], sessions=len(where[p, c, e]))
        for p, c, e in times
        if len(where[p, c, e]) > 1
    ]
    return tuple(sorted(found, key=lambda f: (-f.sessions, -f.times, f.command))[:10])


def _drafts(sightings: Sequence[Sighting]) -> tuple[DraftSkill, ...]:
    grouped: dict[str, dict[tuple[str, str], list[tuple[str, Occurrence]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    names: dict[str, str] = {}
    for s in sorted(sightings, key=lambda x: (x.ended_at is None, x.ended_at, x.session_id)):
        names[s.project_id] = s.project
        for o in s.occurrences:
            grouped[s.project_id][o.kind, o.key].append((s.session_id, o))
    redactor, found = boundary.redactor(), []
    for project_id, by_key in grouped.items():
        known = [_lesson(project_id, kind, key, seen) for (kind, key), seen in by_key.items()]
        for draft in compose.drafts(known, project_id=project_id, project_name=names[project_id]):
            document = template.write(draft)
            found.append(
                DraftSkill(
                    name=document.name,
                    description=redactor.redact(document.description).text,
                    sessions=draft.sessions,
                    body=redactor.redact(document.body).text,
                )
            )
    return tuple(sorted(found, key=lambda d: (-d.sessions, d.name)))


def _lesson(project_id: str, kind: str, key: str, seen: list[tuple[str, Occurrence]]) -> Lesson:
    seen = sorted(seen, key=lambda x: (x[1].at is not None, x[1].at and x[1].at.timestamp(), x[0]))
    first = seen[0][1]  # as in the store: the earliest, those without a time first
    evidence: list[Evidence] = [e for _, o in seen for e in o.evidence]
    return Lesson(
        lesson_id=lesson_key(project_id, kind, key),
        project_id=project_id,
        kind=kind,
        key=key,
        topic=first.topic,
        data=first.data,
        sessions=len({session_id for session_id, _ in seen}),
        occurrences=len(seen),
        explicit=any(o.explicit for _, o in seen),
        evidence=tuple(evidence),
    )
