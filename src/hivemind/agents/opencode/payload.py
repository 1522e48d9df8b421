"""The payloads of our OpenCode plugin, and its answers; standard library only, because the hook imports it.

The plugin writes them itself: `{"session_id", "parent_id", "cwd", "database", "prompt"}`.
"""

from hivemind.domain import plain_json

#: What each event that the plugin reports means to Hivemind.
MOMENTS = {
    "session.created": "start",
    "chat.message": "prompt",
    "session.idle": "turn",
    "subagent.idle": "subagent",
    "session.compacted": "compact",
    "dispose": "end",
}
#: OpenCode has no limit of its own; this is what the other agents take, in characters.
MAX_CONTEXT_CHARS = 10_000


def announcement(event, payload, root):  # type: ignore[no-untyped-def]  # noqa: ARG001  # `typing` costs the hook milliseconds
    """Pick what the worker needs from a payload: no prompt and no answer is among it.

    There is no answer to wait for: OpenCode has written a turn to its database before it reports it.
    """
    session_id, database = payload.get("session_id"), payload.get("database")
    named = isinstance(session_id, str) and isinstance(database, str) and session_id and database
    # A path that would lead elsewhere names no session.
    transcript = f"{database}/{session_id}" if named and "/" not in session_id else None
    return {
        "moment": MOMENTS.get(event, ""),
        "session_id": payload.get("parent_id") or session_id,
        "transcript": transcript,
        "cwd": payload.get("cwd"),
        "said": None,
    }


def prompt(payload):  # type: ignore[no-untyped-def]
    """Give what the person asked."""
    text = payload.get("prompt")
    return unquoted(text) if isinstance(text, str) else ""


def output(event, *, context, notice):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Write the answer for the plugin: `context` goes beside the prompt, `notice` on the screen."""
    answer = {}
    if context:
        answer["context"] = context[:MAX_CONTEXT_CHARS]
    if notice:
        answer["notice"] = notice
    return plain_json.dumps(answer) if answer else ""


def unquoted(text: str) -> str:
    """Give a prompt without the quotes that `opencode run "…"` puts around an argument with a space."""
    text = text.strip()
    inner = text[1:-1]
    if len(text) > 2 and text[0] == text[-1] == '"' and " " in inner and '"' not in inner.replace('\\"', ""):
        return inner.replace('\\"', '"').strip()
    return text
