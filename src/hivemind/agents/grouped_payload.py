"""Payloads and answers of hooks in Claude Code's shape, as `json_hooks` wires them; standard library only."""

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


def announcement(event, payload):  # type: ignore[no-untyped-def]
    """Pick what the worker needs from a payload: no prompt and no answer is among it.

    In a subagent the session is the main conversation's, and the transcript the subagent's own.
    """
    own = payload.get("agent_transcript_path") if event == "SubagentStop" else None
    return {
        "moment": MOMENTS.get(event, ""),
        "session_id": payload.get("session_id"),
        "transcript": own or payload.get("transcript_path"),
        "cwd": payload.get("cwd"),
        "said": payload.get("last_assistant_message") if event == "Stop" else None,
    }


def output(event, *, context, notice):  # type: ignore[no-untyped-def]
    """Write the answer: `context` reaches the model, `notice` the person; empty when there is neither."""
    answer = {}
    if context:
        answer["hookSpecificOutput"] = {"hookEventName": event, "additionalContext": context}
    if notice:
        answer["systemMessage"] = notice
    return plain_json.dumps(answer) if answer else ""
