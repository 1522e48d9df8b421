"""Skills that a session got by itself, seen in its events: offers that no channel of ours made.

An agent invokes a skill with a tool of its own, reads its file, or loads it with our MCP tool. What was there
to be had at that time is told by the ledger; a call that came back without the skill is no offer.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from hivemind.agents import registry
from hivemind.domain.events import EventKind, ResultStatus
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.domain.skills import LIVE_STATES, SkillDocument
from hivemind.library.document import render
from hivemind.store import exposures as stored
from hivemind.store import installs, offers, skills
from hivemind.store.database import Workspace
from hivemind.store.skills import Skill

#: The agents' own tools that load a skill by its name, without punctuation and in small letters.
_SKILL_TOOLS = frozenset({"skill", "skillview", "activateskill", "loadskill", "useskill", "invokeskill"})
#: Tools that read a file, and those that print what they find in files.
_READ_TOOLS = frozenset(
    {"read", "readfile", "view", "viewfile", "open", "openfile", "cat", "readtextfile", "fsread"}
)
_PRINTING_TOOLS = frozenset(
    {"grep", "searchfilecontent", "grepsearch", "searchfiles", "readmanyfiles", "readmultiplefiles"}
)
_MCP_LOAD = re.compile(r"(?:^|[^a-zA-Z0-9])skills_load$")
_NAME_KEYS = ("skill", "name", "skill_name", "skillName", "command")
_FILE = "SKILL.md"
_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")
_PATH = re.compile(r"(?<![^\s'\"`;|&<>()])[^\s'\"`;|&<>()]*SKILL\.md")
#: The client's own text when it puts a skill into the conversation begins so, in characters.
_OPENING_CHARS = 400
#: How a person names a skill in a prompt, by the agents that then load it, and say so nowhere else.
_NAMED_IN_PROMPT = {"pi": re.compile(r"/skill:([\w-]+)"), "codex": re.compile(r"(?<!\S)\$([\w-]+)")}
#: Lines of a skill that are told from other text by their length, in characters.
MIN_LINE_CHARS = 16
#: Lines that must be seen where nothing else names the skill.
MIN_LINES = 2
#: So far behind a call of the skill tool the client's text is the same skill again, in events.
_BEHIND = 20
#: More of a call is not searched for paths, in characters.
_MAX_CALL_CHARS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """Hold what a skill was from a moment on."""

    at: datetime
    version: int
    is_live: bool


@dataclass(slots=True)
class _Shelf:
    """Hold the skills that a session could get, as they were at any time."""

    workspace: Workspace
    skills: list[Skill]
    history: dict[str, list[_State]]
    paths: dict[str, str]  #: installed file → skill
    _texts: dict[tuple[str, int], tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, workspace: Workspace, session: Any) -> "_Shelf":
        """Gather a project's own skills and those of every project, and what was ever written for them."""
        installed = installs.listed(workspace)
        cwd = session.cwd or ""
        here = {row.skill_id for row in installed if _is_below(cwd, row.root)}
        listed = [
            one
            for one in skills.listed(workspace)
            if one.project_id in (session.project_id, "") or one.skill_id in here
        ]
        # A project's own skill hides one of every project that has its name.
        listed.sort(key=lambda one: (one.project_id == "", one.skill_id))
        known = {one.skill_id for one in listed}
        ledger = stored.decisions_of(workspace, sorted(known))
        history = {
            skill_id: [
                _State(at=row.at, version=row.to_version, is_live=row.to_state in LIVE_STATES) for row in rows
            ]
            for skill_id, rows in ledger.items()
        }
        paths = {row.path: row.skill_id for row in installed if row.skill_id in known}
        return cls(workspace=workspace, skills=listed, history=history, paths=paths)

    def at(self, skill: Skill, moment: datetime) -> _State | None:
        """Give what a skill was at a moment; None before it was made."""
        past = [state for state in self.history.get(skill.skill_id, ()) if state.at <= moment]
        return past[-1] if past else None

    def name(self, skill: Skill, state: _State) -> str:
        """Give the name of the skill in a version."""
        return self._text(skill, state.version)[0]

    def shows(self, skill: Skill, state: _State, output: str, *, lines: int = 1) -> bool:
        """Say whether a text holds lines of a version of a skill, also as JSON."""
        wanted = self._text(skill, state.version)[1]
        needed, seen = min(lines, len(wanted)), 0
        for line in wanted:
            seen += line in output or any(text in output for text in _escaped(line))
            if needed and seen >= needed:
                return True
        return False

    def _text(self, skill: Skill, version: int) -> tuple[str, tuple[str, ...]]:
        key = (skill.skill_id, version)
        if key not in self._texts:
            document = skills.version_of(self.workspace, skill.skill_id, version=version).document
            self._texts[key] = (document.name, _telling_lines(document))
        return self._texts[key]

    def installed_at(self, path: str, *, cwd: str) -> str:
        """Name the skill whose installed file a path is, also through a link; empty for any other."""
        try:
            whole = os.path.normpath(str(PurePosixPath(cwd or "/") / path))
            if whole in self.paths:
                return self.paths[whole]
            name = PurePosixPath(whole).parent.name
            alike = [one for one in self.paths if PurePosixPath(one).parent.name == name]
            real = os.path.realpath(whole) if alike else ""
            return next((self.paths[one] for one in alike if os.path.realpath(one) == real), "")
        except (ValueError, OSError):
            return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sighting:
    """Hold one skill that an event shows the session to have got."""

    skill: Skill
    state: _State
    channel: Channel
    event: Any


