"""Serve skills and sessions to agents over MCP, on stdio or as a part of a team's server.

It writes nothing but the outcomes that agents report, and that a skill which one asked for was withheld.

The database is opened for each call, so one that appears or is replaced while the server runs is served.
"""

import difflib
import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self, cast

import sqlalchemy as sa
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

import hivemind
from hivemind.capture import boundary
from hivemind.domain.exposures import Arm, Channel, Offer
from hivemind.domain.outcomes import Outcome, Report, of_reward
from hivemind.domain.skills import LIVE_STATES
from hivemind.errors import HivemindError
from hivemind.library import document
from hivemind.retrieval import past
from hivemind.retrieval.rank import Candidate
from hivemind.retrieval.render import harmless
from hivemind.server.caller import Caller, Surroundings
from hivemind.server.tool_places import OnMachine, Place
from hivemind.store import episodes, offers, sessions
from hivemind.store import skills as stored
from hivemind.store.database import Workspace

MAX_CLOSE_NAMES = 5
INSTRUCTIONS = (
    "Notes learnt from this project's earlier sessions. Before a task that may have been done here before, "
    "search them with skills_search and read one with skills_load; sessions_search finds earlier work, "
    "such as what fixed an error. Once a person or a check has said how the task turned out, report it with "
    "outcome_report."
)
#: Said in the place of a skill that is withheld from the session that asks for it.
WITHHELD = (
    "The skill {name} is withheld from this session on purpose: from {percent} % of sessions, to learn "
    "whether it helps. Go on without it, and do not look for it elsewhere. Nothing is broken, and nothing is "
    "left for you to do; the person at this machine sees and changes it with `hivemind holdout`."
)
NOBODY = Caller()
Query = Annotated[str, Field(min_length=1, max_length=4000, description="what to look for, in plain words")]
Limit = Annotated[int, Field(ge=1, le=50, description="results at most")]
Text = Annotated[str, Field(max_length=1000)]
Project = Annotated[
    str, Field(max_length=1000, description="a project's name, remote or folder; '.': this one; empty: all")
]
Agent = Annotated[str, Field(max_length=100, description="claude, codex, …; empty: all")]
Since = Annotated[str, Field(max_length=100, description="2026-11-22, 2026-11-22T14:30, or 7d ago")]
Until = Annotated[str, Field(max_length=100, description="work that began until then, read like `since`")]
Ended = Annotated[
    str, Field(pattern="^(success|failure|unknown)?$", description="how the work ended; empty: any")
]
Name = Annotated[str, Field(min_length=1, max_length=200, description="the skill's name, from skills_search")]
Verdict = Annotated[
    str,
    Field(
        pattern=r"^(success|failure|[01](\.\d{1,6})?)$",
        description="success, failure or a reward from 0 to 1",
    ),
]
SessionId = Annotated[
    str, Field(max_length=200, description="the session's id; empty: the newest of this project folder")
]
Note = Annotated[str, Field(max_length=1000, description="how it is known, in one sentence")]


class SkillFound(BaseModel):
    """One skill; from a score of one half on it would be shown at a prompt unasked."""

    name: str
    description: str
    state: str
    score: float


class SkillsFound(BaseModel):
    """The skills found, the best first; `note` says why there are none."""

    skills: list[SkillFound]
    note: str


class TurnFound(BaseModel):
    """One event that matters; `role`: request, hit, failed, changed, fixed or closing."""

    seq: int
    role: str
    kind: str
    tool: str
    status: str
    snippet: str


class WorkFound(BaseModel):
    """One request of an earlier session with the turns that matter, and where it is."""

    session_id: str
    episode: int
    agent: str
    project: str
    at: str
    outcome: str
    transcript: str
    turns: list[TurnFound]


