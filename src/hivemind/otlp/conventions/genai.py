"""OpenTelemetry's own conventions for generative AI: spans, their older events, and evaluations."""

from typing import Any

from hivemind.otlp.conventions.base import (
    Attributes,
    Message,
    Reading,
    Role,
    Tokens,
    ToolRun,
    Verdict,
    Work,
    as_text,
    decoded,
    items,
)
from hivemind.otlp.conventions.messages import calls_of, messages_of, role_of
from hivemind.otlp.spans import Span

_WORKS = {
    "chat": Work.CHAT,
    "generate_content": Work.CHAT,
    "text_completion": Work.CHAT,
    "completion": Work.CHAT,
    "responses": Work.CHAT,
    "execute_tool": Work.TOOL,
    "invoke_agent": Work.AGENT,
    "create_agent": Work.AGENT,
    "invoke_workflow": Work.AGENT,
    "embeddings": Work.ASIDE,
    "retrieval": Work.ASIDE,
    "rerank": Work.ASIDE,
}
_MESSAGE_EVENTS = {
    "gen_ai.system.message": Role.SYSTEM,
    "gen_ai.user.message": Role.USER,
    "gen_ai.assistant.message": Role.ASSISTANT,
    "gen_ai.tool.message": Role.TOOL,
}
#: Events that hold one message, or the whole text of one.
MESSAGES = frozenset(
    {*_MESSAGE_EVENTS, "gen_ai.choice", "gen_ai.content.prompt", "gen_ai.content.completion"}
)
EVALUATION = "gen_ai.evaluation.result"
DETAILS = "gen_ai.client.inference.operation.details"
EXCEPTION = "gen_ai.client.operation.exception"
_PREFIX = "gen_ai."


def read(span: Span) -> Reading | None:
    """Read a span's `gen_ai.*` attributes and events; None where it has none."""
    has_events = any(event.name.startswith(_PREFIX) for event in span.events)
    if not has_events and not any(name.startswith(_PREFIX) for name in span.attributes):
        return None
    a = Attributes(span)
    provider = a.text("gen_ai.provider.name", "gen_ai.system")
    inputs, outputs = _messages(a, span)
    work = _work(a, has_messages=bool(inputs or outputs))
    return Reading(
        work=work,
        conversation_id=a.text("gen_ai.conversation.id"),
        model=a.text("gen_ai.request.model", "gen_ai.response.model"),
        provider=provider,
        agent_name=a.text("gen_ai.agent.name"),
        response_id=a.text("gen_ai.response.id"),
        inputs=inputs,
        outputs=outputs,
        tool=_tool(a) if work is Work.TOOL else None,
        tokens=_tokens(a),
        tools=tuple(t for t in items(decoded(a.take("gen_ai.tool.definitions"))) if isinstance(t, dict)),
        verdicts=tuple(verdict(event.attributes) for event in span.events if event.name == EVALUATION)
        or ((verdict(a.values),) if a.take("gen_ai.evaluation.name") else ()),
        used=frozenset(a.used),
    )


def _work(a: Attributes, *, has_messages: bool) -> Work | None:
    operation = a.text("gen_ai.operation.name").lower()
    if operation:
        return _WORKS.get(operation, Work.CHAT if has_messages else Work.ASIDE)
    if "gen_ai.tool.name" in a.values:
        return Work.TOOL
    if "gen_ai.evaluation.name" in a.values:
        return Work.VERDICT
    if has_messages or "gen_ai.request.model" in a.values:
        return Work.CHAT
    return Work.AGENT if "gen_ai.agent.name" in a.values else None


