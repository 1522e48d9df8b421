"""Read messages in the shapes that vendors and frameworks write them in."""

from collections.abc import Iterator
from typing import Any

from hivemind.otlp.conventions.base import Call, Message, Role, as_text, decoded, items, mapping

#: A longer list of messages keeps its end, and a message so many parts.
MAX_MESSAGES, MAX_PARTS = 2_000, 1_000
_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "human": Role.USER,
    "assistant": Role.ASSISTANT,
    "ai": Role.ASSISTANT,
    "model": Role.ASSISTANT,
    "bot": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
    "observation": Role.TOOL,
}
_CALL_TYPES = frozenset({"tool_call", "tool-call", "tool_use", "function_call", "toolUse", "server_tool_use"})
_RESULT_TYPES = frozenset(
    {"tool_call_response", "tool-result", "tool_result", "function_call_output", "toolResult", "tool_return"}
)
_THOUGHT_TYPES = frozenset({"reasoning", "thinking", "redacted_thinking"})


def role_of(value: Any, default: Role = Role.USER) -> Role:
    """Give the role that a name stands for."""
    return _ROLES.get(value.lower(), default) if isinstance(value, str) else default


def messages_of(value: Any, *, default: Role = Role.USER) -> tuple[Message, ...]:
    """Read messages from a list of them, one of them, a text, or JSON text of any of these."""
    value = decoded(value)
    if isinstance(value, dict):
        inner = next((value[key] for key in ("messages", "contents", "input") if key in value), None)
        if "role" not in value and inner is not None:
            value = decoded(inner)
    if isinstance(value, str):
        return (Message(role=default, text=value),) if value.strip() else ()
    if isinstance(value, dict):
        value = [value]
    found: list[Message] = []
    for item in list(items(value))[-MAX_MESSAGES:]:
        if isinstance(item, list):  # LangChain nests the messages of each prompt
            for inner in item[-MAX_MESSAGES:]:
                found.extend(_one(inner, default))
        else:
            found.extend(_one(item, default))
    return tuple(found)


def _one(item: Any, default: Role) -> Iterator[Message]:
    if isinstance(item, str):
        if item.strip():
            yield Message(role=default, text=item)
        return
    if not isinstance(item, dict):
        return
    if "kwargs" in item and "id" in item:  # LangChain's own serialisation
        kind = next(iter(reversed(item["id"])), "") if isinstance(item["id"], list) else ""
        named = str(kind).removesuffix("Chunk").removesuffix("Message").lower()
        item = {"role": named, **mapping(item["kwargs"])}
    role_name = item.get("role") or item.get("type") if "role" in item or "content" in item else None
    kind = _word(item.get("type"))
    if kind in _CALL_TYPES | _RESULT_TYPES and "role" not in item:  # OpenAI's Responses
        yield from _of_parts([item], Role.ASSISTANT if kind in _CALL_TYPES else Role.TOOL)
        return
    if kind in _THOUGHT_TYPES and "role" not in item:
        return
    role = role_of(role_name, default)
    content = item.get("parts") if "parts" in item else item.get("content")
    content = decoded(content) if isinstance(content, str) and content.startswith("[{") else content
    if role is Role.TOOL and not isinstance(content, list):
        call_id = as_text(item.get("tool_call_id") or item.get("id") or item.get("call_id"))
        yield Message(role=role, text=as_text(content), call_id=call_id, name=as_text(item.get("name")))
        return
    calls = tuple(calls_of(item.get("tool_calls") or item.get("toolCalls") or item.get("function_call")))
    if isinstance(content, list):
        yield from _of_parts(
            content[:MAX_PARTS],
            role,
            calls,
            call_id=as_text(item.get("tool_call_id")),
            name=as_text(item.get("name")),
        )
    elif content or calls:
        yield Message(role=role, text=as_text(content), calls=calls)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def calls_of(value: Any) -> Iterator[Call]:
    """Read tool calls as OpenAI, LangChain and others write them."""
    value = decoded(value)
    for call in items([value] if isinstance(value, dict) else value):
        given = mapping(call)
        function = mapping(given.get("function")) or given
        name = as_text(function.get("name") or function.get("toolName") or function.get("tool_name"))
        if name:
            yield Call(
                name=name,
                arguments=_arguments(function),
                call_id=as_text(given.get("id") or given.get("call_id") or given.get("toolCallId")),
            )


def _arguments(given: dict[str, Any]) -> Any:
    for key in ("arguments", "args", "input", "parameters"):
        if given.get(key) is not None:
            return decoded(given[key])
    return {}


def _of_parts(
    parts: list[Any], role: Role, calls: tuple[Call, ...] = (), *, call_id: str = "", name: str = ""
) -> Iterator[Message]:
    """Read a message of parts; a tool's answers are messages of their own."""
    texts: list[str] = []
    found = list(calls)
    answers: list[Message] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        given = mapping(part)
        inner = next((mapping(given[k]) for k in ("toolUse", "toolResult") if k in given), given)
        kind = next((k for k in ("toolUse", "toolResult") if k in given), "")
        kind = kind or _word(given.get("type")) or _word(given.get("kind"))
        if kind in _CALL_TYPES:
            made = inner.get("name") or inner.get("toolName") or inner.get("tool_name")
            made_id = (
                inner.get("call_id") or inner.get("toolCallId") or inner.get("toolUseId") or inner.get("id")
            )
            found.append(Call(name=as_text(made), arguments=_arguments(inner), call_id=as_text(made_id)))
        elif kind in _RESULT_TYPES:
            answers.append(_answer(inner))
        elif kind not in _THOUGHT_TYPES:
            texts.append(_text(given))
    text = "\n".join(t for t in texts if t)
    if role is Role.TOOL and not answers:
        answers.append(Message(role=role, text=text, call_id=call_id, name=name))
    elif text or found:
        yield Message(role=role, text=text, calls=tuple(found))
    yield from answers


def _answer(given: dict[str, Any]) -> Message:
    keys = ("result", "response", "output", "content")
    said = next((given[key] for key in keys if given.get(key) is not None), "")
    if isinstance(said, list) and all(isinstance(part, dict) and "text" in part for part in said):
        said = "\n".join(as_text(part["text"]) for part in said)
    elif isinstance(said, dict) and set(said) <= {"type", "value"} and "value" in said:
        said = said["value"]  # as the AI SDK wraps it
    known = next(
        (
            given[key]
            for key in ("tool_call_id", "tool_use_id", "call_id", "toolCallId", "toolUseId", "id")
            if given.get(key)
        ),
        "",
    )
    return Message(
        role=Role.TOOL,
        text=as_text(said),
        call_id=as_text(known),
        name=as_text(given.get("name") or given.get("toolName") or given.get("tool_name")),
    )


def _text(part: dict[str, Any]) -> str:
    said = part.get("text") if part.get("text") is not None else part.get("content")
    if isinstance(said, str):
        return said
    kind = part.get("type")
    return f"[{kind}]" if isinstance(kind, str) and kind not in ("text", "input_text", "output_text") else ""
