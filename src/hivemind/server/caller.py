"""Find out in which session an agent calls a tool: what it says, what it was started with, or who is at work.

Codex says it with each call. Claude Code and Copilot say it to the processes that they start, which outlive
the session when a new one begins in the same window: the worker knows which have ended. Of the other agents,
the one session at work in the folder is meant; where there are several, nobody can tell.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hivemind.domain.events import session_key
from hivemind.server import worker_socket

#: The variable by which an agent tells the processes that it starts which session they belong to.
VARIABLES = {"claude": "CLAUDE_CODE_SESSION_ID", "copilot": "COPILOT_AGENT_SESSION_ID"}
#: What a client calls itself where that does not begin with our name of the agent: an SDK's own name.
CLIENTS = {"mcp": "hermes"}
#: Where Codex says what a call belongs to.
TURN = "x-codex-turn-metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Name the agent and the session that a call comes from; empty where it is not known."""

    agent: str = ""
    session_id: str = ""


def of_call(client: str, meta: Mapping[str, Any] | None) -> Caller:
    """Name the caller as far as the call itself says it."""
    first = client.lower().partition("-")[0]
    agent = CLIENTS.get(first, first)
    turn = (meta or {}).get(TURN)
    said = turn.get("session_id") if agent == "codex" and isinstance(turn, Mapping) else None
    return Caller(agent=agent, session_id=session_key(said) if isinstance(said, str) and said else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Hold what a server process knows of where it runs."""

    data: Path
    workspace_id: str
    cwd: Path
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def caller(self, client: str, meta: Mapping[str, Any] | None) -> Caller:
        """Name the caller, given what the client calls itself and what it said beside the call."""
        told = of_call(client, meta)
        if told.session_id:
            return told
        agent = told.agent
        claimed = self.variables.get(VARIABLES.get(agent, ""), "")
        found = self._ask(agent, session_key(claimed) if claimed else "") if agent else ""
        return Caller(agent=agent, session_id=found)

    def _ask(self, agent: str, claimed: str) -> str:
        """Ask the worker; without one, what the environment claims is taken for true."""
        answer = worker_socket.ask(
            self.data,
            {
                "op": "session",
                "workspace": self.workspace_id,
                "agent": agent,
                "cwd": str(self.cwd),
                "session_id": claimed,
            },
        )
        found = (answer or {}).get("session_id")
        return found if isinstance(found, str) else claimed
