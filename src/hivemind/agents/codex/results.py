"""What became of a Codex tool call: its output in all forms since 2025, and how it ended."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from hivemind.agents import values
from hivemind.agents.values import content_text, get, text
from hivemind.domain.events import ResultStatus

#: The lines before `Output:` are the client's; what comes behind may quote the same words. In characters.
_MAX_HEADER_CHARS: Final = 1_000
#: A refusal or an error of the client itself says so early, in characters.
_MAX_NOTICE_CHARS: Final = 2_000
_MAX_REASON_CHARS: Final = 200
_HEADER_LINE = (
    r"(?:Chunk ID: \w+|Wall time: [\d.]+ seconds?|Process (?:exited with code|running with session ID) -?\d+"
    r"|Exit code: -?\d+|Original token count: \d+|Total output lines: \d+)"
)
_HEADER = re.compile(rf"(?:{_HEADER_LINE}\n)+(?:Output:(?:\n|\Z))?")
_EXIT_CODE = re.compile(r"^(?:Process exited with code|Exit code:) (-?\d{1,10})$", re.M)
_RUNNING = re.compile(r"^Process running with session ID (\d{1,20})$", re.M)
_ABORTED = re.compile(r"aborted(?: by user)?(?: after [\d.]+s)?\.?\s*\Z")
_DENIED = re.compile(
    r"rejected by user|rejected: |Rejected\(|blocked by PreToolUse hook|blocked by policy"
    r"|approval policy is \w+; reject command|rejected due to unacceptable risk"
    r"|user (?:rejected|cancelled|declined) (?:the )?(?:MCP )?tool call|[Dd]enied by (?:the )?user"
)
_FAILED = re.compile(
    r"apply_patch verification failed|failed to parse |[\w.]+ failed(?::| for )"
    r"|execution error|exec error|err: |command timed out|tool call error|error\b"
    r"|invalid (?:tool|arguments|patch)|(?:unknown|missing) ",
    re.I,
)
#: Tools of the client itself that answer with an object, and with a sentence where they fail.
_ANSWER_WITH_OBJECTS: Final = frozenset(
    {
        *("spawn_agent", "wait_agent", "wait", "send_input", "close_agent", "resume_agent", "list_agents"),
        *("send_message", "followup_task", "interrupt_agent", "get_goal", "create_goal", "update_goal"),
        *("request_user_input", "list_mcp_resources", "list_mcp_resource_templates", "read_mcp_resource"),
    }
)
#: How the outputs of other tools begin that say of themselves that they worked.
_WORKED: Final = {"update_plan": "Plan updated", "apply_patch": "Success. Updated the following files:"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Hold what a tool gave back, and how it ended."""

    text: str
    status: ResultStatus
    exit_code: int | None = None
    process: str = ""  #: the session id of a command that is still running


def outcome(output: Any, *, tool: str, ended: ResultStatus | None, exit_code: int | None) -> Outcome:
    """Read an output; `ended` and `exit_code` are what an event said of the same call before."""
    shown, code, success = _unwrapped(output)
    header = _HEADER.match(shown[:_MAX_HEADER_CHARS]) if code is None else None
    process = ""
    if header is not None:
        found, running = _EXIT_CODE.search(header.group()), _RUNNING.search(header.group())
        code = values.exit_code(int(found.group(1))) if found else code
        process = running.group(1) if running else ""
        shown = shown[header.end() :]
    if code is None:
        code = exit_code
    if ended in (ResultStatus.DENIED, ResultStatus.CANCELLED):
        return Outcome(text=shown, status=ended)
    if code is not None:
        status = ResultStatus.OK if code == 0 and ended is not ResultStatus.ERROR else ResultStatus.ERROR
        return Outcome(text=shown, status=status, exit_code=code)
    if process:
        return Outcome(text=shown, status=ResultStatus.UNKNOWN, process=process)
    return Outcome(text=shown, status=_status(output, shown, tool=tool, ended=ended, success=success))


def _status(
    output: Any, shown: str, *, tool: str, ended: ResultStatus | None, success: bool | None
) -> ResultStatus:
    notice = shown[:_MAX_NOTICE_CHARS].lstrip()
    if _ABORTED.match(notice):
        return ResultStatus.CANCELLED
    if ended is not None:
        return ended
    if notice.startswith("unsupported call: "):
        return ResultStatus.ERROR
    is_mcp = tool.startswith("mcp__")
    # A refused command is quoted before the reason; elsewhere such words may be what a tool found.
    if not is_mcp and _DENIED.search(notice if _FAILED.match(notice) else notice[:_MAX_REASON_CHARS]):
        return ResultStatus.DENIED
    if success is not None:
        return ResultStatus.OK if success else ResultStatus.ERROR
    if tool in _WORKED and notice.startswith(_WORKED[tool]):
        return ResultStatus.OK
    if tool in _ANSWER_WITH_OBJECTS and isinstance(_object(notice), dict):
        return ResultStatus.OK
    if tool == "view_image" and isinstance(output, list):
        return ResultStatus.OK
    if not is_mcp and _FAILED.match(notice):
        return ResultStatus.ERROR
    return ResultStatus.UNKNOWN


def _unwrapped(output: Any) -> tuple[str, int | None, bool | None]:
    """Give an output's text, and the exit code and the success flag of the forms that have them."""
    if isinstance(output, dict):
        success = output.get("success")
        shown = text(output.get("text")) or content_text(output.get("content", output.get("output")))
        return shown, None, success if isinstance(success, bool) else None
    if isinstance(output, str) and output.startswith("{") and '"metadata"' in output:
        # Until late 2025 the output of a command was an object, written as text.
        record = _object(output)
        code = values.exit_code(get(record, "metadata", "exit_code"))
        if code is not None:
            return text(get(record, "output")), code, None
    return content_text(output), None, None


def _object(written: str) -> Any:
    try:
        return json.loads(written) if written.startswith("{") else None
    except (ValueError, RecursionError):
        return None