class WorkAnswer(BaseModel):
    """The work found, the best first; `note` says why there is none, or what was not searched."""

    episodes: list[WorkFound]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Answer the tools from one workspace."""

    place: Place
    reader: past.Reader | None = None  #: of the vectors of past work

    @classmethod
    def of_machine(
        cls, *, database_path: Path, workspace_id: str, cwd: Path, reader: past.Reader | None = None
    ) -> Self:
        """Answer from the file of this machine, for the project of a folder."""
        place = OnMachine(database_path=database_path, workspace_id=workspace_id, cwd=cwd)
        return cls(place=place, reader=reader)

    def skills_search(self, query: Query, limit: Limit = 5, *, caller: Caller = NOBODY) -> SkillsFound:
        """Search the skills that this project's earlier sessions taught, the best first."""
        ranked: dict[str, tuple[Candidate, str]] = {}
        live = False
        for workspace in self.place.libraries():
            fresh = self.place.ranked(workspace, query, limit=limit)
            live = live or bool(fresh) or bool(self._live(workspace))
            arms = self.place.arms(workspace, caller, [one.skill_id for one in fresh])
            for one in fresh:
                ranked.setdefault(one.skill_id, (one, arms[one.skill_id][0]))
        best = sorted(ranked.values(), key=lambda each: -each[0].score)
        found = [one for one, arm in best[:limit] if arm == Arm.GIVEN]
        return SkillsFound(
            skills=[
                SkillFound(
                    name=one.name,
                    description=harmless(one.description),
                    state=one.state,
                    score=round(one.confidence, 3),
                )
                for one in found
            ],
            note=""
            if found
            else "No skill has a telling word of the query."
            if live
            else self._nothing("skill"),
        )

    def skills_load(self, name: Name, *, caller: Caller = NOBODY) -> str:
        """Load the whole text of a skill."""
        names: list[str] = []
        for workspace in self.place.libraries():
            live = self._live(workspace)
            names += [one.name for one in live]
            # A project's own skill comes before one of every project that has its name.
            named = sorted((one for one in live if one.name == name), key=lambda one: not one.project_id)
            if named:
                skill = named[0]
                version = stored.version_of(workspace, skill.skill_id, version=skill.version)
                arm, share = self.place.arms(workspace, caller, [skill.skill_id])[skill.skill_id]
                break
        else:
            if not names:
                return self._nothing("skill")
            raise _unknown_skill(name, names)
        if arm == Arm.GIVEN:
            return harmless(document.render(version.document))
        self._withheld(skill, share=share, caller=caller)
        return WITHHELD.format(name=skill.name, percent=f"{share * 100:.3g}")

    def _withheld(self, skill: stored.Skill, *, share: float, caller: Caller) -> None:
        """Record that a session asked for a skill and did not get it; a busy database loses that alone."""
        offer = Offer(
            session_id=caller.session_id,
            skill_id=skill.skill_id,
            version=skill.version,
            channel=Channel.MCP,
            arm=Arm.WITHHELD,
            share=share,
            agent=caller.agent,
            at=datetime.now(UTC),
        )
        with (
            suppress(HivemindError, sa.exc.DatabaseError, sqlite3.Error),
            self.place.writing() as workspace,
        ):
            offers.record(workspace, [offer])

    def sessions_search(
        self,
        query: Query,
        limit: Limit = 5,
        *,
        project: Text = "",
        agent: Text = "",
        since: Text = "",
        until: Text = "",
        outcome: Text = "",
    ) -> WorkAnswer:
        """Search earlier work in plain words: what was asked, said and run, and what fixed a failure.

        An error message is a good query, too. `role` says why a turn is shown; `transcript` is where to read
        on.
        """
        with self.place.reading() as workspace:
            chosen = past.filter_of(
                workspace,
                project=self.place.project_named(workspace, project),
                agent=agent,
                since=since,
                until=until,
                outcome=outcome,
            )
            near = self.reader.near if self.reader is not None else None
            answer = past.search(workspace, query, chosen=chosen, limit=limit, near=near)
        seen = sorted({one.session_id for one in answer.episodes})
        if seen:
            self.place.note("session.search", "", detail={"sessions": seen})
        note = answer.note or (self.reader.note if self.reader is not None else "")
        return WorkAnswer(episodes=[_work(one) for one in answer.episodes], note=note)

    def outcome_report(self, outcome: Verdict, note: Note = "", session_id: SessionId = "") -> str:
        """Report how the latest task of a session turned out, when a person or a check has said so."""
        reward = None if outcome in (Outcome.SUCCESS, Outcome.FAILURE) else float(outcome)
        if reward is not None and not (math.isfinite(reward) and reward <= 1):
            raise HivemindError(
                "outcome-unreadable", f"{outcome} is not a reward", hint="give one from 0 to 1"
            )
        with self.place.reading() as workspace:
            session = sessions.session(workspace, session_id) if session_id else self.place.newest(workspace)
            event_id = sessions.latest_prompt(workspace, session.session_id)
            redactor = boundary.redactor_of(workspace)
        said = Report(
            session_id=session.session_id,
            event_id=event_id,
            label=outcome if reward is None else of_reward(reward).value,
            score=reward,
            actor=f"agent:{session.agent}",
            at=datetime.now(UTC),
            note=redactor.redact(note.strip()).text,
        )
        with self.place.writing() as workspace:
            episodes.report(workspace, said)
        return f"Noted for session {session.session_id}: {said.label}."

    def _live(self, workspace: Workspace) -> list[stored.Skill]:
        return stored.listed(workspace, states=LIVE_STATES, project_id=self.place.project_id(workspace))

    def _nothing(self, what: str) -> str:
        return f"No {what} is stored yet for this project in the workspace {self.place.workspace_id!r}."


