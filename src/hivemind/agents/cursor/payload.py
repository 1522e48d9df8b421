"""Cursor's hook payloads and answers; standard library only, because the hook imports it.

Cursor's own transcripts have no results of tools, so that the hook keeps what the payloads say. Shapes are
those that the hook executor of its SDK 1.0.18 makes.
"""

from hivemind.domain import plain_json

#: What each hooked event means to Hivemind; Cursor refuses the file over a name that it does not know.
MOMENTS = {
    "sessionStart": "start",
    "beforeSubmitPrompt": "prompt",
    "postToolUse": "tool",
    "postToolUseFailure": "tool",
    "afterAgentResponse": "tool",
    "stop": "turn",
    "subagentStop": "subagent",
    "preCompact": "compact",
    "sessionEnd": "end",
}
#: Cursor drops a longer context as a whole, counted as JavaScript does.
MAX_CONTEXT_CHARS = 10_000
#: Longer texts keep their beginning and end, in characters.
MAX_KEPT_CHARS = 256 << 10

_KEPT = (
    *("conversation_id", "session_id", "generation_id", "model", "cursor_version", "git_branch"),
    *("prompt", "text", "status", "reason", "trigger"),
    *("tool_name", "tool_input", "tool_output", "tool_use_id"),
    *("error_message", "failure_type", "is_interrupt"),
    *("subagent_id", "subagent_type", "parent_conversation_id", "summary"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
)


def announcement(event, payload, root):  # type: ignore[no-untyped-def]  # noqa: ARG001  # `typing` costs the hook milliseconds
    """Pick what the worker needs from a payload: no prompt and no answer is among it.

    The transcript is the one that the hook keeps. None where the payload is not Cursor's.
    """
    if "cursor_version" not in payload:
        return None
    return {
        "moment": MOMENTS.get(event, ""),
        "session_id": session(payload, event),
        "transcript": None,
        "cwd": _cwd(payload),
        "said": None,
    }


def session(payload: dict, event: str) -> str:  # type: ignore[type-arg]
    """Name the conversation that an event belongs to: of a subagent's end, the one that started it."""
    names = ("parent_conversation_id",) if event == "subagentStop" else ()
    for name in (*names, "session_id", "conversation_id"):
        value = payload.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def record(event, payload):  # type: ignore[no-untyped-def]
    """Give the line of the kept transcript: what the reader needs, without the person's address."""
    kept = {name: _cut(payload[name]) for name in _KEPT if name in payload}
    return {"event": event, "payload": {**kept, "cwd": _cwd(payload)}}


def prompt(payload):  # type: ignore[no-untyped-def]
    """Give what the person typed."""
    text = payload.get("prompt")
    return text if isinstance(text, str) else ""


def output(event, *, context, notice):  # type: ignore[no-untyped-def]  # noqa: ARG001  # Cursor shows a message only with a refusal
    """Write the answer: `context` reaches the model, where Cursor takes it; no decision on permission."""
    if not context or event not in ("sessionStart", "beforeSubmitPrompt"):
        return ""
    return plain_json.dumps({"continue": True, "additional_context": _fit(context)})


def _fit(context: str) -> str:
    text = context[:MAX_CONTEXT_CHARS]
    over = len(text.encode("utf-16-le", "surrogatepass")) // 2 - MAX_CONTEXT_CHARS
    return text[:-over] if over > 0 else text


def _cwd(payload: dict) -> str:  # type: ignore[type-arg]
    # A tool's own `cwd` is where a command ran, not where the session is.
    roots = payload.get("workspace_roots")
    root = roots[0] if isinstance(roots, list) and roots else None
    return root if isinstance(root, str) else ""


def _cut(value: object) -> object:
    if isinstance(value, str):
        half = MAX_KEPT_CHARS // 2
        return value if len(value) <= MAX_KEPT_CHARS else f"{value[:half]}\n[…]\n{value[-half:]}"
    if isinstance(value, dict):
        return {name: _cut(inner) for name, inner in value.items()}
    return value
