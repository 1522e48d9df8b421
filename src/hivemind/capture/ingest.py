"""Read transcripts from where the last read stopped, redact, and store: each event once, come what may."""

import math
import os
from binascii import crc32
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from hivemind.agents.base import Agent, ReaderState, Transcript
from hivemind.agents.transcript_file import decode
from hivemind.capture import exclusion
from hivemind.capture.git import project_of
from hivemind.capture.redaction import Redactor
from hivemind.domain.events import Event, EventKind, ResultStatus, SessionFacts, session_key
from hivemind.domain.outcomes import Report
from hivemind.domain.text import storable
from hivemind.errors import HivemindError
from hivemind.store import episodes, positions, sessions
from hivemind.store.database import Database, Workspace

#: A transaction's share of a transcript: small enough that others wait milliseconds, large enough to be fast.
BATCH_EVENTS = 2_000
BATCH_BYTES = 4 << 20
#: Longer texts keep their beginning and end, in characters.
MAX_TEXT_CHARS = 1 << 20
#: Longer names and ids keep their beginning, in characters.
MAX_NAME_CHARS = 300
#: Deeper nested tool inputs are kept as text.
MAX_DEPTH = 64
#: By so many lines the agent that wrote a transcript is told.
RECOGNISED_BY_LINES = 16
#: Where a reader's state keeps that the agent has gone where nothing is stored of it; not every line says.
_LEFT_OUT = "left_out"
#: Each time that another process reads the same transcript it gets further; so often we let it at most.
MAX_TURNS = 100


@dataclass(slots=True, kw_only=True)
class Ingested:
    """Count what reading one transcript gave."""

    path: str
    agent: str = ""
    session_id: str = ""
    lines: int = 0
    bad_lines: int = 0
    bytes_read: int = 0
    events: int = 0
    tool_calls: int = 0
    tool_results: int = 0
    tool_errors: int = 0
    prompts: int = 0
    subagent_tool_calls: int = 0
    redactions: int = 0
    problem: str = ""
    said: set[int] = field(default_factory=set)  #: checksums of the agent's messages, as hooks announce them


@dataclass(slots=True)
class _Batch:
    events: list[sessions.RedactedEvent] = field(default_factory=list)
    facts: SessionFacts | None = None
    size_bytes: int = 0
    lines: int = 0
    bad_lines: int = 0
    end: int = 0
    said: set[int] = field(default_factory=set)
    reports: list[Report] = field(default_factory=list)


def ingest(
    database: Database,
    path: Path,
    *,
    agent: Agent,
    workspace_id: str,
    redactor: Redactor,
    final: bool = False,
    excluding: exclusion.Rules | None = None,
    skips: Callable[[str], bool] | None = None,
) -> Ingested:
    """Store what a transcript holds beyond the last read.

    `final` says that nobody is writing the file: a last line without its newline is then counted, too.
    `excluding` says which folders and repositories are kept out: a session that began in one is refused, and
    of any other session what was done in one is left out. Where a session turns out to be of such a
    repository, what was stored of it is deleted. `skips` says which sessions, by their agent's own id, were
    run with capture off and are refused.
    Raises OSError where the file cannot be read, and HivemindError where the session is refused.
    """
    done = Ingested(path=_key(path), agent=agent.name)
    for turn in range(MAX_TURNS):
        state = ReaderState()
        reader = _Reader(agent, state=state, redactor=redactor, excluding=excluding, skips=skips, final=final)
        try:
            with agent.open_transcript(path) as file:
                _ingest(database, file, reader=reader, workspace_id=workspace_id, done=done)
        except positions.ContendedError:
            if turn == MAX_TURNS - 1:
                raise
        else:
            break
    return done


def _key(path: Path) -> str:
    return storable(os.fsencode(path).decode("utf-8", "backslashreplace"))


