"""OpenAI's Chat Completions API, for pi, Hermes, OpenCode and Copilot."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from .parts import JSON, Item, Reply, Role, Tool, new_id, texts, tokens

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "assistant": "model",
    "tool": "result",
}


def serves(endpoint: str) -> bool:
    """Say whether this is the path on which the model speaks."""
    return endpoint == "/chat/completions"


def items(body: JSON) -> Iterator[Item]:
    """Yield what the model was given, in order."""
    for message in body.get("messages") or []:
        role = str(message.get("role"))
        blocks = texts(message.get("content"))
        yield Item(role=_ROLES.get(role, "user"), blocks=blocks, place=f"messages: {role}")


def tools(body: JSON) -> Iterator[Tool]:
    """Yield the tools on offer."""
    for tool in body.get("tools") or []:
        function = tool.get("function") or tool
        yield Tool(name=str(function.get("name")), schema=function.get("parameters") or {})


def answer(body: JSON, reply: Reply) -> JSON:
    """Return the whole completion."""
    message: JSON = {"role": "assistant", "content": reply.text or None}
    if reply.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{made.call_id}",
                "type": "function",
                "function": {"name": made.tool.name, "arguments": json.dumps(made.args)},
            }
            for made in reply.calls
        ]
    asked, said = tokens(body), tokens(message)
    return {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": reply.model,
        "choices": [
            {"index": 0, "message": message, "finish_reason": "tool_calls" if reply.calls else "stop"}
        ],
        "usage": {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said},
    }


def events(answer: JSON) -> Iterator[tuple[str, JSON | str]]:
    """Yield the completion as chunks, the usage in a last one."""
    (choice,) = answer["choices"]
    message = choice["message"]
    deltas: list[JSON] = [{"role": "assistant", "content": ""}]
    if message["content"]:
        deltas.append({"content": message["content"]})
    for index, called in enumerate(message.get("tool_calls") or []):
        deltas.append({"tool_calls": [{**called, "index": index}]})
    common = {key: answer[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    for delta in deltas:
        yield "", {**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    end = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
    yield "", {**common, "choices": [end]}
    yield "", {**common, "choices": [], "usage": answer["usage"]}
    yield "", "[DONE]"