def build(database_path: Path, workspace_id: str, cwd: Path) -> MCPServer[Any]:
    """Build the server with its tools."""
    vectors = past.folder_of(database_path.parent, workspace_id)
    reader = past.Reader(vectors, workspace_id=workspace_id)
    library = Library.of_machine(
        database_path=database_path, workspace_id=workspace_id, cwd=cwd, reader=reader
    )
    around = Surroundings(data=database_path.parent, workspace_id=workspace_id, cwd=cwd)
    return serving(lambda _: library, caller_of=partial(_caller, around))


def serving(
    library_of: Callable[[Context], Library], *, caller_of: Callable[[Context], Caller] = lambda _: NOBODY
) -> MCPServer[Any]:
    """Build a server whose tools answer from the library of each call."""
    server: MCPServer[Any] = MCPServer(
        "hivemind", instructions=INSTRUCTIONS, version=hivemind.__version__, log_level="WARNING"
    )

    @server.tool(description=Library.skills_search.__doc__)
    def skills_search(query: Query, context: Context, limit: Limit = 5) -> SkillsFound:
        with _told():
            return library_of(context).skills_search(query, limit, caller=caller_of(context))

    @server.tool(description=Library.skills_load.__doc__, structured_output=False)
    def skills_load(name: Name, context: Context) -> str:
        with _told():
            return library_of(context).skills_load(name, caller=caller_of(context))

    @server.tool(description=Library.sessions_search.__doc__)
    def sessions_search(
        query: Query,
        context: Context,
        limit: Limit = 5,
        project: Project = "",
        agent: Agent = "",
        since: Since = "",
        until: Until = "",
        outcome: Ended = "",
    ) -> WorkAnswer:
        with _told():
            return library_of(context).sessions_search(
                query, limit, project=project, agent=agent, since=since, until=until, outcome=outcome
            )

    @server.tool(description=Library.outcome_report.__doc__)
    def outcome_report(
        outcome: Verdict, context: Context, note: Note = "", session_id: SessionId = ""
    ) -> str:
        with _told():
            return library_of(context).outcome_report(outcome, note, session_id)

    return server


def run(database_path: Path, workspace_id: str, cwd: Path) -> None:
    """Serve on standard input and output until the client closes them."""
    build(database_path, workspace_id, cwd).run("stdio")


def _caller(around: Surroundings, context: Context) -> Caller:
    request = context.request_context
    client = request.session.client_params
    name = client.client_info.name if client is not None else ""
    return around.caller(name, cast("Mapping[str, Any] | None", request.meta))


@contextmanager
def _told() -> Iterator[None]:
    """Turn an expected failure into the tool's answer, in words that an agent can act on."""
    try:
        yield
    except HivemindError as error:
        raise ToolError(f"{error.message}. {error.hint}".strip()) from error
    except (sa.exc.DatabaseError, sqlite3.Error) as error:
        raise ToolError(f"the database cannot be read: {error}. Run `hivemind doctor`.") from error


def _unknown_skill(name: str, names: list[str]) -> HivemindError:
    close = difflib.get_close_matches(name, sorted(set(names)), n=MAX_CLOSE_NAMES, cutoff=0.5)
    return HivemindError(
        "skill-unknown",
        f"{name!r} is not a skill here",
        hint=f"close names: {', '.join(close)}" if close else "skills_search finds names",
    )


def _work(one: past.Episode) -> WorkFound:
    return WorkFound(
        session_id=one.session_id,
        episode=one.episode,
        agent=one.agent,
        project=one.project,
        at=one.started_at,
        outcome=one.outcome,
        transcript=one.transcript,
        turns=[
            TurnFound(
                seq=turn.seq,
                role=turn.role,
                kind=turn.kind,
                tool=turn.tool,
                status=turn.status,
                snippet=turn.snippet,
            )
            for turn in one.turns
        ],
    )
