"""Every agent that Hivemind knows: one line each."""

from hivemind.agents.base import Agent
from hivemind.agents.claude import agent as claude
from hivemind.errors import HivemindError

AGENTS: tuple[Agent, ...] = (claude,)


def by_name(name: str) -> Agent:
    """Give the agent called `name`; raise where there is none."""
    for agent in AGENTS:
        if agent.name == name:
            return agent
    raise HivemindError(
        "agent-unknown",
        f"{name!r} is not an agent",
        hint="known agents: " + ", ".join(a.name for a in AGENTS),
    )
