"""Claude Code's hook payloads and answers; standard library only, because the hook imports it.

Shapes were recorded from 2.1.197 and 2.1.330 (November 2026).
"""

from hivemind.domain import plain_json

#: What each hooked event means to Hivemind.
MOMENTS = {
    "SessionStart": "start",
    "UserPromptSubmit": "prompt",
    "Stop": "turn",
    "SubagentStop": "subagent",
    "PreCompact": "compact",
    "SessionEnd": "end",
}
#: The client replaces a longer context by a file name and a preview, in characters.
MAX_CONTEXT_CHARS = 10_000


def announcement(event, payload, root):  # type: ignore[no-untyped-def]  # noqa: ARG001  # `typing` costs the hook milliseconds
    """Pick what the worker needs from a payload: no prompt and no answer is among it.

    None where the payload is not Claude Code's: Cursor runs Claude's hooks beside its own.
    """
    if "cursor_version" in payload:
        return None
    transcript = payload.get("agent_transcript_path") if event == "SubagentStop" else None
    return {
        "moment": MOMENTS.get(event, ""),
        "session_id": payload.get("session_id"),
        "transcript": transcript or payload.get("transcript_path"),
        "cwd": payload.get("cwd"),
        "said": payload.get("last_assistant_message") if event == "Stop" else None,
    }


def prompt(payload):  # type: ignore[no-untyped-def]
    """Give what the person asked; empty for a notice that the client submits by itself."""
    text = payload.get("prompt")
    return text if isinstance(text, str) and not text.lstrip().startswith("<task-notification") else ""


def output(event, *, context, notice):  # type: ignore[no-untyped-def]
    """Write the answer: `context` reaches the model, `notice` the person; empty when there is neither."""
    answer = {}
    if context:
        answer["hookSpecificOutput"] = {
            "hookEventName": event,
            "additionalContext": context[:MAX_CONTEXT_CHARS],
        }
    if notice:
        answer["systemMessage"] = notice
    return plain_json.dumps(answer) if answer else ""
