"""Hermes' hook payloads and answers; standard library only, because the hook imports it.

Shapes were recorded from 0.19.0 (November 2026).
"""

from hivemind.domain import plain_json

#: What each hooked event means to Hivemind. `on_session_end` comes after each turn.
MOMENTS = {
    "on_session_start": "start",
    "pre_llm_call": "prompt",
    "on_session_end": "turn",
    "subagent_stop": "subagent",
    "on_session_finalize": "end",
}
#: Hermes puts a longer context into a file and shows both its ends, in characters.
MAX_CONTEXT_CHARS = 10_000


def announcement(event, payload, root):  # type: ignore[no-untyped-def]  # `typing` costs the hook milliseconds
    """Pick what the worker needs from a payload: no prompt and no answer is among it.

    `root` is Hermes' folder. None where a subagent runs the hook: it is announced once, when it has stopped.
    Nothing is `said`: the database holds the turn before the hook runs.
    """
    extra = payload.get("extra")
    if not isinstance(extra, dict):
        extra = {}
    if extra.get("platform") == "subagent":
        return None
    session_id = payload.get("session_id")
    stored = extra.get("child_session_id") if event == "subagent_stop" else session_id
    named = isinstance(stored, str) and stored and not set(stored) & set("/\\\0")
    return {
        "moment": MOMENTS.get(event, ""),
        "session_id": session_id,
        "transcript": f"{root}/state.db/{stored}" if root and named else None,
        "cwd": payload.get("cwd"),
        "said": None,
    }


def prompt(payload):  # type: ignore[no-untyped-def]
    """Give what the person asked; empty for what Hermes submits by itself."""
    extra = payload.get("extra")
    text = extra.get("user_message") if isinstance(extra, dict) else None
    if not isinstance(text, str) or text.startswith(_OWN_WORDS):
        return ""
    return text


_OWN_WORDS = ("[System", "[SYSTEM", "[IMPORTANT: ", "[ASYNC DELEGATION ", "[Background process ")


def output(event, *, context, notice):  # type: ignore[no-untyped-def]  # noqa: ARG001  # a person is shown none
    """Write the answer: the context reaches the model with the prompt; other events take none."""
    if event != "pre_llm_call" or not context:
        return ""
    return plain_json.dumps({"context": context[:MAX_CONTEXT_CHARS]})
