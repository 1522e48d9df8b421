"""What frameworks have of their own: Pydantic AI and Logfire, OpenLLMetry, the AI SDK, Langfuse."""

from collections.abc import Callable
from typing import Any

from hivemind.otlp.conventions import genai
from hivemind.otlp.conventions.base import (
    Attributes,
    Call,
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
    mapping,
    sub_list,
)
from hivemind.otlp.conventions.messages import calls_of, messages_of, role_of
from hivemind.otlp.spans import Span

_FEEDBACK_EVENTS = frozenset(
    {"user_feedback", "gen_ai.user_feedback", "gen_ai.evaluation.user_feedback", "feedback"}
)
#: Events that say how the work went.
OUTCOME_EVENTS = _FEEDBACK_EVENTS | {"hivemind.outcome"}
#: Where programs put the id of a conversation that have no convention for it.
_CONVERSATIONS = (
    "hivemind.session",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
    "traceloop.association.properties.conversation_id",
    "traceloop.association.properties.thread_id",
    "ai.telemetry.metadata.sessionId",
    "ai.telemetry.metadata.conversationId",
    "gen_ai.thread.id",
    "gcp.vertex.agent.session_id",
    "langsmith.metadata.thread_id",
    "langsmith.metadata.session_id",
    "conversation.id",
    "thread.id",
)


def read(span: Span) -> Reading | None:
    """Read what frameworks have of their own; None where a span has nothing of any."""
    found: Reading | None = None
    for one in (_own, _pydantic_ai, _open_llmetry, _ai_sdk, _langfuse):
        reading = one(span)
        if reading is not None:
            found = found.over(reading) if found else reading
    return found


def _reader(
    *marks: str,
) -> Callable[[Callable[[Attributes, Span], Reading]], Callable[[Span], Reading | None]]:
    """Read a span only where an attribute begins with one of some marks."""

    def wrap(inner: Callable[[Attributes, Span], Reading]) -> Callable[[Span], Reading | None]:
        def outer(span: Span) -> Reading | None:
            if not any(name.startswith(marks) for name in span.attributes):
                return None
            return inner(Attributes(span), span)

        return outer

    return wrap


def _own(span: Span) -> Reading | None:
    a = Attributes(span)
    conversation = a.text(*_CONVERSATIONS)
    verdicts: list[Verdict] = []
    for event in span.events:
        if event.name in OUTCOME_EVENTS:
            verdicts.extend(_feedback(dict(event.attributes), by_person=event.name in _FEEDBACK_EVENTS))
    if any(name in a.values for name in ("hivemind.outcome", "hivemind.reward")):
        label = a.text("hivemind.outcome")
        verdicts.append(
            Verdict(
                name=a.text("hivemind.actor") or "program",
                label=label,
                score=a.number("hivemind.reward"),
                note=a.text("hivemind.note"),
            )
        )
    if not conversation and not verdicts:
        return None
    return Reading(conversation_id=conversation, verdicts=tuple(verdicts), used=frozenset(a.used))


def _feedback(said: dict[str, Any], *, by_person: bool) -> list[Verdict]:
    keys = (
        "score",
        "value",
        "rating",
        "feedback.score",
        "user_feedback.score",
        "gen_ai.evaluation.score",
        "gen_ai.evaluation.score.value",
        "hivemind.reward",
    )
    score = next((said[k] for k in keys if isinstance(said.get(k), int | float)), None)
    labels = (
        "label",
        "sentiment",
        "rating",
        "feedback",
        "feedback.label",
        "gen_ai.evaluation.score.label",
        "hivemind.outcome",
    )
    label = next((said[k] for k in labels if isinstance(said.get(k), str)), "")
    notes = ("comment", "note", "text", "feedback.comment", "hivemind.note")
    note = next((said[k] for k in notes if isinstance(said.get(k), str)), "")
    if isinstance(score, bool):
        label, score = label or ("success" if score else "failure"), None
    if score is None and not label:
        return []
    name = as_text(said.get("name") or said.get("user.id")) or "user"
    return [Verdict(name=name, label=label, score=score, note=note, by_person=by_person)]