def record(workspace: Workspace, session_id: str) -> int:
    """Record the offers that a session's events show; those recorded before stay as they are."""
    found = derive(workspace, session_id)
    offers.record(workspace, found)
    return len(found)


def derive(workspace: Workspace, session_id: str) -> list[Offer]:
    """Derive the offers that a session's events show; the same events always give the same."""
    session = stored.session_of(workspace, session_id)
    events = stored.calls_about_skills(workspace, session_id) if session is not None else []
    shelf = _Shelf.of(workspace, session) if events else None
    if session is None or shelf is None or not shelf.skills:
        return []
    calls = [event.tool_call_id for event in events if event.kind == EventKind.TOOL_CALL]
    results = stored.results_of(workspace, session_id, [call_id for call_id in calls if call_id])
    found = _seen(shelf, session, events=events, results=results)
    return [
        Offer(
            session_id=session_id,
            skill_id=one.skill.skill_id,
            version=one.state.version,
            channel=one.channel,
            arm=Arm.GIVEN,
            agent=session.agent,
            at=_time(one.event, session),
            request_model=one.event.request_model or session.request_model,
            event_id=one.event.event_id,
        )
        for one in found
    ]


def _seen(
    shelf: _Shelf, session: Any, *, events: Sequence[Any], results: dict[str, Any]
) -> Iterator[_Sighting]:
    by_tool: dict[str, int] = {}
    for event in events:
        moment = _time(event, session)
        then = [(skill, state) for skill in shelf.skills if (state := shelf.at(skill, moment)) is not None]
        if event.kind == EventKind.TOOL_CALL:
            result = results.get(event.tool_call_id)
            for one in _called(shelf, session, event=event, result=result, then=then):
                if one.channel is Channel.TOOL:
                    by_tool[one.skill.skill_id] = event.seq
                yield one
            continue
        for skill, state in _told(shelf, session, event=event, then=then):
            before = by_tool.get(skill.skill_id)
            if before is None or not 0 < event.seq - before <= _BEHIND:
                yield _Sighting(skill=skill, state=state, channel=Channel.TOOL, event=event)


