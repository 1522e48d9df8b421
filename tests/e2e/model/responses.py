"""OpenAI's Responses API, for Codex."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

from .parts import JSON, Invocation, Item, Reply, Role, Tool, flatten, new_id, texts, tokens

_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "assistant": "model"}


def serves(endpoint: str) -> bool:
    """Say whether this is the path on which the model speaks."""
    return endpoint == "/responses"


def items(body: JSON) -> Iterator[Item]:
    """Yield what the model was given, in order."""
    yield Item(role="system", blocks=texts(body.get("instructions")), place="instructions")
    given = body.get("input") or []
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    for item in given:
        kind = str(item.get("type") or "message")
        if kind == "message":
            role = str(item.get("role"))
            blocks = texts(item.get("content"))
            yield Item(role=_ROLES.get(role, "user"), blocks=blocks, place=f"input: {role}")
        elif kind.endswith("_output"):
            output = item.get("output")
            text = flatten(output) or json.dumps(output)
            yield Item(role="result", blocks=(text,), place=f"input: {kind}")
        else:  # calls and reasoning
            yield Item(role="model", place=f"input: {kind}")


def tools(body: JSON) -> Iterator[Tool]:
    """Yield the tools on offer, those inside of a namespace too."""
    for tool in body.get("tools") or []:
        inner = tool.get("tools") if tool.get("type") == "namespace" else None
        for one in inner or [tool]:
            kind = str(one.get("type", "function"))
            yield Tool(
                name=str(one.get("name") or kind),
                schema=one.get("parameters") or {},
                kind=kind,
                namespace=str(tool.get("name")) if inner else "",
            )


def answer(body: JSON, reply: Reply) -> JSON:
    """Return the whole response."""
    output: list[JSON] = []
    if reply.text or not reply.calls:
        content = [{"type": "output_text", "text": reply.text, "annotations": []}]
        output.append(_item("message", "msg_", role="assistant", content=content))
    output += [_called(made) for made in reply.calls]
    asked, said = tokens(body), tokens(output)
    return {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "model": reply.model,
        "status": "completed",
        "output": output,
        "parallel_tool_calls": True,
        "usage": {
            "input_tokens": asked,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": said,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked + said,
        },
    }


def _item(kind: str, prefix: str, **fields: object) -> JSON:
    return {"type": kind, "id": new_id(prefix), "status": "completed", **fields}


def _called(made: Invocation) -> JSON:
    call_id, name = f"call_{made.call_id}", made.tool.name
    if made.tool.kind == "tool_search":
        return _item("tool_search_call", "tsc_", call_id=call_id, execution="client", arguments=made.args)
    if made.tool.kind == "custom":
        text = made.args.get("input", "")
        return _item("custom_tool_call", "ctc_", call_id=call_id, name=name, input=text)
    namespace = made.tool.namespace
    if not namespace and (deferred := re.fullmatch(r"(mcp__.+?)__(.+)", name)):
        namespace, name = deferred.groups()  # not on offer until it is searched for, and taken all the same
    called = _item("function_call", "fc_", call_id=call_id, name=name, arguments=json.dumps(made.args))
    return {**called, "namespace": namespace} if namespace else called


def events(answer: JSON) -> Iterator[tuple[str, JSON | str]]:
    """Yield the response as server-sent events, numbered."""
    for number, event in enumerate(_events(answer)):
        yield event["type"], {**event, "sequence_number": number}


def _events(response: JSON) -> Iterator[JSON]:
    opening = {**response, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": opening}
    for index, item in enumerate(response["output"]):
        here = {"output_index": index, "item_id": item["id"]}
        started = {**item, "status": "in_progress"}
        if item["type"] == "message":
            yield _added(index, {**started, "content": []})
            yield from _text_events(here, item["content"][0])
        elif item["type"] == "function_call":
            yield _added(index, {**started, "arguments": ""})
            kind = "response.function_call_arguments"
            yield {"type": f"{kind}.delta", **here, "delta": item["arguments"]}
            yield {"type": f"{kind}.done", **here, "arguments": item["arguments"]}
        else:
            yield _added(index, started)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": "response.completed", "response": response}


def _added(index: int, item: JSON) -> JSON:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def _text_events(here: JSON, part: JSON) -> Iterator[JSON]:
    here = {**here, "content_index": 0}
    yield {"type": "response.content_part.added", **here, "part": {**part, "text": ""}}
    yield {"type": "response.output_text.delta", **here, "delta": part["text"]}
    yield {"type": "response.output_text.done", **here, "text": part["text"]}
    yield {"type": "response.content_part.done", **here, "part": part}