def _ingest(
    database: Database, file: Transcript, *, reader: "_Reader", workspace_id: str, done: Ingested
) -> None:
    with database.read(workspace_id) as workspace:
        held = positions.of(workspace, done.path)
        remote = _remote(held.reader_state or {}) if held else ""
        denied = held is not None and reader.denies(workspace, held.session_id, remote=remote)
        # Of a session that was deleted, it is asked again where it is.
        reader.began = held is not None and bool(sessions.cwd_of(workspace, held.session_id))
    if held is not None and denied:
        with database.write(workspace_id) as workspace:
            sessions.prune(workspace, [held.session_id])
        raise _excluded(f"session {held.session_id!r}")
    at = _start(held, file=file, done=done)
    reader.state.values = dict(at.reader_state or {})
    reader.began = reader.began and at.offset_bytes > 0
    done.session_id = at.session_id
    try:
        for batch in reader.batches(file, start=at.offset_bytes):
            at = held = _store(
                database,
                batch,
                at=at,
                held=held,
                reader=reader,
                file=file,
                workspace_id=workspace_id,
                done=done,
            )
    except HivemindError:
        if reader.refused and done.session_id:  # its folder became known only now
            with database.write(workspace_id) as workspace:
                sessions.prune(workspace, [done.session_id])
        raise
    if file.problem:
        done.problem = file.problem


def _start(held: positions.Position | None, *, file: Transcript, done: Ingested) -> positions.Position:
    fresh = positions.Position(path=done.path, agent=done.agent)
    if held is None:
        return fresh
    size = file.size_bytes()
    done.lines, done.bad_lines = held.lines, held.bad_lines
    shorter = size is not None and size < held.offset_bytes
    if shorter or file.fingerprint(held.offset_bytes) != held.read_hash:
        done.problem = "the file was truncated or rewritten: read again from its beginning"
        return fresh
    return held


@dataclass(slots=True)
class _Reader:
    """Turn lines into redacted events, in batches."""

    agent: Agent
    state: ReaderState
    redactor: Redactor
    excluding: exclusion.Rules | None
    skips: Callable[[str], bool] | None
    final: bool
    began: bool = False  #: the session's first folder is known, and none that is excluded
    refused: bool = False  #: the session's first folder is excluded
    facts: tuple[SessionFacts, SessionFacts] | None = None  #: the last line's, as they came and cleaned
    left_out: dict[str, bool] = field(default_factory=dict)  #: folders, and whether they are kept out

    def batches(self, file: Transcript, *, start: int) -> Iterator[_Batch]:
        """Yield what is to be stored together."""
        batch = _Batch(end=start)
        for line, end in file.lines(start=start, final=self.final):
            batch.end = end
            if line is None:
                batch.lines, batch.bad_lines = batch.lines + 1, batch.bad_lines + 1
                continue
            if line.isspace() or not line:
                continue
            batch.lines += 1
            batch.size_bytes += len(line)
            self._read(line, batch)
            if len(batch.events) >= BATCH_EVENTS or batch.size_bytes >= BATCH_BYTES:
                yield batch
                batch = _Batch(end=end)
        if batch.lines:
            yield batch

    def _read(self, line: bytes, batch: _Batch) -> None:
        try:
            record = decode(line)
        except ValueError:
            batch.bad_lines += 1
            return
        result = self.agent.read_line(record, line=line, state=self.state)
        if result.facts is not None:
            facts = self._clean(result.facts)
            if facts.cwd:
                self.state.values.pop(_LEFT_OUT, None)
                if self._leaves_out(facts.cwd):
                    self.state.values[_LEFT_OUT] = True
        if self.excluding is not None and self.state.values.get(_LEFT_OUT):
            return
        if result.facts is not None:
            batch.facts = _merge(batch.facts, facts)
        batch.said.update(_checksum(e.text) for e in result.events if e.kind is EventKind.ASSISTANT)
        batch.events.extend(redact(event, self.redactor) for event in result.events)
        for report in result.reports:
            note = self.redactor.redact(storable(_shorten(report.note))).text
            batch.reports.append(replace(report, session_id=session_key(report.session_id), note=note))

    def _clean(self, facts: SessionFacts) -> SessionFacts:
        if self.facts is None or self.facts[0].session_id != facts.session_id:
            self._require_captured(facts.session_id)
        if self.facts is None or self.facts[0] != facts:
            self.facts = (facts, _clean(facts))
        return self.facts[1]

    def _require_captured(self, session_id: str) -> None:
        if self.skips is not None and self.skips(session_id):
            raise HivemindError("capture-excluded", f"session {session_id[:80]!r} was run with capture off")

    def _leaves_out(self, cwd: str) -> bool:
        if self.excluding is None:
            return False
        if cwd not in self.left_out:
            self.left_out[cwd] = exclusion.leaves_out(self.excluding, cwd)
        if self.left_out[cwd] and not self.began:
            self.refused = True
            raise _excluded(cwd)
        self.began = True
        return self.left_out[cwd]

    def denies(self, workspace: Workspace, session_id: str, *, cwd: str = "", remote: str = "") -> bool:
        """Say whether a session is of a repository that is kept out, as far as is known by now."""
        if self.excluding is None or not self.excluding.capture_exclude_remotes:
            return False
        began_in = sessions.cwd_of(workspace, session_id) or cwd
        project = project_of(began_in, remote=remote or _remote(self.state.values))
        known = sessions.known_project(workspace, project).remote if project else ""
        return self.excluding.excludes_remote(known)


