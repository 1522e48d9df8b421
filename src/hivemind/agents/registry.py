"""Every agent that Hivemind knows: one line each, the name of its folder."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from hivemind.agents.base import Agent

#: In the order in which they are tried on a transcript whose agent is not known.
NAMES: tuple[str, ...] = ("claude", "codex", "cursor", "hermes", "pi", "gemini", "opencode", "copilot")
#: Programs that keep their own transcript by the Python API: they are not wired, and are known by their name.
PROGRAMS: tuple[str, ...] = ("sdk",)


@cache
def _load(name: str) -> "Agent":
    return cast("Agent", import_module(f"hivemind.agents.{name}.agent"))


def agents() -> "tuple[Agent, ...]":
    """Give every agent; their modules are imported on first use."""
    return tuple(_load(name) for name in NAMES)


def recorders() -> "tuple[Agent, ...]":
    """Give everything whose transcripts may lie on this disk: every agent, and programs."""
    return (*agents(), *(_load(name) for name in PROGRAMS))


def by_name(name: str) -> "Agent":
    """Give the agent called `name`; raise where there is none."""
    if name in NAMES or name in PROGRAMS:
        return _load(name)
    raise HivemindError(
        "agent-unknown", f"{name!r} is not an agent", hint="known agents: " + ", ".join(NAMES)
    )
