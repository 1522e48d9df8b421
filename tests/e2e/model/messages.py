"""Anthropic's Messages API, for Claude Code."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .parts import JSON, Item, Reply, Tool, flatten, new_id, texts, tokens


def serves(endpoint: str) -> bool:
    """Say whether this is the path on which the model speaks."""
    return endpoint == "/messages"


def items(body: JSON) -> Iterator[Item]:
    """Yield what the model was given, in order."""
    yield Item(role="system", blocks=texts(body.get("system")), place="system")
    for message in body.get("messages") or []:
        content = message.get("content") or []
        if message.get("role") == "assistant":
            yield Item(role="model", blocks=texts(content), place="messages: assistant")
        elif message.get("role") == "system":
            # Reminders, and what hooks add, with newer models.
            yield Item(role="system", blocks=texts(content), place="messages: system")
        else:
            yield from _of_user(content)


def _of_user(content: str | list[JSON]) -> Iterator[Item]:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    results = [block for block in blocks if block.get("type") == "tool_result"]
    for block in results:
        yield Item(role="result", blocks=texts(block.get("content")), place="messages: tool_result")
    rest = tuple(flatten(block) for block in blocks if block.get("type") != "tool_result")
    if rest:
        # A person's prompt never comes in one message with results.
        yield Item(role="note" if results else "user", blocks=rest, place="messages: user")


def tools(body: JSON) -> Iterator[Tool]:
    """Yield the tools on offer."""
    for tool in body.get("tools") or []:
        yield Tool(name=str(tool.get("name")), schema=tool.get("input_schema") or {})


def answer(body: JSON, reply: Reply) -> JSON:
    """Return the whole message."""
    content: list[JSON] = [{"type": "text", "text": reply.text}] if reply.text else []
    for made in reply.calls:
        call_id = f"toolu_{made.call_id}"
        content.append({"type": "tool_use", "id": call_id, "name": made.tool.name, "input": made.args})
    # Real clients cache the fixed part of the prompt, and what counts tokens has to cope with that.
    fixed = tokens([body.get("system"), body.get("tools")])
    usage = {
        "input_tokens": tokens(body.get("messages") or []),
        "cache_creation_input_tokens": 0 if reply.turn else fixed,
        "cache_read_input_tokens": fixed if reply.turn else 0,
        "output_tokens": tokens(content),
    }
    return {
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": content,
        "stop_reason": "tool_use" if reply.calls else "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }


def events(answer: JSON) -> Iterator[tuple[str, JSON | str]]:
    """Yield the message as server-sent events."""
    for event in _events(answer):
        yield event["type"], event


def _events(message: JSON) -> Iterator[JSON]:
    usage = {**message["usage"], "output_tokens": 1}
    opening = {**message, "content": [], "stop_reason": None, "usage": usage}
    yield {"type": "message_start", "message": opening}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty: JSON = {"text": ""}
            delta: JSON = {"type": "text_delta", "text": block["text"]}
        else:
            empty = {"input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    closing = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": closing, "usage": message["usage"]}
    yield {"type": "message_stop"}
