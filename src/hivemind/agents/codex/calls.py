"""Codex's tool calls and their results, of whichever kind, and what events say of how they ended."""

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import Any, Final

from hivemind.agents import values
from hivemind.agents.codex.results import Outcome, outcome
from hivemind.agents.values import elements, get, mapping, text
from hivemind.domain.events import ResultStatus

SHELL_TOOLS: Final = frozenset(
    {"exec_command", "shell", "shell_command", "local_shell", "container.exec", "unified_exec"}
)
EDIT_TOOLS: Final = frozenset({"apply_patch"})
#: Calls whose results have not been read yet, at most: one that is never answered must not stay for ever.
MAX_PENDING_CALLS: Final = 256
#: Commands that were still running when their call came back, at most.
MAX_RUNNING: Final = 32
#: So much of an id or a tool's name is remembered, in characters.
_MAX_NAME_CHARS: Final = 100
_MAX_ID_CHARS: Final = 300

_CALLS: Final = frozenset(
    {
        "function_call",
        "custom_tool_call",
        "local_shell_call",
        "web_search_call",
        "tool_search_call",
        "tool_call",
    }
)
_RESULTS: Final = frozenset(
    {
        "function_call_output",
        "custom_tool_call_output",
        "tool_search_output",
        "local_shell_call_output",
        "tool_result",
    }
)
_SHELLS: Final = frozenset({"bash", "sh", "zsh", "dash", "fish"})
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+?)\s*$", re.M)
_TEXT_KEYS: Final = (
    "path",
    "url",
    "query",
    "message",
    "prompt",
    "explanation",
    "objective",
    "cmd",
    "command",
)
_ENDS: Final = {
    "completed": ResultStatus.OK,
    "failed": ResultStatus.ERROR,
    "declined": ResultStatus.DENIED,
    "canceled": ResultStatus.CANCELLED,
    "cancelled": ResultStatus.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Hold a tool call as an event shows it."""

    tool: str
    call_id: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Hold a tool's result as an event shows it."""

    tool: str
    call_id: str
    outcome: Outcome


def read_call(kind: str, item: dict[str, Any], *, held: dict[str, Any]) -> Call | None:
    """Read a call and remember it until its result comes; none for any other item."""
    if kind not in _CALLS:
        return None
    tool, data = _tool(kind, item), _data(kind, item)
    call_id = text(item.get("call_id")) or text(item.get("id"))
    shown = _shown(tool, data)
    if kind != "web_search_call":  # it has no result of its own
        pending = mapping(held.setdefault("calls", {}))
        pending[call_id[:_MAX_NAME_CHARS]] = {"tool": tool[:_MAX_NAME_CHARS]}
        if tool == "write_stdin":
            pending[call_id[:_MAX_NAME_CHARS]]["process"] = str(data.get("session_id"))[:_MAX_NAME_CHARS]
        while len(pending) > MAX_PENDING_CALLS:
            del pending[next(iter(pending))]
    return Call(tool=tool, call_id=call_id, text=shown, data=data)


def read_result(kind: str, item: dict[str, Any], *, held: dict[str, Any]) -> Result | None:
    """Read a result, or the end of a call that has none of its own; none for any other item.

    A command that takes longer comes back unfinished. What later tells how it ended, in answer to a
    `write_stdin`, is given as the command's result.
    """
    call_id = text(item.get("call_id"))
    status = _ENDS.get(text(item.get("status")))
    if kind == "web_search_call":
        ended = Outcome(text="", status=status or ResultStatus.UNKNOWN)
        return Result(tool="web_search", call_id=call_id or text(item.get("id")), outcome=ended)
    if kind not in _RESULTS:
        return None
    call = mapping(mapping(held.get("calls")).pop(call_id[:_MAX_NAME_CHARS], None))
    tool = text(call.get("tool")) or text(item.get("name"))
    if kind == "tool_search_output":
        names = [text(get(found, "name")) for found in elements(item.get("tools"))]
        ended = Outcome(text=" ".join(filter(None, names)), status=status or ResultStatus.UNKNOWN)
        return Result(tool=tool or "tool_search", call_id=call_id, outcome=ended)
    found = _outcome(kind, item, tool=tool, call=call)
    if found.process and tool in SHELL_TOOLS:
        _keep_running(found.process, {"tool": tool, "call": call_id[:_MAX_ID_CHARS]}, held)
    elif found.exit_code is not None and (process := text(call.get("process"))):
        ran = mapping(mapping(held.get("running")).pop(process, None))
        tool, call_id = text(ran.get("tool")) or tool, text(ran.get("call")) or call_id
    return Result(tool=tool, call_id=call_id, outcome=found)


def _outcome(kind: str, item: dict[str, Any], *, tool: str, call: dict[str, Any]) -> Outcome:
    if kind == "tool_result":
        ran = mapping(item.get("result"))
        code = values.exit_code(ran.get("exitCode"))
        shown = "\n".join(filter(None, (text(ran.get("stdout")), text(ran.get("stderr")))))
        return outcome(shown, tool=tool, ended=None, exit_code=code)
    ended = call.get("ended")
    known = ResultStatus(ended) if ended in set(ResultStatus) else None
    found = outcome(item.get("output"), tool=tool, ended=known, exit_code=values.exit_code(call.get("code")))
    if tool in EDIT_TOOLS:  # the client writes an exit code above what is no command
        return Outcome(text=found.text, status=found.status)
    return found


def note_end(kind: str, event: dict[str, Any], *, held: dict[str, Any]) -> None:
    """Remember what an event says of how a call ended that still waits for its result."""
    item = mapping(event.get("item")) if kind == "item_completed" else event
    call_id = text(item.get("id")) if kind == "item_completed" else text(event.get("call_id"))
    call = mapping(held.get("calls")).get(call_id[:_MAX_NAME_CHARS])
    if not isinstance(call, dict):
        return
    status = _ENDS.get(text(item.get("status")))
    if kind == "patch_apply_end" and isinstance(item.get("success"), bool):
        status = ResultStatus.OK if item["success"] else ResultStatus.ERROR
    elif kind == "mcp_tool_call_end":
        answer = get(item, "result", "Ok")
        is_error = (
            not isinstance(answer, dict) or answer.get("isError") is True or answer.get("is_error") is True
        )
        status = ResultStatus.ERROR if is_error else ResultStatus.OK
    elif kind not in ("item_completed", "exec_command_end", "patch_apply_end"):
        return
    if status is not None:
        call["ended"] = str(status)
    code = values.exit_code(item.get("exit_code"))
    if code is not None:
        call["code"] = code


def _keep_running(process: str, call: dict[str, str], held: dict[str, Any]) -> None:
    running = mapping(held.setdefault("running", {}))
    running[process] = call
    while len(running) > MAX_RUNNING:
        del running[next(iter(running))]


def _tool(kind: str, item: dict[str, Any]) -> str:
    if kind in ("local_shell_call", "web_search_call", "tool_search_call"):
        return kind.removesuffix("_call")
    name = text(item.get("name")) or text(get(item, "function", "name"))
    server = text(item.get("namespace"))
    if server.startswith("mcp__") and not name.startswith(server):
        return f"{server}__{name.lstrip('_')}"
    return name


def _data(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    given = item.get("arguments")
    if kind in ("local_shell_call", "web_search_call"):
        given = item.get("action")
    elif kind == "custom_tool_call":
        given = item.get("input")
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            pass
    return given if isinstance(given, dict) else {} if given is None else {"input": given}


def _shown(tool: str, data: dict[str, Any]) -> str:
    if tool == "write_stdin":
        return text(data.get("chars"))
    if tool in SHELL_TOOLS:
        return _command(data.get("cmd", data.get("command", data.get("input"))))
    if tool in EDIT_TOOLS:
        patched = _PATCHED.search(text(data.get("input")) or text(data.get("patch")))
        return patched.group(1) if patched else ""
    return next((text(data[key]) for key in _TEXT_KEYS if text(data.get(key))), "")


def _command(given: Any) -> str:
    """Give a command line as a person would type it."""
    if not isinstance(given, list):
        return text(given)
    words = [word for word in given if isinstance(word, str)]
    if len(words) == 3 and words[0].rpartition("/")[2] in _SHELLS and words[1] in ("-lc", "-c", "-ic"):
        return words[2]
    return shlex.join(words)
