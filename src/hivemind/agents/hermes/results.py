"""Read from a tool's result whether it succeeded: Hermes keeps no status beside the text.

Most results are JSON, a client's note may follow it. A command's has its exit code; for the other tools
Hermes itself takes a result for a failure that has an `error` or begins with the word.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from hivemind.agents.values import exit_code, mapping, text
from hivemind.domain.events import ResultStatus

SHELL_TOOLS: Final = frozenset({"terminal", "shell"})
#: So much of a result is searched for what says that it failed, in characters.
_SEARCHED_CHARS: Final = 500
_NEVER_RAN: Final = re.compile(r"\[Tool execution (?:cancelled|skipped)|Skipped: (?:an)?other tool call")
_DENIED: Final = re.compile(r"\s*(?:Command denied|BLOCKED\b|Blocked[: ]|Edit approval denied)")
_DENIED_STATUS: Final = frozenset({"blocked", "pending_approval", "approval_required", "denied"})
_FAILED_STATUS: Final = frozenset({"error", "failed", "timeout", "disabled"})
_FAILED: Final = re.compile(r"Error\b|Tool '[^']*' does not exist")
_FAILED_WORDS: Final = re.compile(r'"(?:error|failed)"', re.I)
#: Between quotation marks that are not escaped: not in what a command printed.
_EXIT_CODE: Final = re.compile(r'(?<!\\)"exit_code(?<!\\)":\s*(-?\d{1,9})\b')
_INTERRUPTED: Final = "[Command interrupted]"
_WRAPPED: Final = re.compile(
    r"\s*<untrusted_tool_result [^>]*>\n[^\n]*\n\n(.*)\n</untrusted_tool_result>", re.S
)
_CUT_SHORT: Final = "<persisted-output>"
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold how a call ended."""

    status: ResultStatus
    exit_code: int | None = None
    text: str = ""  #: what a person would read of the result


def outcome(content: str, *, tool_name: str) -> Outcome:
    """Say how a call ended, of which the result's text is given."""
    found = _object(content) if tool_name in SHELL_TOOLS else None
    shown = content
    if found is not None and "output" in found:
        shown = "\n".join(filter(None, (text(found["output"]), text(found.get("error")))))
    return replace(_outcome(content, tool_name=tool_name), text=shown)


def _outcome(content: str, *, tool_name: str) -> Outcome:
    wrapped = _WRAPPED.match(content)
    if wrapped:
        content = wrapped.group(1)
    if _NEVER_RAN.match(content):
        return Outcome(ResultStatus.CANCELLED)
    if content.startswith("[Orphan recovery:"):
        return Outcome(ResultStatus.UNKNOWN)
    if _DENIED.match(content):
        return Outcome(ResultStatus.DENIED)
    found = _object(content)
    if found is None:
        return _of_text(content, tool_name=tool_name)
    return _of_object(found, tool_name=tool_name)


def _object(content: str) -> dict[str, Any] | None:
    if not content.lstrip().startswith("{"):
        return None
    try:
        value, _ = _DECODER.raw_decode(content.lstrip())
    except (ValueError, RecursionError):
        return None
    return mapping(value)


def _of_object(found: dict[str, Any], *, tool_name: str) -> Outcome:
    code, status, error = exit_code(found.get("exit_code")), text(found.get("status")), found.get("error")
    if status in _DENIED_STATUS or _DENIED.match(text(error)):
        return Outcome(ResultStatus.DENIED)
    if status == "cancelled":
        return Outcome(ResultStatus.CANCELLED)
    if code is not None and code != 0:
        return _of_exit_code(code, found)
    if error or found.get("success") is False or status in _FAILED_STATUS:
        return Outcome(ResultStatus.ERROR)
    if code == 0:
        return Outcome(ResultStatus.OK, 0)
    return Outcome(ResultStatus.UNKNOWN if tool_name in SHELL_TOOLS else ResultStatus.OK)


def _of_exit_code(code: int, found: dict[str, Any]) -> Outcome:
    if _INTERRUPTED in text(found.get("output")) and code == 130:
        return Outcome(ResultStatus.CANCELLED, code)
    if code == -1 and found.get("error"):
        return Outcome(ResultStatus.ERROR)  # it did not get so far as to have one
    return Outcome(ResultStatus.ERROR, code)


def _of_text(content: str, *, tool_name: str) -> Outcome:
    code = _EXIT_CODE.search(content)
    if code:
        return _of_object({"exit_code": int(code.group(1))}, tool_name=tool_name)
    if _FAILED.match(content):
        return Outcome(ResultStatus.ERROR)
    if tool_name in SHELL_TOOLS or _CUT_SHORT in content[:_SEARCHED_CHARS]:
        return Outcome(ResultStatus.UNKNOWN)
    failed = _FAILED_WORDS.search(content[:_SEARCHED_CHARS])
    return Outcome(ResultStatus.ERROR if failed else ResultStatus.OK)