def _called(
    shelf: _Shelf, session: Any, *, event: Any, result: Any, then: Sequence[tuple[Skill, _State]]
) -> Iterator[_Sighting]:
    """Yield the skills that a call gave."""
    if result is None:
        return
    tool = _NOT_IN_NAME.sub("", re.split(r"__|[/:]", event.tool_name)[-1].lower())
    data = event.data if isinstance(event.data, dict) else {}
    works = result.status == ResultStatus.OK
    if _MCP_LOAD.search(event.tool_name):
        named = _named(shelf, data, then)
        if named and works and shelf.shows(*named, result.text):
            yield _Sighting(skill=named[0], state=named[1], channel=Channel.MCP, event=event)
    elif tool in _SKILL_TOOLS:
        named = _named(shelf, data, then)
        if named and named[1].is_live and works:
            yield _Sighting(skill=named[0], state=named[1], channel=Channel.TOOL, event=event)
    elif tool in _READ_TOOLS or tool in _PRINTING_TOOLS or event.tool_name in _shell_tools():
        is_read = tool in _READ_TOOLS and works
        said = "\n".join(_strings(data))[:_MAX_CALL_CHARS] or event.text
        for skill, state in _read(shelf, session, said=said, output=result.text, then=then, is_read=is_read):
            yield _Sighting(skill=skill, state=state, channel=Channel.FOLDER, event=event)


def _named(
    shelf: _Shelf, data: dict[str, Any], then: Sequence[tuple[Skill, _State]]
) -> tuple[Skill, _State] | None:
    said = next((data[key] for key in _NAME_KEYS if isinstance(data.get(key), str)), "")
    # Hermes puts the category before the name.
    name = said.strip().removeprefix("/").rpartition("/")[2]
    same = [one for one in then if name and shelf.name(*one) == name]
    return next((one for one in same if one[1].is_live), same[0] if same else None)


def _read(
    shelf: _Shelf,
    session: Any,
    *,
    said: str,
    output: str,
    then: Sequence[tuple[Skill, _State]],
    is_read: bool,
) -> Iterator[tuple[Skill, _State]]:
    """Yield the skills that a call read: it shows their text, or is known to have read just their file."""
    exact = set()
    if is_read:
        exact = {shelf.installed_at(path, cwd=session.cwd or "") for path in _PATH.findall(said)}
    named = [one for one in then if f"{shelf.name(*one)}/{_FILE}" in said]
    shown = {one[0].skill_id for one in named if shelf.shows(*one, output)}
    if (not named and (_FILE in said or "skills/" in said)) or "*" in said:
        shown |= {one[0].skill_id for one in then if shelf.shows(*one, output, lines=MIN_LINES)}
    yield from (one for one in then if one[0].skill_id in shown | exact)


def _told(
    shelf: _Shelf, session: Any, *, event: Any, then: Sequence[tuple[Skill, _State]]
) -> Iterator[tuple[Skill, _State]]:
    """Yield the skills that a person invoked: the client wrote them out, or loads what is named."""
    if event.kind == EventKind.PROMPT:
        pattern = _NAMED_IN_PROMPT.get(session.agent)
        named = set(pattern.findall(event.text)) if pattern else set()
        yield from (one for one in then if one[1].is_live and shelf.name(*one) in named)
    elif "skill" in event.text[:_OPENING_CHARS].lower() and "<hivemind-skills" not in event.text:
        for skill, state in then:
            named_here = shelf.name(skill, state) in event.text[:_OPENING_CHARS]
            if named_here and shelf.shows(skill, state, event.text):
                yield skill, state


def _telling_lines(document: SkillDocument) -> tuple[str, ...]:
    lines = (line.strip() for line in render(document).split("\n"))
    # Metadata names events; what introduces a list is the same in many skills.
    return tuple(
        dict.fromkeys(
            x
            for x in lines
            if len(x) >= MIN_LINE_CHARS and not x.startswith("hivemind-") and not x.endswith(":")
        )
    )


def _escaped(line: str) -> tuple[str, str]:
    return json.dumps(line)[1:-1], json.dumps(line, ensure_ascii=False)[1:-1]


def _strings(data: Any) -> Iterator[str]:
    work = [data]
    while work:
        item = work.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            work += reversed(item.values())
        elif isinstance(item, list):
            work += reversed(item)


def _is_below(path: str, root: str) -> bool:
    return bool(root) and (path == root or path.startswith(root.rstrip("/") + "/"))


def _time(event: Any, session: Any) -> datetime:
    """Give when an event was; one without a time was at the session's end, as far as is known."""
    moment = event.at or session.ended_at
    return moment if isinstance(moment, datetime) else datetime.now(UTC)


@cache
def _shell_tools() -> frozenset[str]:
    return frozenset[str]().union(*(agent.shell_tools for agent in registry.agents()))
