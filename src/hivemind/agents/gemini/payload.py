"""Gemini CLI's hook payloads and answers; standard library only, because the hook imports it.

Shapes were recorded from 0.61.0 (November 2026).
"""

from hivemind.domain import plain_json

#: What each hooked event means to Hivemind. PreCompress is not hooked: it comes before every model call.
MOMENTS = {
    "SessionStart": "start",
    "BeforeAgent": "prompt",
    "AfterAgent": "turn",
    "SessionEnd": "end",
}
#: The client sets no limit; as much as other agents take, in characters.
MAX_CONTEXT_CHARS = 10_000
_CONTEXT_OPENS, _CONTEXT_CLOSES = "<hook_context>", "</hook_context>"


def announcement(event, payload, root):  # type: ignore[no-untyped-def]  # noqa: ARG001  # `typing` costs the hook milliseconds
    """Pick what the worker needs from a payload: no prompt and no answer is among it.

    `prompt_response` joins all that was said in the turn, so no single message of the transcript equals it;
    the transcript is complete when the hook runs.
    """
    return {
        "moment": MOMENTS.get(event, ""),
        "session_id": payload.get("session_id"),
        "transcript": payload.get("transcript_path"),
        "cwd": payload.get("cwd"),
        "said": None,
    }


def prompt(payload):  # type: ignore[no-untyped-def]
    """Give what the person asked, without the context that hooks put before it."""
    text = payload.get("prompt")
    if not isinstance(text, str):
        return ""
    # The client escapes angle brackets inside, so the first end is the right one.
    while text.startswith(_CONTEXT_OPENS) and _CONTEXT_CLOSES in text:
        text = text.partition(_CONTEXT_CLOSES)[2].lstrip()
    return text


def output(event, *, context, notice):  # type: ignore[no-untyped-def]
    """Write the answer: `context` reaches the model, `notice` the person; empty when there is neither."""
    answer = {}
    if notice:
        answer["systemMessage"] = notice
    if context:
        shown = context[:MAX_CONTEXT_CHARS]
        answer["hookSpecificOutput"] = {"hookEventName": event, "additionalContext": shown}
    return plain_json.dumps(answer) if answer else ""
