"""How a project's commands last ended: those that the tools do not know any more."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hivemind.domain.events import EventKind
from hivemind.evaluation.staleness.named import Named
from hivemind.store import schema
from hivemind.store.database import Workspace

#: The latest sessions of a project that are read, and calls of each.
MAX_SESSIONS = 20
MAX_CALLS = 2_000
#: Of a call's command and of its output, from the beginning.
MAX_TEXT_CHARS = 600
#: What tools say of what is not there; what is merely wrong says other things.
_VANISHED = re.compile(
    r"missing script:|command .{1,60} not found|no rule to make target|does not contain recipe"
    r"|task .{1,60} does not exist|: command not found|: not found$|no such file or directory"
    r"|no module named|cannot find module|unknown environment|sessions? not found|script not found",
    re.IGNORECASE | re.MULTILINE,
)
_OPERATORS = re.compile(r"\s*(?:&&|\|\||;|\||\n)\s*|\s+(?:2>&1|2>/dev/null|>/dev/null)")


@dataclass(frozen=True, slots=True)
class Runs:
    """Hold how each command line of a project ended when it was last run: what was said where it vanished."""

    last: dict[str, str]

    @classmethod
    def read(cls, workspace: Workspace, project_id: str) -> "Runs":
        """Read a project's latest sessions."""
        last: dict[str, str] = {}
        for command, row in _calls(workspace, project_id):
            output = row.text or ""
            failed = row.status == "error" or row.exit_code not in (None, 0)
            vanished = _VANISHED.search(output) if failed else None
            steps = [" ".join(step.split()) for step in _OPERATORS.split(command)]
            steps = [step for step in steps if step]
            for step in steps:
                # Of several commands on one line nobody knows which one failed.
                last[step] = _line(output, vanished.start()) if vanished and len(steps) == 1 else ""
        return cls(last)

    def fails(self, one: Named) -> str:
        """Say how a command fails now; empty where it does not, or was not run."""
        said = self.last.get(" ".join(one.text.split()), "")
        return f"`{one.text}` fails: {said}" if said else ""


def _line(output: str, place: int) -> str:
    """Give the line of an output that a place is in."""
    begin, end = output.rfind("\n", 0, place) + 1, output.find("\n", place)
    return output[begin : end if end >= 0 else None].strip()[:120]


def _calls(workspace: Workspace, project_id: str) -> Iterator[tuple[str, Any]]:
    """Yield each command with the row of its result, the earliest first."""
    e, s = schema.events, schema.sessions
    latest = list(
        workspace.execute(
            sa.select(s.c.session_id)
            .where(s.c.workspace_id == workspace.workspace_id, s.c.project_id == project_id)
            .order_by(schema.latest(s.c.ended_at), s.c.session_id)
            .limit(MAX_SESSIONS)
        ).scalars()
    )
    kinds = (EventKind.TOOL_CALL.value, EventKind.TOOL_RESULT.value)
    text = sa.func.substr(e.c.text, 1, MAX_TEXT_CHARS).label("text")
    for session_id in reversed(latest):
        rows = workspace.execute(
            sa.select(e.c.kind, e.c.tool_call_id, e.c.status, e.c.exit_code, text)
            .where(e.c.workspace_id == workspace.workspace_id, e.c.session_id == session_id)
            .where(e.c.kind.in_(kinds), e.c.tool_call_id != "")
            .order_by(e.c.seq)
            .limit(2 * MAX_CALLS)
        )
        commands: dict[str, str] = {}
        for row in rows:
            if row.kind == EventKind.TOOL_CALL.value:
                commands[row.tool_call_id] = row.text or ""
            elif row.tool_call_id in commands:
                yield commands[row.tool_call_id], row