@_reader(
    "pydantic_ai.",
    "all_messages_events",
    "events",
    "tool_arguments",
    "final_result",
    "logfire.",
    "model_name",
)
def _pydantic_ai(a: Attributes, span: Span) -> Reading:
    inputs: list[Message] = []
    outputs: list[Message] = []
    for event in items(decoded(a.take("events"))):
        name = as_text(mapping(event).get("event.name"))
        if name.startswith("gen_ai."):
            (outputs if name == "gen_ai.choice" else inputs).extend(genai.of_event(name, mapping(event)))
    history = [*messages_of(a.take("pydantic_ai.all_messages"))]
    if not history:
        for event in items(decoded(a.take("all_messages_events"))):
            history.extend(genai.of_event(as_text(mapping(event).get("event.name")), mapping(event)))
    request, response = (
        mapping(decoded(a.values.get("request_data"))),
        mapping(decoded(a.values.get("response_data"))),
    )
    if "messages" in request or "input" in request:
        a.note("request_data", "response_data")
        inputs.extend(messages_of(request))
        outputs.extend(messages_of([response.get("message")], default=Role.ASSISTANT))
    tool = None
    if "tool_arguments" in a.values or "tool_response" in a.values:
        name = as_text(a.values.get("gen_ai.tool.name")) or span.name.removeprefix("running tool: ")
        arguments, result = decoded(a.take("tool_arguments")), a.text("tool_response")
        tool = ToolRun(name=name, arguments=arguments, result=result)
    work = Work.TOOL if tool else Work.CHAT if inputs or outputs else Work.AGENT if history else None
    a.note("logfire.msg", "logfire.span_type", "logfire.json_schema", "logfire.msg_template")
    if "gen_ai.tool.definitions" in a.values:
        a.note("model_request_parameters")  # which repeats them
    return Reading(
        work=work,
        model=a.text("model_name"),
        agent_name=a.text("agent_name"),
        inputs=tuple(inputs or history),
        outputs=tuple(outputs),
        answered=a.text("final_result"),
        tool=tool,
        verdicts=_logfire_feedback(a),
        used=frozenset(a.used),
    )


def _logfire_feedback(a: Attributes) -> tuple[Verdict, ...]:
    name = a.text("logfire.feedback.name")
    if not name:
        return ()
    value = a.take(name)
    note = a.text("logfire.feedback.comment")
    if isinstance(value, bool):
        value = "success" if value else "failure"
    if isinstance(value, int | float):
        return (Verdict(name=name, score=float(value), note=note, by_person=True),)
    return (Verdict(name=name, label=as_text(value), note=note, by_person=True),)


@_reader("traceloop.", "gen_ai.prompt.", "gen_ai.completion.", "llm.request.type")
def _open_llmetry(a: Attributes, span: Span) -> Reading:
    kind = a.text("traceloop.span.kind").lower()
    request = a.text("llm.request.type").lower()
    inputs = tuple(m for one in a.list("gen_ai.prompt") for m in _flat_message(one, Role.USER))
    outputs = tuple(m for one in a.list("gen_ai.completion") for m in _flat_message(one, Role.ASSISTANT))
    work = {"tool": Work.TOOL, "agent": Work.AGENT, "workflow": Work.AGENT, "task": Work.AGENT}.get(kind)
    if inputs or outputs or request in ("chat", "completion"):
        work = Work.CHAT
    elif request:
        work = Work.ASIDE
    name = a.text("traceloop.entity.name")
    given, answer = a.take("traceloop.entity.input"), a.text("traceloop.entity.output")
    tool = None
    if work is Work.TOOL:
        wrapped = mapping(decoded(given))
        arguments = (
            wrapped.get("inputs")
            or wrapped.get("kwargs")
            or decoded(wrapped.get("input_str"))
            or decoded(given)
        )
        tool = ToolRun(name=name or span.name.removesuffix(".tool"), arguments=arguments, result=answer)
    a.note("traceloop.workflow.name", "traceloop.entity.path")
    return Reading(
        work=work,
        inputs=inputs,
        outputs=outputs,
        agent_name=name if work is Work.AGENT else "",
        asked=as_text(given) if work is Work.AGENT else "",
        answered=answer if work is Work.AGENT else "",
        tool=tool,
        used=frozenset(a.used),
    )