def _excluded(what: str) -> HivemindError:
    return HivemindError(
        "capture-excluded",
        f"{what} is kept out of the store by capture.exclude or capture.exclude_remotes",
        hint="`hivemind config` shows both",
    )


def _clean(facts: SessionFacts) -> SessionFacts:
    return replace(
        facts,
        session_id=session_key(facts.session_id),
        agent_version=_name(facts.agent_version),
        cwd=storable(facts.cwd[:4096]),
        git_branch=_name(facts.git_branch),
    )


def _checksum(text: str) -> int:
    return crc32(text.strip().encode("utf-8", "replace"))


def _merge(held: SessionFacts | None, new: SessionFacts) -> SessionFacts:
    if held is None or held is new:
        return new
    # The folder that a session began in names its project; branch and version may change on the way.
    return replace(
        held,
        cwd=held.cwd or new.cwd,
        git_branch=new.git_branch or held.git_branch,
        agent_version=new.agent_version or held.agent_version,
    )


def redact(event: Event, redactor: Redactor) -> sessions.RedactedEvent:
    """Replace the secrets in an event's texts, and shorten what is too long to keep."""
    text, found = event.text, 0
    data: Any = {}
    if text:
        redacted = redactor.redact(storable(_shorten(text)))
        text, found = redacted.text, redacted.count
    if event.data:
        data, in_data = redactor.redact_value(_flat(event.data))
        found += in_data
    usage = event.usage
    if usage is not None:
        usage = replace(usage, message_id=_name(usage.message_id))
    cleaned = replace(
        event,
        text=text,
        data=data,
        agent_id=_name(event.agent_id),
        tool_name=_name(event.tool_name),
        tool_call_id=_name(event.tool_call_id),
        request_model=_name(event.request_model),
        usage=usage,
    )
    return sessions.RedactedEvent(event=cleaned, redactions=found)


def _name(text: str) -> str:
    return storable(text[:MAX_NAME_CHARS]) if text else text


def _shorten(text: str) -> str:
    if len(text) <= MAX_TEXT_CHARS:
        return text
    keep = MAX_TEXT_CHARS // 2
    return f"{text[:keep]}\n[… {len(text) - 2 * keep} characters left out …]\n{text[-keep:]}"


