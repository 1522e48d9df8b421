"""Read turns and tools as any vendor writes them: roles, content parts, calls and their results."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hivemind.finetune.conversation import Message, RefusedError, Role, ToolCall
from hivemind.finetune.formats.base import text_of

#: Where rows keep their turns.
DIALOGUES = (
    *("messages", "conversations", "conversation", "dialog", "dialogue", "chat", "turns"),
    *("chat_messages", "history"),
)
_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "human": Role.USER,
    "prompter": Role.USER,
    "assistant": Role.ASSISTANT,
    "gpt": Role.ASSISTANT,
    "model": Role.ASSISTANT,
    "bot": Role.ASSISTANT,
    "chatbot": Role.ASSISTANT,
    "chatgpt": Role.ASSISTANT,
    "ai": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
    "observation": Role.TOOL,
    "ipython": Role.TOOL,
    "tool_result": Role.TOOL,
    "tool_response": Role.TOOL,
    "function_response": Role.TOOL,
}
#: Keys that say who speaks.
_SPEAKERS = ("role", "from", "speaker", "author")
#: Turns of a role of their own that are calls of the assistant.
_CALLING = frozenset({"function_call", "tool_call", "tool_calls", "tool_use"})
_THINKING = frozenset({"reasoning", "thinking", "redacted_thinking", "thought"})
#: Unknown roles keep so much of their name, in characters.
_MAX_ROLE_CHARS = 40


def role_of(value: Any) -> str:
    """Give the role that a vendor's word for it means; an unknown word stays what it is."""
    word = str(value).strip().lower().replace("-", "_") if isinstance(value, str) else ""
    known = _ROLES.get(word)
    return known.value if known else word[:_MAX_ROLE_CHARS] or "unknown"


def dialogue(raw: Any, *, system: Any = None) -> tuple[Message, ...]:
    """Read a list of turns of any vendor, after a system prompt that stands beside it.

    A list of plain texts is a person and an assistant by turns.
    """
    raw = unwrapped_turns(raw)
    if not isinstance(raw, list):
        raise RefusedError("the turns are not a list")
    if not raw:
        raise RefusedError("there are no turns")
    found = list(system_turn(system))
    for number, item in enumerate(raw):
        item = unwrapped_turns(item)
        if isinstance(item, str):
            role = (Role.USER, Role.ASSISTANT)[number % 2]
            found.append(Message(role=role.value, text=item))
        elif isinstance(item, dict):
            found += _turn(item)
        else:
            raise RefusedError("a turn is neither an object nor a text")
    return tuple(found)


def unwrapped(value: Any) -> Any:
    """Read JSON that is kept as a text, as columns of Parquet files do."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            return value
        if isinstance(parsed, list) and not all(isinstance(item, dict) for item in parsed):
            return value
        return parsed
    return value


def unwrapped_turns(value: Any) -> Any:
    """Read turns that are kept as a text; an answer that is JSON by itself stays the text that it is."""
    found = unwrapped(value) if isinstance(value, str) else value
    if found is value:
        return value
    turns = found if isinstance(found, list) else [found]
    is_turns = turns and all(isinstance(t, dict) and any(k in t for k in _SPEAKERS) for t in turns)
    return found if is_turns else value


def system_turn(value: Any) -> Iterator[Message]:
    """Give a system prompt that stands beside the turns, as a text or as content blocks."""
    content = _Content()
    content.take(value)
    if content.text.strip():
        yield Message(role=Role.SYSTEM.value, text=content.text)


@dataclass(slots=True)
class _Content:
    """Gather what one turn's content holds."""

    parts: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    results: list[Message] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.parts)

    def take(self, value: Any) -> None:
        """Take content of any shape."""
        if isinstance(value, str):
            self.parts.append(value)
        elif isinstance(value, list):
            for part in value:
                self._part(part)
        elif isinstance(value, dict):
            self._part(value)
        elif value is not None:
            self.parts.append(json.dumps(value, ensure_ascii=False, default=str))

    def _part(self, part: Any) -> None:
        if isinstance(part, str):
            self.parts.append(part)
            return
        if not isinstance(part, dict):
            self.left_out.append(type(part).__name__)
            return
        kind = part.get("type")
        if isinstance(kind, str):
            self._typed(kind, part)
        else:
            self._untyped(part)

    def _typed(self, kind: str, part: dict[str, Any]) -> None:
        body = next((part[k] for k in ("text", "value", "content") if isinstance(part.get(k), str)), "")
        if kind in ("text", "input_text", "output_text", "refusal"):
            self.parts.append(body or text_of(part.get("refusal")))
        elif kind in _THINKING:
            self.reasoning.append(body or text_of(part.get("thinking")) or text_of(part.get("reasoning")))
        elif kind == "tool_use":
            self.calls.append(_call(part.get("name"), part.get("input"), part.get("id")))
        elif kind in ("tool_call", "function_call", "function"):
            self.calls += calls_in(part.get("value", part.get("function", part)))
        elif kind == "tool_result":
            self._result(part.get("tool_use_id"), part.get("content", part.get("value")))
        else:
            self.left_out.append(kind[:_MAX_ROLE_CHARS])

    def _untyped(self, part: dict[str, Any]) -> None:
        """Take a block of Bedrock or Gemini, whose key is its type."""
        for key, value in part.items():
            match key:
                case "text" if isinstance(value, str):
                    (self.reasoning if part.get("thought") is True else self.parts).append(value)
                case "toolUse" if isinstance(value, dict):
                    self.calls.append(_call(value.get("name"), value.get("input"), value.get("toolUseId")))
                case "toolResult" if isinstance(value, dict):
                    self._result(value.get("toolUseId"), value.get("content"))
                case "functionCall" if isinstance(value, dict):
                    self.calls.append(_call(value.get("name"), value.get("args"), value.get("id")))
                case "functionResponse" if isinstance(value, dict):
                    self._result(value.get("id"), value.get("response"), name=value.get("name"))
                case "json":
                    self.parts.append(json.dumps(value, ensure_ascii=False, default=str))
                case "reasoningContent" if isinstance(value, dict):
                    inner = value.get("reasoningText")
                    self.reasoning.append(text_of(inner.get("text")) if isinstance(inner, dict) else "")
                case "thought" | "thoughtSignature" | "cachePoint":
                    pass
                case _ if value is not None:
                    self.left_out.append(str(key)[:_MAX_ROLE_CHARS])

    def _result(self, call_id: Any, content: Any, *, name: Any = None) -> None:
        inner = _Content()
        if isinstance(content, dict) and name is not None:
            content = json.dumps(content, ensure_ascii=False, default=str)
        inner.take(content)
        self.results.append(
            Message(
                role=Role.TOOL.value,
                text=inner.text,
                call_id=text_of(call_id),
                name=text_of(name),
                left_out=tuple(inner.left_out),
            )
        )


