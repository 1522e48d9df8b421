"""Google's generateContent API, for Gemini CLI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .parts import JSON, Item, Reply, Tool, new_id, texts, tokens


def serves(endpoint: str) -> bool:
    """Say whether this is a path on which the model speaks."""
    return endpoint.endswith((":generateContent", ":streamGenerateContent"))


def items(body: JSON) -> Iterator[Item]:
    """Yield what the model was given, in order."""
    system = (body.get("systemInstruction") or {}).get("parts")
    yield Item(role="system", blocks=texts(system), place="systemInstruction")
    for content in body.get("contents") or []:
        parts = content.get("parts") or []
        if content.get("role") == "model":
            yield Item(role="model", blocks=texts(parts), place="contents: model")
            continue
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        for result in results:
            blocks = tuple(_strings(result.get("response")))
            yield Item(role="result", blocks=blocks, place="contents: functionResponse")
        rest = texts([part for part in parts if "text" in part])
        if rest:
            yield Item(role="note" if results else "user", blocks=rest, place="contents: user")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def tools(body: JSON) -> Iterator[Tool]:
    """Yield the tools on offer."""
    for group in body.get("tools") or []:
        for tool in group.get("functionDeclarations") or []:
            schema = tool.get("parameters") or tool.get("parametersJsonSchema") or {}
            yield Tool(name=str(tool.get("name")), schema=schema)


def answer(body: JSON, reply: Reply) -> JSON:
    """Return the whole response."""
    parts: list[JSON] = [{"text": reply.text}] if reply.text or not reply.calls else []
    parts += [{"functionCall": {"name": made.tool.name, "args": made.args}} for made in reply.calls]
    asked, said = tokens(body), tokens(parts)
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": asked,
            "candidatesTokenCount": said,
            "totalTokenCount": asked + said,
        },
        "modelVersion": reply.model,
        "responseId": new_id(""),
    }


def events(answer: JSON) -> Iterator[tuple[str, JSON | str]]:
    """Yield the response as the only event: each one is a response in itself."""
    yield "", answer