def _flat(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return storable(_shorten(value))
    if isinstance(value, (dict, list)) and depth >= MAX_DEPTH:
        return "[nested too deeply]"
    if isinstance(value, dict):
        return {storable(str(key)): _flat(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_flat(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    return value


def _store(
    database: Database,
    batch: _Batch,
    *,
    at: positions.Position,
    held: positions.Position | None,
    reader: _Reader,
    file: Transcript,
    workspace_id: str,
    done: Ingested,
) -> positions.Position:
    session_id = at.session_id or (batch.facts.session_id if batch.facts else "")
    if batch.events and not session_id:
        session_id = session_key(Path(at.path).name.split(".")[0])
    new = replace(
        at,
        session_id=session_id,
        offset_bytes=batch.end,
        read_hash=file.fingerprint(batch.end),
        lines=at.lines + batch.lines,
        bad_lines=at.bad_lines + batch.bad_lines,
        reader_state=reader.state.values,
        problem=done.problem,
    )
    stored, denied = sessions.Appended(), False
    with database.write(workspace_id, alone=False) as workspace:
        positions.put(workspace, new, was=held)
        cwd = batch.facts.cwd if batch.facts else ""
        denied = bool(session_id) and reader.denies(workspace, session_id, cwd=cwd)
        if denied:  # its remote became known only now
            sessions.prune(workspace, [session_id])
        elif session_id and (batch.events or batch.facts):
            facts = batch.facts or SessionFacts(session_id=session_id, agent=at.agent)
            facts = replace(facts, session_id=session_id)
            # The folder that the session began in names its project, wherever the agent has gone since.
            began_in = sessions.cwd_of(workspace, session_id) or facts.cwd
            project = project_of(began_in, remote=_remote(reader.state.values))
            stored = sessions.append(workspace, facts, events=batch.events, project=project)
        for report in [] if denied else batch.reports:
            about = report.event_id or sessions.latest_prompt(workspace, report.session_id)
            episodes.report(workspace, replace(report, event_id=about))
    if denied:
        raise _excluded(f"session {session_id!r}")
    done.events += stored.events
    done.redactions += stored.redactions
    done.session_id = session_id
    _tally(done, batch, at=at, new=new)
    return new


def _remote(values: Mapping[str, Any]) -> str:
    remote = values.get("remote")
    return remote if isinstance(remote, str) else ""


def _tally(done: Ingested, batch: _Batch, *, at: positions.Position, new: positions.Position) -> None:
    done.lines, done.bad_lines = new.lines, new.bad_lines
    done.said |= batch.said
    done.bytes_read += new.offset_bytes - at.offset_bytes
    for e in batch.events:
        event = e.event
        match event.kind:
            case EventKind.TOOL_CALL if event.agent_id and event.agent_id != "sidechain":
                done.subagent_tool_calls += 1
            case EventKind.TOOL_CALL:
                done.tool_calls += 1
            case EventKind.TOOL_RESULT if not event.agent_id or event.agent_id == "sidechain":
                done.tool_results += 1
                done.tool_errors += event.status not in (ResultStatus.OK, ResultStatus.UNKNOWN)
            case EventKind.PROMPT:
                done.prompts += 1


def records(path: Path, agent: Agent) -> Iterator[tuple[bytes, Any]]:
    """Yield each line of a transcript with its record, None where it is not JSON."""
    with agent.open_transcript(path) as file:
        for line, _ in file.lines(final=True):
            if line is None:
                yield b"", None
            elif line and not line.isspace():
                try:
                    yield line, decode(line)
                except ValueError:
                    yield line, None


def recognise(path: Path, agents: Sequence[Agent]) -> Agent:
    """Find the agent whose format a transcript is in, by its first lines and not by its name."""
    seen: dict[Any, list[Any]] = {}  # most agents open a transcript in the same way: it is read once for them
    trouble: OSError | None = None
    opened = False
    for agent in agents:
        if agent.open_transcript not in seen:
            try:
                first = islice(records(path, agent), RECOGNISED_BY_LINES)
                seen[agent.open_transcript] = [record for _, record in first if record is not None]
                opened = True
            except OSError as error:
                trouble, seen[agent.open_transcript] = trouble or error, []
        if seen[agent.open_transcript] and agent.recognises(seen[agent.open_transcript]):
            return agent
    if trouble and not opened:
        raise trouble
    raise HivemindError(
        "transcript-unknown",
        f"{path} is in no format that is known here",
        hint="supported: " + ", ".join(a.title for a in agents),
    )