def _turn(raw: dict[str, Any]) -> list[Message]:
    """Read one turn; the results of tools inside of it are turns of their own, before it."""
    word = next((raw[k] for k in _SPEAKERS if raw.get(k) is not None), None)
    if isinstance(word, dict):  # as ChatGPT exports its authors
        word = word.get("role")
    role = role_of(word)
    key = next(
        (k for k in ("content", "value", "parts", "text", "message") if raw.get(k) is not None), "content"
    )
    content = _Content()
    if role in _CALLING:
        content.calls += calls_in(raw.get(key))
        role = Role.ASSISTANT.value
    else:
        content.take(raw.get(key))
    content.calls += calls_in(raw.get("tool_calls")) if raw.get("tool_calls") else []
    content.calls += calls_in(raw.get("function_call")) if raw.get("function_call") else []
    if not content.text and isinstance(raw.get("refusal"), str):
        content.parts.append(raw["refusal"])
    thought = next((raw[k] for k in ("reasoning_content", "thinking", "reasoning") if raw.get(k)), "")
    message = Message(
        role=role,
        text=content.text,
        reasoning="\n".join(filter(None, [text_of(thought), *content.reasoning])),
        calls=tuple(content.calls) if role == Role.ASSISTANT else (),
        call_id=text_of(raw.get("tool_call_id")),
        name=text_of(raw.get("name")),
        weight=_weight(raw),
        left_out=tuple(content.left_out),
    )
    if content.results and not message.says_something and not message.left_out:
        return content.results
    return [*content.results, message]


def _weight(raw: dict[str, Any]) -> float | None:
    for key in ("weight", "loss_weight"):
        value = raw.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    return None


def calls_in(value: Any) -> list[ToolCall]:
    """Read tool calls: a list, one object, or either as JSON in a text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return [ToolCall(name="unknown", arguments=value)] if value.strip() else []
    if isinstance(value, dict):
        value = [value]
    found = []
    for item in value if isinstance(value, list) else []:
        if isinstance(item, str):
            found += calls_in(item)
        elif isinstance(item, dict):
            inner = item.get("function")
            named = inner if isinstance(inner, dict) else item
            given = next((named[k] for k in ("arguments", "parameters", "input", "args") if k in named), None)
            found.append(_call(named.get("name"), given, item.get("id")))
    return found


def _call(name: Any, arguments: Any, call_id: Any) -> ToolCall:
    if isinstance(arguments, str):
        try:
            parsed = json.loads(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError):
            parsed = None
        arguments = parsed if isinstance(parsed, dict) else arguments
    elif arguments is None:
        arguments = {}
    elif not isinstance(arguments, dict):
        arguments = json.dumps(arguments, ensure_ascii=False, default=str)
    return ToolCall(name=text_of(name) or "unknown", arguments=arguments, call_id=text_of(call_id))


def tools_of(row: Any) -> tuple[dict[str, Any], ...]:
    """Give a row's tools as OpenAI and TRL describe them, whatever vendor's description it holds."""
    if not isinstance(row, dict):
        return ()
    raw = next((row[k] for k in ("tools", "functions", "toolConfig", "tool_config") if row.get(k)), None)
    raw = unwrapped(raw)
    if isinstance(raw, dict):
        raw = raw.get("tools", [raw])
    if not isinstance(raw, list):
        return ()
    found = []
    for item in raw:
        item = unwrapped(item)
        if isinstance(item, dict):
            declared = item.get("functionDeclarations", item.get("function_declarations"))
            found += [_tool(one) for one in (declared if isinstance(declared, list) else [item])]
    return tuple(tool for tool in found if tool)


def _tool(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        return {}
    wrapped = (item.get(key) for key in ("function", "toolSpec", "tool_spec"))
    inner = next((inside for inside in wrapped if isinstance(inside, dict)), item)
    schema = next((inner[k] for k in ("parameters", "input_schema", "inputSchema") if inner.get(k)), None)
    schema = unwrapped(schema)
    if isinstance(schema, dict) and isinstance(schema.get("json"), dict):
        schema = schema["json"]
    function = {
        "name": text_of(inner.get("name")) or "unknown",
        "description": text_of(inner.get("description")),
        "parameters": schema if isinstance(schema, dict) else {"type": "object", "properties": {}},
    }
    return {"type": "function", "function": function}
