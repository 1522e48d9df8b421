"""Claude Code's hook payloads and answers; standard library only, because the hook imports it.

Shapes were recorded from 2.1.197 and 2.1.330 (November 2026).
"""

from hivemind.agents import grouped_payload
from hivemind.domain import plain_json

MOMENTS = grouped_payload.MOMENTS
#: The client replaces a longer context by a file name and a preview, in characters.
MAX_CONTEXT_CHARS = 10_000
#: The answer to a start can tell the client to look at its skill folders again.
RELOADS = True


def announcement(event, payload, root):  # type: ignore[no-untyped-def]  # noqa: ARG001  # `typing` costs the hook milliseconds
    """Pick what the worker needs; None where Cursor runs Claude's hooks beside its own."""
    if "cursor_version" in payload:
        return None
    return grouped_payload.announcement(event, payload)  # type: ignore[no-untyped-call]


def prompt(payload):  # type: ignore[no-untyped-def]
    """Give what the person asked; empty for a notice that the client submits by itself."""
    text = payload.get("prompt")
    return text if isinstance(text, str) and not text.lstrip().startswith("<task-notification") else ""


def output(event, *, context, notice, reload=False):  # type: ignore[no-untyped-def]
    """Write the answer: `context` reaches the model, `notice` the person; empty when there is neither.

    With `reload` the client looks at its skill folders again: it did so before this hook ran.
    """
    if reload and event == "SessionStart":
        answer = {"hookSpecificOutput": {"hookEventName": event, "reloadSkills": True}}
        return plain_json.dumps({**answer, "systemMessage": notice} if notice else answer)
    return grouped_payload.output(event, context=context[:MAX_CONTEXT_CHARS], notice=notice)  # type: ignore[no-untyped-call]