def _messages(a: Attributes, span: Span) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    system = _system(a.take("gen_ai.system_instructions"))
    inputs = messages_of(a.take("gen_ai.input.messages"))
    outputs = messages_of(a.take("gen_ai.output.messages"), default=Role.ASSISTANT)
    told: tuple[list[Message], list[Message]] = ([], [])
    for event in span.events:
        said = event.attributes
        if event.name == DETAILS:
            system = system or _system(said.get("gen_ai.system_instructions"))
            told[0].extend(messages_of(said.get("gen_ai.input.messages")))
            told[1].extend(messages_of(said.get("gen_ai.output.messages"), default=Role.ASSISTANT))
        elif event.name in _MESSAGE_EVENTS:
            told[0].extend(of_event(event.name, dict(said)))
        elif event.name == "gen_ai.choice":
            told[1].extend(of_event(event.name, dict(said)))
        elif event.name == "gen_ai.content.prompt":
            told[0].extend(messages_of(said.get("gen_ai.prompt")))
        elif event.name == "gen_ai.content.completion":
            told[1].extend(messages_of(said.get("gen_ai.completion"), default=Role.ASSISTANT))
    inputs = inputs or tuple(told[0]) or messages_of(a.take("gen_ai.prompt"))
    outputs = outputs or tuple(told[1]) or messages_of(a.take("gen_ai.completion"), default=Role.ASSISTANT)
    # Instructions stand apart from the messages in some versions, and first among them in others.
    if system and not (inputs and inputs[0].role is Role.SYSTEM):
        inputs = (*system, *inputs)
    return inputs, outputs


def _system(value: Any) -> tuple[Message, ...]:
    value = decoded(value)
    if isinstance(value, list):
        texts = [
            as_text(p.get("content") or p.get("text")) if isinstance(p, dict) else as_text(p) for p in value
        ]
        value = "\n".join(text for text in texts if text)
    return (Message(role=Role.SYSTEM, text=value),) if isinstance(value, str) and value.strip() else ()


def of_event(name: str, said: dict[str, Any]) -> tuple[Message, ...]:
    """Read an event that holds one message, as versions before 1.37 have them."""
    if name == "gen_ai.choice":
        message = decoded(said.get("message"))
        inner = message if isinstance(message, dict) else {"content": message or said.get("content")}
        if said.get("tool_calls") and not inner.get("tool_calls"):
            inner = {**inner, "tool_calls": said["tool_calls"]}
        return messages_of([{**inner, "role": inner.get("role") or "assistant"}], default=Role.ASSISTANT)
    role = role_of(said.get("role"), _MESSAGE_EVENTS.get(name, Role.USER))
    if role is Role.TOOL:
        call_id = as_text(said.get("id") or said.get("tool_call_id"))
        return (
            Message(
                role=role, text=as_text(said.get("content")), call_id=call_id, name=as_text(said.get("name"))
            ),
        )
    found = messages_of([{**said, "role": role.value}])
    calls = tuple(calls_of(said.get("tool_calls")))
    return found or ((Message(role=role, calls=calls),) if calls else ())


def _tool(a: Attributes) -> ToolRun:
    return ToolRun(
        name=a.text("gen_ai.tool.name"),
        call_id=a.text("gen_ai.tool.call.id"),
        arguments=decoded(a.take("gen_ai.tool.call.arguments")),
        result=a.text("gen_ai.tool.call.result"),
    )


def _tokens(a: Attributes) -> Tokens | None:
    counted = Tokens(
        input=a.count("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        output=a.count("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        cache_read=a.count(
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.cached_tokens",
            "gen_ai.usage.details.cache_read_tokens",
        ),
        cache_write=a.count(
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.details.cache_write_tokens",
        ),
    )
    return counted if counted != Tokens() else None


def verdict(said: Any) -> Verdict:
    """Read the result of an evaluation."""
    score = said.get("gen_ai.evaluation.score.value")
    is_number = isinstance(score, int | float) and not isinstance(score, bool)
    return Verdict(
        name=as_text(said.get("gen_ai.evaluation.name")) or "evaluation",
        label=as_text(said.get("gen_ai.evaluation.score.label")),
        score=float(score) if is_number else None,
        note=as_text(said.get("gen_ai.evaluation.explanation")),
    )
