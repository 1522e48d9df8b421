"""Codex's hook payloads and answers; standard library only, because the hook imports it.

Shapes were recorded from 0.169 (November 2026).
"""

from hivemind.agents import grouped_payload

MOMENTS = grouped_payload.MOMENTS
#: The client cuts a context in its middle that has more bytes than this.
MAX_CONTEXT_CHARS = 10_000


def announcement(event, payload, root):  # type: ignore[no-untyped-def]  # noqa: ARG001  # every payload has the path
    """Pick what the worker needs from a payload."""
    return grouped_payload.announcement(event, payload)  # type: ignore[no-untyped-call]


def prompt(payload):  # type: ignore[no-untyped-def]
    """Give what the person asked; empty for what a subagent was told."""
    text = payload.get("prompt")
    return text if isinstance(text, str) and not payload.get("agent_id") else ""


def output(event, *, context, notice):  # type: ignore[no-untyped-def]
    """Write the answer: `context` reaches the model, `notice` the person; empty when there is neither."""
    whole = context.encode("utf-8", "replace")[:MAX_CONTEXT_CHARS].decode("utf-8", "ignore")
    return grouped_payload.output(event, context=whole, notice=notice)  # type: ignore[no-untyped-call]
