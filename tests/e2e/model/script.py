"""The steps of a script, and how they become calls of the tools that a client offers."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .parts import JSON, Invocation, Reply, Tool
from .request import Request

MAX_TURNS = 60
"""No conversation goes on for longer than this: a mistake in a script must not loop an agent for ever."""

_SHELL_TOOLS = (
    "Bash",
    "exec_command",
    "shell_command",
    "shell",
    "local_shell",
    "bash",
    "run_shell_command",
    "terminal",
)
_WRITE_TOOLS = ("Write", "write_file", "write", "create")
_COMMAND, _PATH = ("command", "cmd"), ("file_path", "filePath", "absolute_path", "path")
_CONTENT = ("content", "contents", "file_text")


@dataclass(frozen=True)
class Call:
    """Name a tool, or only what is to be done with the client's own tool for it."""

    tool: str
    args: JSON
    intent: Literal["tool", "shell", "write"] = "tool"


@dataclass(frozen=True)
class Step:
    """One turn of the model: a text, calls of tools (several are parallel), or an HTTP error."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    error: int = 0
    delay: float = 0.0


StepLike = Step | Callable[[Request], Step]


def say(text: str, *, delay: float = 0.0) -> Step:
    """Answer with a text, which ends the turn."""
    return Step(text, delay=delay)


def call(tool: str, args: Mapping[str, Any], text: str = "") -> Step:
    """Call any tool, after saying `text`; a tool of an MCP server by the name that Claude Code gives it."""
    return Step(text, (Call(tool, dict(args)),))


def shell(command: str, text: str = "", **args: Any) -> Step:
    """Run a command with the client's own tool, after saying `text`; `args` as far as the tool knows them."""
    return Step(text, (Call("", {"command": command, **args}, "shell"),))


def write(path: str, content: str, text: str = "") -> Step:
    """Write a file with the client's own tool, or else in its shell, after saying `text`."""
    return Step(text, (Call("", {"path": path, "content": content}, "write"),))


def together(*steps: Step) -> Step:
    """Make the calls of several steps in parallel."""
    text = "\n".join(step.text for step in steps if step.text)
    return Step(text, tuple(one for step in steps for one in step.calls))


def fail(status: int, message: str = "The script says so.") -> Step:
    """Answer with an HTTP error; the client repeats what it deems transient (429, 5xx) and ends at a 400."""
    return Step(message, error=status)


def reply(request: Request, step: Step) -> Reply:
    """Return a step as the client that made the request can understand it."""
    calls = tuple(_invocation(one, request.tools) for one in step.calls)
    return Reply(text=step.text, calls=calls, model=request.model, turn=request.turn)


def _invocation(wanted: Call, tools: Mapping[str, Tool]) -> Invocation:
    if wanted.intent == "shell":
        return _shell(wanted.args, tools)
    if wanted.intent == "write":
        return _write(wanted.args["path"], wanted.args["content"], tools)
    return Invocation(tool=_named(wanted.tool, tools), args=wanted.args)


def _shell(args: JSON, tools: Mapping[str, Tool]) -> Invocation:
    tool = _first(_SHELL_TOOLS, tools) or Tool(name="Bash")
    name = _property(tool, _COMMAND)
    command = args["command"]
    if tool.properties.get(name, {}).get("type") == "array":
        command = ["bash", "-lc", command]
    extra = dict.fromkeys(tool.required, "Run a command")
    extra |= {key: value for key, value in args.items() if key in tool.properties or not tool.properties}
    return Invocation(tool=tool, args={name: command, **extra} | {name: command})


def _write(path: str, content: str, tools: Mapping[str, Tool]) -> Invocation:
    tool = _first(_WRITE_TOOLS, tools)
    if tool is None:
        return _shell({"command": f"printf %s {shlex.quote(content)} > {shlex.quote(path)}"}, tools)
    return Invocation(tool=tool, args={_property(tool, _PATH): path, _property(tool, _CONTENT): content})


def _first(names: tuple[str, ...], tools: Mapping[str, Tool]) -> Tool | None:
    return next((tools[name] for name in names if name in tools), None)


def _property(tool: Tool, names: tuple[str, ...]) -> str:
    return next((name for name in names if name in tool.properties), names[0])


def _named(name: str, tools: Mapping[str, Tool]) -> Tool:
    if name in tools or "__" not in name:
        return tools.get(name) or Tool(name=name)
    # Every client has a way of its own to put the server's name before a tool's.
    server, _, plain = name.rpartition("__")
    same = [tool for tool in tools.values() if tool.name.endswith(plain)]
    if len(same) == 1:
        return same[0]
    # Codex calls a server's tool by its plain name and the server's, even before it has looked up the schema.
    return Tool(name=plain, namespace=server) if "exec_command" in tools else Tool(name=name)