def _flat_message(one: dict[str, Any], default: Role) -> tuple[Message, ...]:
    role = role_of(one.get("role"), default)
    calls = tuple(
        Call(
            name=as_text(call.get("name")),
            arguments=decoded(call.get("arguments")) or {},
            call_id=as_text(call.get("id")),
        )
        for call in sub_list(one, "tool_calls")
    )
    content = one.get("content")
    if role is Role.TOOL:
        return (Message(role=role, text=as_text(content), call_id=as_text(one.get("tool_call_id"))),)
    found = messages_of([{"role": role.value, "content": content}]) if content else ()
    if not calls:
        return found
    text = "\n".join(m.text for m in found if m.role is role)
    return (Message(role=role, text=text, calls=calls), *(m for m in found if m.role is not role))


@_reader("ai.")
def _ai_sdk(a: Attributes, _span: Span) -> Reading:
    operation = a.text("ai.operationId", "operation.name")
    inner = operation.endswith((".doGenerate", ".doStream"))
    if operation.startswith("ai.toolCall"):
        tool = ToolRun(
            name=a.text("ai.toolCall.name"),
            call_id=a.text("ai.toolCall.id"),
            arguments=decoded(a.take("ai.toolCall.args", "ai.toolCall.input")),
            result=a.text("ai.toolCall.result", "ai.toolCall.output"),
        )
        return Reading(work=Work.TOOL, tool=tool, used=frozenset(a.used))
    inputs = messages_of(a.take("ai.prompt.messages")) if inner else messages_of(a.take("ai.prompt"))
    calls = tuple(calls_of(a.take("ai.response.toolCalls")))
    said = a.text("ai.response.text", "ai.response.object")
    outputs = (Message(role=Role.ASSISTANT, text=said, calls=calls),) if said or calls else ()
    work = Work.CHAT if inner else Work.ASIDE if "embed" in operation else Work.AGENT if operation else None
    counted = Tokens(
        input=a.count("ai.usage.promptTokens", "ai.usage.inputTokens"),
        output=a.count("ai.usage.completionTokens", "ai.usage.outputTokens"),
        cache_read=a.count("ai.usage.cachedInputTokens"),
    )
    return Reading(
        work=work,
        model=a.text("ai.model.id"),
        provider=a.text("ai.model.provider"),
        response_id=a.text("ai.response.id"),
        inputs=inputs,
        outputs=outputs if inner else (),
        answered="" if inner else said,
        tokens=counted if counted != Tokens() and inner else None,
        used=frozenset(a.used),
    )


@_reader("langfuse.")
def _langfuse(a: Attributes, span: Span) -> Reading:
    kind = a.text("langfuse.observation.type").lower()
    works = {"generation": Work.CHAT, "tool": Work.TOOL, "agent": Work.AGENT, "chain": Work.AGENT}
    work = works.get(kind)
    given, answer = a.take("langfuse.observation.input"), a.take("langfuse.observation.output")
    is_chat = work is Work.CHAT
    return Reading(
        work=work,
        model=a.text("langfuse.observation.model.name"),
        inputs=messages_of(given) if is_chat else (),
        outputs=messages_of(answer, default=Role.ASSISTANT) if is_chat else (),
        asked=as_text(given) if work is Work.AGENT else "",
        answered=as_text(answer) if work is Work.AGENT else "",
        tool=ToolRun(name=span.name, arguments=decoded(given), result=as_text(answer))
        if work is Work.TOOL
        else None,
        used=frozenset(a.used),
    )
