"""Tell from a tool's result in a Gemini chat how the call ended.

The chat's `status` is `success` for each command that ran, whatever its exit code: that stands in the text,
since 0.9 only where it is not 0 (as the tool's description says).
"""

import re
from dataclasses import dataclass
from typing import Final

from hivemind.agents.client_blocks import without
from hivemind.domain.events import ResultStatus

#: What `status` is when a call has ended.
ENDED: Final = frozenset({"success", "error", "cancelled"})

_WRAPPER: Final = ("<untrusted_context>", "</untrusted_context>")
_DENIED = re.compile(
    r"Tool execution (?:for .{0,200} )?(?:denied by policy|blocked: )|Command injection detected"
    r"|Tool result blocked: |.{0,60}(?:User did not allow tool call|User denied execution)"
    r"|.{0,100}(?:not allowed in non-interactive mode|requires user confirmation)",
    re.S,
)
_CANCELLED = re.compile(
    r"\[Operation Cancelled\]|Command was cancelled by user|User cancelled tool execution"
)
_TIMED_OUT = re.compile(r"Command (?:was automatically cancelled|timed out)")
#: Lines that end the result of a command, behind its output.
_EXIT_CODE = re.compile(r"^Exit Code: (-?\d{1,10}|\(none\))$", re.M)
_SIGNAL = re.compile(r"^Signal: (?!0\b|\(none\))\w+", re.M)
_PROCESS = re.compile(r"^Process Group PGID: \d+\Z", re.M)
_BEHIND = ("Signal: ", "Background PIDs: ", "Process Group PGID: ")
_BACKGROUND = re.compile(r"Command moved to background")
_SUBAGENT = re.compile(r"Subagent '[^'\n]{0,200}' (?:finished|ended)[^\n]*\nTermination Reason: (\w+)")
#: The trailer is short: so much of a long result's end is looked at, in characters.
_TRAILER_CHARS = 4_000
#: A signal stands right before the process, in characters.
_SIGNAL_CHARS = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold how a call ended."""

    status: ResultStatus
    exit_code: int | None = None


def unwrapped(said: str) -> str:
    """Give a result without what the client and its hooks put around it."""
    said = without(said, "hook_context").strip()
    opens, closes = _WRAPPER
    if said.startswith(opens) and said.endswith(closes):
        said = said[len(opens) : -len(closes)].strip("\n")
    return said


def of(state: str, said: str, *, is_shell: bool) -> Outcome:
    """Tell how a call ended from its `status` and its text."""
    if state == "cancelled":
        return Outcome(ResultStatus.DENIED if _DENIED.match(said) else ResultStatus.CANCELLED)
    if _DENIED.match(said) and (state == "error" or is_shell):
        return Outcome(ResultStatus.DENIED)
    if is_shell:
        return _of_command(state, said)
    if state == "error":
        return Outcome(ResultStatus.ERROR)
    if state != "success":
        return Outcome(ResultStatus.UNKNOWN)
    subagent = _SUBAGENT.match(said)
    return Outcome(ResultStatus.ERROR if subagent and subagent.group(1) != "GOAL" else ResultStatus.OK)


def _of_command(state: str, said: str) -> Outcome:
    if _CANCELLED.match(said):
        return Outcome(ResultStatus.CANCELLED)
    if _TIMED_OUT.match(said):
        return Outcome(ResultStatus.ERROR)
    end = said[-_TRAILER_CHARS:].rstrip()
    if stated := _stated(end):
        return stated if state != "error" else Outcome(ResultStatus.ERROR, stated.exit_code)
    if state == "error":
        return Outcome(ResultStatus.ERROR)
    process = _PROCESS.search(end)
    if state != "success" or not process or _BACKGROUND.match(said):
        return Outcome(ResultStatus.UNKNOWN)
    if _SIGNAL.search(end, max(0, process.start() - _SIGNAL_CHARS)):
        return Outcome(ResultStatus.ERROR)
    return Outcome(ResultStatus.OK, 0)


def _stated(end: str) -> Outcome | None:
    """Read the exit code that stands behind the output; None where none does."""
    stated = None
    for found in _EXIT_CODE.finditer(end):
        stated = found
    if stated is None:
        return None
    behind = end[stated.end() :].split("\n")[1:]
    if not all(line.startswith(_BEHIND) for line in behind):
        return None  # it is part of the output
    if stated.group(1) == "(none)":
        killed = _SIGNAL.search(end, stated.end())
        return Outcome(ResultStatus.ERROR if killed else ResultStatus.UNKNOWN)
    code = int(stated.group(1))
    return Outcome(ResultStatus.ERROR if code else ResultStatus.OK, code)
