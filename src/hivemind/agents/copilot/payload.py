"""Copilot CLI's hook payloads and answers; standard library only, because the hook imports it.

Shapes were recorded from 1.0.102 (November 2026).
"""

from hivemind.domain import plain_json

#: What each hooked event means to Hivemind.
MOMENTS = {
    "sessionStart": "start",
    "userPromptSubmitted": "prompt",
    "agentStop": "turn",
    "subagentStop": "subagent",
    "sessionEnd": "end",
}
#: The client sets no limit; as much as other agents take, in characters.
MAX_CONTEXT_CHARS = 10_000


def announcement(event, payload, root):  # type: ignore[no-untyped-def]  # `typing` costs the hook milliseconds
    """Pick what the worker needs from a payload: no prompt and no answer is among it.

    A subagent's prompts and stops come under its own id, beside `subagentStop`, which has the session's:
    None for them. Most payloads lack the transcript's path; `root` is the client's folder.
    """
    session_id = payload.get("sessionId")
    if payload.get("agentId") and event != "subagentStop":
        return None
    transcript = payload.get("transcriptPath")
    if not transcript and root and isinstance(session_id, str) and "/" not in session_id:
        transcript = f"{root}/session-state/{session_id}/events.jsonl"
    return {
        "moment": MOMENTS.get(event, ""),
        "session_id": session_id,
        "transcript": transcript,
        "cwd": payload.get("cwd"),
        "said": None,
    }


def prompt(payload):  # type: ignore[no-untyped-def]
    """Give what the person asked; empty for a notice that the client submits by itself."""
    text = payload.get("prompt")
    return text if isinstance(text, str) and not text.lstrip().startswith("<system_notification>") else ""


def output(event, *, context, notice):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Write the answer: `context` reaches the model; the client has no way to show a notice to the person."""
    return plain_json.dumps({"additionalContext": context[:MAX_CONTEXT_CHARS]}) if context else ""
